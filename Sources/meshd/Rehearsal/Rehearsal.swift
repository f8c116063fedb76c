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
    private static let secondsBefore = 5
    private static let tickMillis: Int64 = 100
    /// How long the node may take until others see it, and until nothing waits for it.
    private static let returnSeconds: Int64 = 60
    private static let equalSeconds: Int64 = 120

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
            let (least, most) = (RehearsalCall.secondsAllowed.lowerBound, RehearsalCall.secondsAllowed.upperBound)
            throw AdminError(.badRequest, "invalid", "a node plays dead for \(least) to \(most) seconds")
        }
        guard let cluster = node.cluster else {
            throw AdminError(.conflict, "left", "this node takes no part in a mesh: ask another one")
        }
        let facts = await ClusterBoard(node: node).look().facts
        guard let known = facts.nodes.first(where: { $0.id == subject }) else {
            throw AdminError(.notFound, "no_such_node", "there is no such node")
        }
        if let objection = await Self.objection(to: known, facts, node, cluster) {
            throw AdminError(.conflict, "not_now", objection)
        }
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
                watcher: node.settings.name,
                seconds: seconds,
                startedMillis: JSON.nowMillis(),
                sentence: "\(node.settings.name) looks how long requests take while everybody is there"
            )
        )
    }

    var report: RehearsalReport { state.withLock { $0 } }

    /// Why this node cannot be missed now, as a sentence.
    private static func objection(
        to subject: ClusterFacts.Node,
        _ facts: ClusterFacts,
        _ node: Node,
        _ cluster: Cluster
    ) async -> String? {
        let name = subject.name
        guard subject.id != node.identity.id else {
            return "\(name) cannot watch itself play dead: begin it from another node"
        }
        guard subject.isMember else { return "\(name) has no place in the mesh" }
        // Who comes and goes is there; that may be the last rehearsal's doing.
        func isThere(_ known: ClusterFacts.Node) -> Bool {
            known.condition != nil && (known.state == .alive || known.state == .unstable)
        }
        let missing = facts.nodes.filter { $0.isMember && !isThere($0) }.map(\.name)
        guard missing.isEmpty else {
            return "all nodes have to be there, and \(missing.joined(separator: ", ")) cannot be counted on now"
        }
        guard !facts.isChanging else { return "the layout is changing: wait until that is done" }
        let waiting = facts.nodes.flatMap { $0.condition?.hints ?? [] }.map(\.objects).max() ?? 0
        let wanted = facts.nodes.compactMap { $0.condition?.wanted }.max() ?? 0
        guard waiting == 0, wanted == 0 else {
            return "some objects still wait for a node (\(max(waiting, wanted))): wait until nothing does"
        }
        let bereft = await cluster.conduct.copiesBereft(without: subject.id)
        guard bereft.isEmpty else {
            let copies = bereft.map(String.init).joined(separator: " or ")
            return "without \(name) requests would fail: keys in \(copies) \(bereft == [1] ? "copy" : "copies") would "
                + "have no majority. That takes three nodes, or two and a witness, and no bucket with one copy"
        }
        return nil
    }

    // MARK: The others' part

    private func call(_ act: RehearsalCall.Act) -> Enquiry {
        let report = report
        return .rehearse(
            RehearsalCall(act, id: report.id, node: report.node, watcher: report.watcher, seconds: report.seconds)
        )
    }

    /// Makes sure that no other rehearsal begins before this one is over.
    func hold() async throws {
        // This node first: who cannot hold its own place disturbs nobody.
        for nodes in [[node.identity.id], others] {
            for (id, answer) in await node.ask(call(.hold), of: nodes) {
                guard answer != .done else { continue }
                await release()
                let name = mesh.presence[id]?.name ?? (id == node.identity.id ? node.settings.name : "\(id)")
                var reason = "its answer is not understood"
                if case .refused(let why) = answer { reason = why }
                throw AdminError(.conflict, "not_now", "\(name) does not take part: \(reason)")
            }
        }
    }

    private func release() async { _ = await node.ask(call(.release), of: [node.identity.id] + others) }

    // MARK: The run

    /// Works to its end or until it is cancelled; tells how it goes.
    func conduct(_ tell: @Sendable (RehearsalReport) -> Void) async {
        let from = await clients()
        do {
            let probes = RehearsalProbes(coordinator: node.coordinator, bucket: try await makeBucket(), tally: tally)
            let work = Task { await probes.run() }
            // Whatever happens, they end.
            defer { work.cancel() }
            try await withTaskCancellationHandler {
                try await follow(tell)
            } onCancel: {
                work.cancel()
            }
            work.cancel()
            await work.value
            let to = await clients()
            change { report in
                report.clientRequests = to.requests &- min(from.requests, to.requests)
                report.clientFailures = to.failures &- min(from.failures, to.failures)
                report.judge()
            }
            do {
                try await probes.clean()
            } catch {
                change { $0.sentence += " The bucket \(probes.bucket.name) is left: it can be deleted." }
            }
        } catch {
            let reason = error is CancellationError ? "this node stops" : AdminError(error).fault.message
            change { report in
                report.verdict = .brokenOff
                report.sentence = "The rehearsal was broken off: \(reason)."
            }
        }
        change { report in
            report.phase = .done
            report.endedMillis = JSON.nowMillis()
        }
        let report = report
        tell(report)
        node.events.note(
            EventDraft(.node, report.verdict == .failed ? .error : .note, report.sentence, about: report.node)
        )
        await release()
    }

    private func makeBucket() async throws -> Bucket {
        let bucket = Bucket(
            id: .fresh(SecureRandom.word()),
            name: "meshd-rehearsal-\(report.id)",
            createdMillis: JSON.nowMillis(),
            versioning: .off,
            settings: BucketSettings(copies: nil).encoded
        )
        guard case .done = try await node.coordinator.commit(.createBucket(bucket)) else {
            throw AdminError(.conflict, "busy", "the bucket of the probes cannot be made")
        }
        return bucket
    }

    private func follow(_ tell: @Sendable (RehearsalReport) -> Void) async throws {
        try await wait(seconds: Int64(Self.secondsBefore), tell) { false }
        guard case .done = await node.ask(call(.playDead), of: [subject])[subject] ?? .refused("") else {
            throw AdminError(.conflict, "not_now", "\(report.node) did not begin to play dead")
        }
        tally.beginAbsence()
        change { report in
            report.phase = .away
            report.sentence = "\(report.node) plays dead for \(report.seconds) s"
        }
        try await wait(seconds: Int64(report.seconds) + 1, tell) {
            await self.noteBelief()
            return false
        }
        tally.beginReturn()
        change { report in
            report.phase = .returning
            report.sentence = "\(report.node) speaks again, and gets what it missed"
        }
        try await wait(seconds: Self.returnSeconds, tell) { self.noteReturn() }
        guard report.backMillis != nil else { return }
        try await wait(seconds: Self.equalSeconds, tell) { await self.noteEqual() }
    }

    /// Looks every moment until something is so, or time is over.
    private func wait(
        seconds: Int64,
        _ tell: @Sendable (RehearsalReport) -> Void,
        until isSo: () async -> Bool
    ) async throws {
        let end = NIODeadline.now() + .seconds(seconds)
        while NIODeadline.now() < end {
            let isOver = await isSo()
            change { self.tally.write(to: &$0) }
            tell(report)
            if isOver { return }
            try await Task.sleep(for: .milliseconds(Self.tickMillis))
        }
    }

    private func noteBelief() async {
        let hints = await node.condition().hints.filter { $0.peer == subject.description }.map(\.objects).max() ?? 0
        change { $0.hintsMost = max($0.hintsMost, hints) }
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
        try? await Task.sleep(for: .milliseconds(900))
        let answers = await node.ask(.condition, of: [node.identity.id] + others)
        let conditions = answers.values.compactMap { answer -> NodeCondition? in
            if case .condition(let condition) = answer { condition } else { nil }
        }
        let hints = conditions.flatMap(\.hints).filter { $0.peer == subject.description }.map(\.objects).max() ?? 0
        let wanted = conditions.first { $0.id == subject.description }?.wanted ?? 1
        let since = tally.sinceAbsence
        change { report in
            report.hintsMost = max(report.hintsMost, hints)
            if hints == 0, wanted == 0, conditions.count == answers.count { report.equalMillis = since }
        }
        return report.equalMillis != nil
    }

    /// What clients asked of all nodes but the one that is away.
    private func clients() async -> (requests: UInt64, failures: UInt64) {
        let answers = await node.ask(.condition, of: [node.identity.id] + others.filter { $0 != subject })
        return answers.values.reduce(into: (0, 0)) { sum, answer in
            guard case .condition(let condition) = answer, let traffic = condition.traffic else { return }
            sum.0 += traffic.requests
            sum.1 += traffic.failures
        }
    }

    private func change(_ body: (inout RehearsalReport) -> Void) { state.withLock { body(&$0) } }
}

extension RehearsalReport {
    /// Says how it went, from what was counted.
    mutating func judge() {
        let probes = before.count + away.count + returning.count
        let slowest = Int(max(away.slowestMillis, returning.slowestMillis).rounded())
        guard away.count > 0 else {
            verdict = .brokenOff
            sentence = "The rehearsal says nothing: no probe was sent while \(node) was away."
            return
        }
        verdict = .failed
        if probesFailed > 0 {
            sentence = "\(probesFailed) of \(probes) probes failed."
        } else if clientFailures > 0 {
            sentence = "No probe failed, but \(clientFailures) of \(clientRequests) requests of clients did."
        } else if backMillis == nil {
            sentence = "Nothing failed, but \(node) was not seen alive again."
        } else if equalMillis == nil {
            sentence = "Nothing failed, but something still waits for \(node)."
        } else {
            verdict = .passed
            sentence =
                "\(node) was away for \(seconds) s and nothing failed: \(probes) probes and \(clientRequests) requests "
                + "of clients went on, no probe took longer than \(slowest) ms."
        }
    }
}
