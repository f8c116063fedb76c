import HTTPTypes
import Mesh
import NIOCore
import Store
import Swim
import Synchronization

/// Conducts a rehearsal: looks whether the mesh can do without a node, lets it play dead, and proves with requests of its
/// own, all the time, that nothing fails.
final class Rehearsal: Sendable {
    static let secondsDefault = 30
    /// What a rehearsal may take beside the time of its node: to ask and to look before, to see it come back, to clean.
    static let secondsBesideMax = secondsAroundMax + secondsBefore + secondsToReturnMax + secondsToBeEqualMax
    static let secondsFault =
        "a node plays dead for \(RehearsalCall.secondsAllowed.lowerBound) to \(RehearsalCall.secondsAllowed.upperBound) "
        + "seconds"
    private static let secondsBefore = 5
    private static let secondsToReturnMax = 60
    private static let secondsToBeEqualMax = 120
    private static let secondsAroundMax = 55
    private static let tickMillis: Int64 = 100
    /// The node is asked whether it is really silent so often, but not while it may still, or already, speak.
    private static let listenMillis: Int64 = 1_000

    private let node: Node
    private let mesh: MeshNode
    private let cluster: Cluster
    private let subject: NodeID
    private let others: [NodeID]
    private let tally = RehearsalTally()
    private let state: Mutex<RehearsalReport>

    /// Throws an `AdminError` with what speaks against it.
    init(_ order: RehearsalOrder, _ subject: NodeID, on node: Node) async throws {
        let seconds = order.seconds ?? Self.secondsDefault
        guard RehearsalCall.secondsAllowed.contains(seconds) else {
            throw AdminError(.badRequest, "invalid", Self.secondsFault)
        }
        guard let cluster = node.cluster else {
            throw AdminError(.conflict, "left", "this node takes no part in a mesh: ask another one")
        }
        let facts = await ClusterBoard(node: node).look().facts
        guard let known = facts.nodes.first(where: { $0.id == subject }) else {
            throw AdminError(.notFound, "no_such_node", "there is no such node")
        }
        try await Self.check(known, facts, node, cluster)
        self.node = node
        self.cluster = cluster
        self.subject = subject
        mesh = try node.mesh()
        others = facts.nodes.filter { $0.isMember && $0.id != node.identity.id }.map(\.id)
        state = Mutex(
            RehearsalReport(
                id: String(SecureRandom.word(), radix: 16),
                node: known.name,
                nodeID: subject.description,
                conductor: node.name,
                seconds: seconds,
                startedMillis: JSON.nowMillis(),
                sentence: "\(node.name) looks how long requests take while everybody is there"
            )
        )
    }

    var report: RehearsalReport { state.withLock { $0 } }

    private static func check(
        _ subject: ClusterFacts.Node,
        _ facts: ClusterFacts,
        _ node: Node,
        _ cluster: Cluster
    ) async throws {
        let bereft = await cluster.conduct.spreadsBereft(without: subject.id)
        let check = RehearsalCheck(facts: facts, ownID: node.identity.id, bereft: bereft)
        if let objection = check.objection(to: subject) { throw AdminError(.conflict, "not_now", objection) }
    }

    // MARK: The others' part

    private func call(_ act: RehearsalCall.Act) -> Enquiry {
        let report = report
        return .rehearse(RehearsalCall(act, id: report.id, seconds: report.seconds))
    }

    /// Makes sure that no other rehearsal begins before this one is over.
    func acquire() async throws {
        // This node first: who cannot have his own one disturbs nobody.
        for nodes in [[node.identity.id], others] {
            for (id, answer) in await node.ask(call(.acquire), of: nodes) {
                guard answer != .done else { continue }
                await release()
                var reason = "its answer is not understood"
                if case .refused(let why) = answer { reason = why }
                throw AdminError(.conflict, "not_now", "\(name(of: id)) does not take part: \(reason)")
            }
        }
    }

    private func release() async { _ = await node.ask(call(.release), of: [node.identity.id] + others) }

    private func name(of id: NodeID) -> String {
        id == node.identity.id ? node.name : mesh.presence[id]?.name ?? "\(id)"
    }

    // MARK: The run

    /// Works to its end or until it is cancelled; tells how it goes, but not that it is done.
    func conduct(_ tell: @Sendable (RehearsalReport) -> Void) async {
        let from = await traffic()
        var requests: RehearsalRequests?
        do {
            let made = RehearsalRequests(coordinator: node.coordinator, bucket: try await makeBucket(), tally: tally)
            requests = made
            try await made.send { try await follow(tell) }
            let to = await traffic()
            change { report in
                tally.write(to: &report)
                let counted = report.count(from: from, to: to)
                report.judge(uncounted: others.filter { $0 != subject && !counted.contains($0) }.map(name))
            }
        } catch {
            let reason = error is CancellationError ? "this node stops" : AdminError(error).fault.message
            change { report in
                tally.write(to: &report)
                report.verdict = .brokenOff
                report.sentence = "The rehearsal was broken off: \(reason)."
            }
        }
        if let requests { await clean(requests) }
        await release()
        change { report in
            report.phase = .done
            report.endedMillis = JSON.nowMillis()
        }
        let severity: MeshEvent.Severity = report.verdict == .failed ? .error : .note
        node.events.note(EventDraft(.node, severity, report.sentence, about: report.node))
    }

    /// Also when this node stops: its coordinator ends later.
    private func clean(_ requests: RehearsalRequests) async {
        let isClean = await Task { (try? await requests.clean()) != nil }.value
        if !isClean { change { $0.sentence += " The bucket \(requests.bucket.name) is left: it can be deleted." } }
    }

