import NIOCore
import NIOHTTP1
import Synchronization

/// The keys that all register workers fight for at present, and those that they have left.
final class RegisterField: Sendable {
    private struct State {
        var present: [RegisterHistory] = []
        var left: [RegisterHistory] = []
        var made = 0
    }

    private let bucket: String
    private let state = Mutex(State())

    init(bucket: String, width: Int) {
        self.bucket = bucket
        state.withLock { state in
            for _ in 0..<width { state.present.append(Self.fresh(bucket, &state)) }
        }
    }

    private static func fresh(_ bucket: String, _ state: inout State) -> RegisterHistory {
        state.made += 1
        return RegisterHistory(bucket: bucket, key: "register/\(state.made % 7)/\(state.made)")
    }

    /// One of the hot keys; one that has seen enough makes room for another.
    func pick(_ random: inout SeededRandom) -> RegisterHistory {
        state.withLock { state in
            let index = Int.random(in: 0..<state.present.count, using: &random)
            let history = state.present[index]
            guard history.isFull else { return history }
            state.left.append(history)
            state.present[index] = Self.fresh(bucket, &state)
            return state.present[index]
        }
    }

    /// Those that nobody works on any more and that were not taken before.
    func takeLeft() -> [RegisterHistory] {
        state.withLock { state in
            let quiet = state.left.filter(\.isQuiet)
            state.left.removeAll(where: \.isQuiet)
            return quiet
        }
    }

    /// All the rest, once the workers have gone home.
    func takeAll() -> [RegisterHistory] {
        state.withLock { state in
            defer { (state.left, state.present) = ([], []) }
            return state.left + state.present
        }
    }
}

/// Reads, writes, deletes and swaps a few hot keys through any node.
actor RegisterWorker {
    private let client: MeshClient
    private let field: RegisterField
    private let course: Course
    /// The last write that this worker saw of a key, with its ETag: what its conditions are about.
    private var seen: [String: (etag: String, value: UInt64)] = [:]

    init(client: sending MeshClient, field: RegisterField, course: Course) {
        self.client = client
        self.field = field
        self.course = course
    }

    func work() async {
        await course.pace { await step() }
        await close()
    }

    func close() async { await client.close() }

    private func step() async {
        let history = field.pick(&client.random)
        let last = seen[history.key]
        switch Int.random(in: 0..<100, using: &client.random) {
        case 0..<22: await write(history, nil)
        case 22..<30: await delete(history, nil)
        case 30..<40: await write(history, .isAbsent)
        case 40..<56:
            if let last { await write(history, .holds(last.value), last.etag) } else { await read(history) }
        case 56..<60:
            if let last { await delete(history, (last.value, last.etag)) } else { await read(history) }
        case 60..<68: await read(history, isHead: true)
        default: await read(history)
        }
    }

    /// Mostly small, some beyond what travels in the row, a few of several chunks.
    private func size() -> Int {
        switch Int.random(in: 0..<40, using: &client.random) {
        case 0: Int.random(in: 1 << 20...3 << 20, using: &client.random)
        case 1..<6: Int.random(in: 16 << 10...200 << 10, using: &client.random)
        default: Int.random(in: 24...4096, using: &client.random)
        }
    }

    func read(_ history: RegisterHistory, isHead: Bool = false, through node: ClusterNode? = nil) async {
        history.begin(nil)
        let target = S3Session.path(history.bucket, history.key)
        let what = "\(isHead ? "HEAD" : "GET") \(history.key)"
        let reply = await client.send(what, through: node) { session throws(HTTPFailure) in
            try await session.send(
                HTTPRequest(method: isHead ? .HEAD : .GET, target: target, secondsMax: MeshClient.secondsMax)
            )
        }
        guard let response = reply.response else { return history.end(nil) }
        let value: UInt64?
        switch ObjectReading.see(response, isHead: isHead, pattern: history.pattern) {
        case .nothing: value = nil
        case .write(let number):
            value = number
            if let etag = response.headers["etag"].first { seen[history.key] = (etag, number) }
        case .wrong(let what):
            client.verdict.fail(promise: .whole, "\(history.key) through n\(reply.node): read \(what)")
            return history.end(nil)
        }
        client.verdict.pass(.whole)
        history.end(operation(.read(value), reply))
    }

    private func write(
        _ history: RegisterHistory,
        _ condition: RegisterOperation.Condition?,
        _ etag: String = ""
    ) async {
        let pattern = Pattern(key: history.key, operation: course.number(), size: size())
        let header: (String, String)? =
            switch condition {
            case .isAbsent: ("If-None-Match", "*")
            case .holds: ("If-Match", etag)
            case nil: nil
            }
        history.begin(pattern)
        let reply = await client.send("PUT \(history.key)\(Self.note(header))") { session throws(HTTPFailure) in
            try await session.put(
                history.bucket,
                history.key,
                pattern,
                headers: header.map { [$0] } ?? [],
                secondsMax: MeshClient.secondsMax
            )
        }
        if reply.status == 200, let etag = reply.response?.headers["etag"].first {
            seen[history.key] = (etag, pattern.operation)
        }
        close(history, condition, pattern.operation, reply)
    }

    private func delete(_ history: RegisterHistory, _ expected: (value: UInt64, etag: String)?) async {
        history.begin(nil)
        let header = expected.map { ("If-Match", $0.etag) }
        let target = S3Session.path(history.bucket, history.key)
        let reply = await client.send("DELETE \(history.key)\(Self.note(header))") {
            session throws(HTTPFailure) in
            try await session.send(
                HTTPRequest(
                    method: .DELETE,
                    target: target,
                    headers: header.map { [$0] } ?? [],
                    secondsMax: MeshClient.secondsMax
                )
            )
        }
        close(history, expected.map { .holds($0.value) }, nil, reply)
    }

    private static func note(_ header: (String, String)?) -> String { header.map { " \($0.0): \($0.1)" } ?? "" }

    /// Notes how a write ended.
    private func close(
        _ history: RegisterHistory,
        _ condition: RegisterOperation.Condition?,
        _ value: UInt64?,
        _ reply: Reply
    ) {
        let done: RegisterOperation.Kind = condition.map { .swap($0, value) } ?? .write(value)
        switch reply.outcome {
        case .answered(let response):
            if (200..<300).contains(response.status) {
                client.verdict.count("writes acknowledged")
                history.end(operation(done, reply))
            } else if let condition {
                client.verdict.count("writes refused by their condition")
                history.end(operation(.refusal(condition), reply))
            } else {
                history.end(nil)
            }
        case .withoutEffect: history.end(nil)
        case .unknown:
            client.verdict.count("writes without an answer")
            history.end(operation(done, reply))
        }
    }

    private func operation(_ kind: RegisterOperation.Kind, _ reply: Reply) -> RegisterOperation {
        RegisterOperation(
            kind: kind,
            client: client.number,
            node: reply.node,
            begin: reply.begin,
            end: reply.isUnknown ? nil : reply.end
        )
    }
}
