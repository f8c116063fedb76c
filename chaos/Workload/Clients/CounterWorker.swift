import NIOCore
import NIOHTTP1
import Synchronization

/// A counter in an object: each write of it stands for one more than the write that it replaced.
final class Counter: Sendable {
    private struct State {
        var tally = CounterTally()
        /// What each write stands for.
        var values: [UInt64: (value: Int, pattern: Pattern)] = [:]
    }

    let bucket: String
    let key: String
    private let state = Mutex(State())

    init(bucket: String, number: Int) {
        self.bucket = bucket
        key = "counter/\(number)"
    }

    var reached: Int { state.withLock { $0.tally.reached } }

    var increments: Int { state.withLock { $0.tally.increments } }

    func pattern(_ write: UInt64) -> Pattern? { state.withLock { $0.values[write]?.pattern } }

    func value(_ write: UInt64) -> Int? { state.withLock { $0.values[write]?.value } }

    func begin(_ write: Pattern, _ value: Int) {
        state.withLock { state in
            state.values[write.operation] = (value, write)
            state.tally.begin(value)
        }
    }

    func with<R>(_ body: (inout CounterTally) -> R) -> R { state.withLock { body(&$0.tally) } }
}

/// Raises counters by compare-and-swap through any node.
actor CounterWorker {
    private let client: MeshClient
    private let counters: [Counter]
    private let course: Course

    init(client: sending MeshClient, counters: [Counter], course: Course) {
        self.client = client
        self.counters = counters
        self.course = course
    }

    func work() async {
        await course.pace { await step() }
        await close()
    }

    func close() async { await client.close() }

    private func step() async {
        guard let counter = counters.randomElement(using: &client.random) else { return }
        guard let (value, etag) = await read(counter) else { return }
        let pattern = Pattern(key: counter.key, operation: course.number(), size: 64)
        counter.begin(pattern, value + 1)
        let condition = etag.map { ("If-Match", $0) } ?? ("If-None-Match", "*")
        let reply = await client.send("PUT \(counter.key) \(condition.0): \(condition.1)") {
            session throws(HTTPFailure) in
            try await session.put(
                counter.bucket,
                counter.key,
                pattern,
                headers: [condition],
                secondsMax: MeshClient.secondsMax
            )
        }
        switch reply.outcome {
        case .answered(let response) where response.status == 200:
            client.verdict.count("increments")
            object(counter.with { $0.acknowledge(value + 1, by: pattern.operation) }, counter, reply)
        case .answered, .withoutEffect: break
        case .unknown: counter.with { $0.lose() }
        }
    }

    /// What the counter is, and the ETag to swap; nil when nobody could say.
    private func read(_ counter: Counter, through node: ClusterNode? = nil) async -> (Int, String?)? {
        let least = counter.reached
        let reply = await client.send("GET \(counter.key)", through: node) { session throws(HTTPFailure) in
            try await session.send(
                HTTPRequest(
                    method: .GET,
                    target: S3Session.path(counter.bucket, counter.key),
                    secondsMax: MeshClient.secondsMax
                )
            )
        }
        guard let response = reply.response else { return nil }
        let found: (Int, String?)
        switch ObjectReading.see(response, pattern: counter.pattern) {
        case .nothing: found = (0, nil)
        case .write(let number): found = (counter.value(number) ?? 0, response.headers["etag"].first)
        case .wrong(let what):
            client.verdict.fail(promise: .whole, "\(counter.key) through n\(reply.node): read \(what)")
            return nil
        }
        object(counter.with { $0.read(found.0, least: least) }, counter, reply)
        return found
    }

    private func object(_ objection: String?, _ counter: Counter, _ reply: Reply) {
        client.verdict.check(
            promise: .counter,
            objection == nil,
            "\(counter.key) through n\(reply.node): \(objection ?? "")"
        )
    }

    /// At the end, through one node.
    func inspect(_ counter: Counter, through node: ClusterNode) async {
        guard let (value, _) = await read(counter, through: node) else { return }
        let objection = counter.with { $0.close(value) }
        client.verdict.check(
            promise: .counter,
            objection == nil,
            "\(counter.key) through \(node.name): \(objection ?? "")"
        )
    }
}
