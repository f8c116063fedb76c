import NIOCore
import NIOHTTP1

/// One client of a mesh: it sends each request to whichever node it likes, and waits for the answer.
///
/// Not Sendable: it belongs to one worker. It keeps a connection to each node, and notices every request that failed
/// though nothing was done to the node that it went to.
final class MeshClient {
    /// Without an answer by then the outcome is unknown.
    static let secondsMax: Int64 = 10

    private static let downNanosMax: UInt64 = 60_000_000_000

    let number: Int
    let cluster: Cluster
    let verdict: Verdict
    var random: SeededRandom
    private let group: any EventLoopGroup
    private var sessions: [Int: S3Session] = [:]

    /// - Parameter loop: where its connections are; nil: anywhere.
    init(number: Int, seed: UInt64, cluster: Cluster, verdict: Verdict, on loop: (any EventLoop)? = nil) {
        self.number = number
        group = loop ?? cluster.group
        self.cluster = cluster
        self.verdict = verdict
        random = SeededRandom(seed: seed, label: UInt64(number))
    }

    /// Sends what `call` makes through a node, by default a random one. `what` names it when it goes wrong. A status of
    /// `takes` is a definite answer, too; `mayLackBucket` says that the bucket may be gone by right.
    func send(
        _ what: String,
        through chosen: ClusterNode? = nil,
        takes: Set<Int> = [],
        mayLackBucket: Bool = false,
        _ call: (S3Session) async throws(HTTPFailure) -> HTTPResponse
    ) async -> Reply {
        let node = if let chosen { chosen } else { await pick() }
        let session = session(node)
        let begin = Clock.nanoseconds()
        let result: Result<HTTPResponse, HTTPFailure>
        do throws(HTTPFailure) {
            result = .success(try await call(session))
        } catch {
            result = .failure(error)
        }
        let reply = Reply(node: node.number, begin: begin, end: Clock.nanoseconds(), outcome: Outcome.of(result, takes))
        account(what, reply, node, mayLackBucket)
        return reply
    }

    /// Waits while no node is up, but not for ever: what cannot be started again refuses.
    private func pick() async -> ClusterNode {
        let deadline = Clock.nanoseconds() + Self.downNanosMax
        while true {
            if let node = cluster.pick(&random) { return node }
            if Clock.nanoseconds() > deadline, let node = cluster.nodes.first { return node }
            // Cancelled or not, the wait is short.
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func session(_ node: ClusterNode) -> S3Session {
        if let session = sessions[node.number] { return session }
        let session = S3Session(node.target, on: group)
        sessions[node.number] = session
        return session
    }

    /// Holds the reply against the promise that a majority answers.
    private func account(_ what: String, _ reply: Reply, _ node: ClusterNode, _ mayLackBucket: Bool) {
        verdict.count("requests")
        let millis = Int((reply.end - reply.begin) / 1_000_000)
        let trouble = cluster.troubles.excuse(reply.node, reply.begin, reply.end)
        verdict.traffic.add(
            Traffic.Entry(
                client: number,
                node: reply.node,
                begin: reply.begin,
                end: reply.end,
                what: what,
                outcome: reply.outcome.text
            ),
            isAnswered: reply.response != nil,
            isCalm: trouble == nil
        )
        let why: String
        switch reply.outcome {
        case .answered(let response):
            guard !mayLackBucket, response.status == 404, response.text.contains("<Code>NoSuchBucket<") else {
                return verdict.pass(.available)
            }
            why = "404 NoSuchBucket"
        case .withoutEffect(let text), .unknown(let text): why = text
        }
        if why.hasPrefix("409"), why.contains("ConditionalRequestConflict") || why.contains("OperationAborted") {
            return verdict.count("told to try again, others were at it (409)")
        }
        if let trouble { return verdict.count("failed beside a fault: \(trouble.what)") }
        verdict.fail(
            promise: .available,
            "\(what) through \(node.name), to which nothing was done: \(why), after \(millis) ms",
            around: [seconds(reply)] + node.logTail()
        )
    }

    private func seconds(_ reply: Reply) -> String {
        let faults = cluster.troubles.all.suffix(3)
            .map { trouble in
                let ago = Double(reply.begin) / 1e9 - Double(trouble.begin) / 1e9
                let until = trouble.end.map { String(Int((Double($0) - Double(trouble.begin)) / 1e6)) + " ms" }
                return "\(trouble.what) \(trouble.node.map { "n\($0)" } ?? "all") "
                    + "\((ago * 10).rounded() / 10) s before, for \(until ?? "still")"
            }
        return "last faults: " + faults.joined(separator: "; ")
    }

    func close() async {
        for session in sessions.values { await session.close() }
        sessions.removeAll()
    }
}
