import NIOCore
import NIOHTTP1

/// One client of a load: a connection to one node, one request at a time.
struct BenchClient: Sendable {
    static let secondsMax: Int64 = 30

    let number: Int
    let plan: BenchPlan
    let target: S3Target
    let tickets: BenchTickets
    let group: any EventLoopGroup

    /// Works until no ticket is left, or the time is over.
    @concurrent
    func work() async -> BenchTally {
        let session = S3Session(target, on: group)
        var random = SeededRandom(seed: plan.seed, label: UInt64(number))
        var tally = BenchTally()
        var state = Progress()
        while let due = await tickets.next() {
            let wanted = plan.operation == .mix ? BenchOperation.drawn(&random) : plan.operation
            // Of the mix one deletes what one has put; before that there is nothing to delete.
            let operation = plan.operation == .mix && wanted == .delete && state.own.isEmpty ? .put : wanted
            if plan.operation == .delete, tickets.isStockEmpty { break }
            let sent = Clock.nanoseconds()
            do throws(HTTPFailure) {
                let (response, bytes) = try await send(operation, session, &random, &state)
                if let why = objection(response) {
                    tally.fail(operation, why)
                } else {
                    let end = Clock.nanoseconds()
                    tally.add(operation, due: due, sent: sent, end: end, bytes: bytes)
                }
            } catch {
                tally.fail(operation, "\(error)")
                // A store that is not there is not asked thousands of times a second. Cancelled, it is asked at once.
                try? await Task.sleep(for: .milliseconds(10))
            }
        }
        await session.close()
        return tally
    }

    private struct Progress {
        var written = 0
        /// Keys that this client has put and may delete.
        var own: [String] = []
    }

    private func objection(_ response: HTTPResponse) -> String? {
        guard (200..<300).contains(response.status) else {
            return "\(response.status) \(XMLText(response.text).first("Code") ?? "")"
        }
        return response.firstDifference.map { _ in "other bytes than were put" }
    }

    /// The answer and how many bytes of objects went one way or the other.
    private func send(
        _ operation: BenchOperation,
        _ session: S3Session,
        _ random: inout SeededRandom,
        _ state: inout Progress
    ) async throws(HTTPFailure) -> (HTTPResponse, Int) {
        switch operation {
        case .put, .mix:
            // As many keys as were prepared, over and over: the disk takes a bounded load.
            let key = "put/\(number)/\(state.written % plan.keys)"
            let pattern = Pattern(key: key, operation: UInt64(state.written), size: plan.size(state.written))
            if state.written < plan.keys { state.own.append(key) }
            state.written += 1
            return (try await session.put(plan.bucket, key, pattern, secondsMax: Self.secondsMax), pattern.size)
        case .get:
            let (key, pattern) = plan.prepared(Int.random(in: 0..<plan.keys, using: &random))
            let response = try await session.send(
                HTTPRequest(
                    method: .GET,
                    target: S3Session.path(plan.bucket, key),
                    reception: .compare(pattern),
                    secondsMax: Self.secondsMax
                )
            )
            return (response, response.bytesReceived)
        case .delete:
            let key = state.own.popLast() ?? plan.prepared(tickets.takeStock()).key
            return (try await session.delete(plan.bucket, key), 0)
        case .list:
            let query = ListingCheck.Query(prefix: "base/")
            return (try await session.list(plan.bucket, query, after: nil, secondsMax: Self.secondsMax), 0)
        }
    }
}
