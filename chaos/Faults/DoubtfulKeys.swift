import NIOCore
import NIOHTTP1
import Synchronization

/// Keys that are overwritten, all at once and each once, through a node that loses the others in the middle: some of the
/// writes have reached nobody else. Once anybody has read one of them, everybody must.
struct DoubtfulKeys {
    private final class Answered: Sendable {
        private let value = Atomic(0)

        var count: Int { value.load(ordering: .relaxed) }
        func add() { value.add(1, ordering: .relaxed) }
        func reset() { value.store(0, ordering: .relaxed) }
    }

    private static let count = 240
    private static let writersAtOnce = 24
    private static let writeSecondsMax: Int64 = 12
    private static let readSecondsMax: Int64 = 3
    /// How long they are read.
    private static let nanosOfReading: UInt64 = 4_000_000_000

    let cluster: Cluster
    let course: Course
    let verdict: Verdict
    private let answered = Answered()
    private let keys: [(name: String, old: Pattern, new: Pattern)]

    init(_ cluster: Cluster, _ course: Course, _ verdict: Verdict) {
        self.cluster = cluster
        self.course = course
        self.verdict = verdict
        let number = course.number()
        keys = (0..<Self.count).map { index in
            let name = "doubt/\(number)/\(index)"
            func pattern() -> Pattern { Pattern(key: name, operation: course.number(), size: 200) }
            return (name, pattern(), pattern())
        }
    }

    /// Gives each its first value. False when not all of them have it: then nothing can be said.
    func prepare(through node: ClusterNode) async -> Bool {
        await put(through: node) { $0.old }.allSatisfy { $0 == 200 }
    }

    /// Gives each its second value, and tells which were begun and not answered with success.
    func overwrite(through node: ClusterNode) async -> [Int] {
        let answers = await put(through: node) { $0.new }
        return answers.indices.filter { answers[$0].map { $0 != 200 } ?? false }
    }

    /// Waits until so many are answered.
    func awaitAnswers(_ count: Int) async {
        let deadline = Clock.nanoseconds() + 10_000_000_000
        while answered.count < count, Clock.nanoseconds() < deadline {
            guard (try? await Task.sleep(for: .milliseconds(1))) != nil else { return }
        }
    }

    private func put(
        through node: ClusterNode,
        _ pattern: @escaping @Sendable ((name: String, old: Pattern, new: Pattern)) -> Pattern
    ) async -> [Int?] {
        answered.reset()
        return await withTaskGroup(of: [(Int, Int?)].self) { tasks in
            for writer in 0..<Self.writersAtOnce {
                tasks.addTask { await write(writer, node, pattern) }
            }
            var answers = [Int?](repeating: nil, count: keys.count)
            for await some in tasks { for (index, status) in some { answers[index] = status } }
            return answers
        }
    }

    private func write(
        _ writer: Int,
        _ node: ClusterNode,
        _ pattern: @Sendable ((name: String, old: Pattern, new: Pattern)) -> Pattern
    ) async -> [(Int, Int?)] {
        let session = S3Session(node.target, on: cluster.group)
        var answers: [(Int, Int?)] = []
        for index in stride(from: writer, to: keys.count, by: Self.writersAtOnce) {
            let key = keys[index]
            let reply = try? await session.put(
                MeshTrial.bucket,
                key.name,
                pattern(key),
                secondsMax: Self.writeSecondsMax
            )
            answers.append((index, reply?.status))
            answered.add()
            // Once one is in doubt the others would be refused before they are begun.
            guard reply?.status == 200 else { break }
        }
        await session.close()
        return answers
    }

    /// Reads those keys through one node after the other, `first` first, again and again. Nobody else writes them, so that
    /// whoever reads the first value after somebody has read the second one was lied to.
    func read(_ doubtful: [Int], first: ClusterNode) async {
        let nodes = [first] + cluster.nodes.filter { $0.number != first.number }
        let deadline = Clock.nanoseconds() + Self.nanosOfReading
        await withTaskGroup(of: Void.self) { tasks in
            for index in doubtful {
                tasks.addTask { await read(keys[index], nodes, until: deadline) }
            }
        }
    }

    private func read(
        _ key: (name: String, old: Pattern, new: Pattern),
        _ nodes: [ClusterNode],
        until deadline: UInt64
    ) async {
        let sessions = nodes.map { S3Session($0.target, on: cluster.group) }
        var seenThrough: String?
        var turn = 0
        while Clock.nanoseconds() < deadline, course.goesOn {
            let (node, session) = (nodes[turn % nodes.count], sessions[turn % nodes.count])
            turn += 1
            let request = HTTPRequest(
                method: .GET,
                target: S3Session.path(MeshTrial.bucket, key.name),
                secondsMax: Self.readSecondsMax
            )
            guard let response = try? await session.send(request), [200, 404].contains(response.status) else {
                verdict.count("reads of doubtful keys without an answer")
                continue
            }
            let seen = response.headers["x-amz-meta-operation"].first.flatMap { UInt64($0) }
            let isNew = seen == key.new.operation
            verdict.check(
                promise: .linearizable,
                isNew || seenThrough == nil && seen == key.old.operation,
                "\(key.name) through \(node.name): \(response.status) #\(seen ?? 0), when #\(key.new.operation) was read "
                    + "before through \(seenThrough ?? "nobody")"
            )
            if isNew { seenThrough = seenThrough ?? node.name }
        }
        for session in sessions { await session.close() }
    }
}

extension FaultDriver {
    /// A node is cut off while many writes through it are under way, long enough that it gives them up; then it is back.
    func leaveInDoubt(_ victim: ClusterNode, _ step: FaultPlan.Step) async throws {
        guard let namespaces = cluster.network.namespaces else { return }
        let keys = DoubtfulKeys(cluster, course, verdict)
        let others = cluster.nodes.map(\.number).filter { $0 != victim.number }
        guard await keys.prepare(through: victim) else { return }
        async let unanswered = keys.overwrite(through: victim)
        await keys.awaitAnswers(20 + Int(step.variant % 100))
        // It still hears what it has asked for and goes on with that, unheard.
        try await namespaces.cut(from: [victim.number], to: others)
        try await namespaces.cut(from: others, to: [victim.number])
        let doubtful = await unanswered
        verdict.count("writes left in doubt", doubtful.count)
        try await namespaces.heal()
        await keys.read(doubtful, first: victim)
    }
}