    private func makeBucket() async throws -> Bucket {
        let bucket = Bucket.fresh(named: "meshd-rehearsal-\(report.id)", versioning: .off, copies: nil)
        guard case .done = try await node.coordinator.commit(.createBucket(bucket)) else {
            throw AdminError(.conflict, "busy", "the bucket of its requests cannot be made")
        }
        return bucket
    }

    private func follow(_ tell: @Sendable (RehearsalReport) -> Void) async throws {
        try await wait(seconds: Self.secondsBefore, tell) { false }
        try await pullThePlug()
        async let spoke = listen()
        try await wait(seconds: report.seconds + 1, tell) {
            self.noteBelief()
            return false
        }
        if let millis = await spoke {
            throw AdminError(.conflict, "not_dead", "\(report.node) answered after \(millis) ms, it was not away")
        }
        tally.endAbsence()
        change { report in
            report.phase = .back
            report.sentence = "\(report.node) speaks again, and gets what it missed"
        }
        try await wait(seconds: Self.secondsToReturnMax, tell) { self.noteReturn() }
        guard report.backMillis != nil else { return }
        try await wait(seconds: Self.secondsToBeEqualMax, tell) { await self.noteEqual() }
    }

    /// Once it is silent nobody can call it back: everything is looked at again before.
    private func pullThePlug() async throws {
        let facts = await ClusterBoard(node: node).look().facts
        guard let known = facts.nodes.first(where: { $0.id == subject }) else { throw MeshError.stopped }
        try await Self.check(known, facts, node, cluster)
        guard report.before.failed == 0 else {
            throw AdminError(.conflict, "not_now", "requests fail while everybody is there")
        }
        switch await node.ask(call(.playDead), of: [subject])[subject] {
        case .done: break
        case .refused(let reason):
            throw AdminError(.conflict, "not_now", "\(report.node) was asked to play dead: \(reason)")
        default: throw AdminError(.conflict, "not_now", "\(report.node) does not know how to play dead")
        }
        tally.beginAbsence()
        change { report in
            report.phase = .away
            report.sentence = "\(report.node) plays dead for \(report.seconds) s"
        }
    }

    /// When the node answered although it was to be silent; nil: it did not.
    private func listen() async -> Int64? {
        let silence = Self.listenMillis..<(Int64(report.seconds) * 1_000 - Self.listenMillis)
        while !Task.isCancelled, let since = tally.sinceAbsence, since < silence.upperBound {
            if silence.contains(since), case .condition = await node.ask(.condition, of: [subject])[subject],
                let now = tally.sinceAbsence, silence.contains(now)
            {
                return now
            }
            try? await Task.sleep(for: .milliseconds(Self.listenMillis))
        }
        return nil
    }

    /// Looks every moment until something is so, or time is over.
    private func wait(
        seconds: Int,
        _ tell: @Sendable (RehearsalReport) -> Void,
        until isSo: () async -> Bool
    ) async throws {
        func say() {
            change { tally.write(to: &$0) }
            tell(report)
        }
        let end = NIODeadline.now() + .seconds(Int64(seconds))
        var nextWord = NIODeadline.now()
        while NIODeadline.now() < end, await !isSo() {
            // All that was counted is looked through for a word: once a second is enough for people.
            if NIODeadline.now() >= nextWord {
                say()
                nextWord = .now() + .milliseconds(Self.listenMillis)
            }
            try await Task.sleep(for: .milliseconds(Self.tickMillis))
        }
        say()
    }

    private func noteBelief() {
        let hints = StoreDisk(node.store).hintCounts()[subject] ?? 0
        change { $0.hintsMax = max($0.hintsMax, hints) }
        guard let status = mesh.presence[subject]?.status, status != .alive else { return }
        let since = tally.sinceAbsence
        change { report in
            report.suspectedMillis = report.suspectedMillis ?? since
            if status != .suspect { report.deadMillis = report.deadMillis ?? since }
        }
    }

    private func noteReturn() -> Bool {
        guard mesh.presence[subject]?.status == .alive else { return false }
        let since = tally.sinceAbsence
        change { $0.backMillis = since }
        return true
    }

    /// Asks all nodes, so not too often.
    private func noteEqual() async -> Bool {
        try? await Task.sleep(for: .milliseconds(Self.listenMillis - Self.tickMillis))
        let answers = await node.ask(.condition, of: [node.identity.id] + others)
        let conditions = answers.values.compactMap { answer -> NodeCondition? in
            if case .condition(let condition) = answer { condition } else { nil }
        }
        let hints = conditions.flatMap(\.hints).filter { $0.peer == subject.description }.map(\.objects).max() ?? 0
        let wanted = conditions.first { $0.id == subject.description }?.wanted ?? 1
        let since = tally.sinceAbsence
        change { report in
            report.hintsMax = max(report.hintsMax, hints)
            if hints == 0, wanted == 0, conditions.count == answers.count { report.equalMillis = since }
        }
        return report.equalMillis != nil
    }

    /// What clients asked so far of each node but the one that plays dead, of those that answer.
    private func traffic() async -> [NodeID: TrafficReport] {
        await node.ask(.condition, of: [node.identity.id] + others.filter { $0 != subject }).compactMapValues {
            answer in
            guard case .condition(let condition) = answer else { return nil }
            return condition.traffic
        }
    }

    private func change(_ body: (inout RehearsalReport) -> Void) { state.withLock { body(&$0) } }
}
