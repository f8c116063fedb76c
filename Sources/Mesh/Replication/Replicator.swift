internal import NIOCore
package import Store
package import struct Store.Record
package import Swim
internal import Synchronization

/// Sends what rules say to where they say, with one worker for each. The door of the room.
package final class Replicator: Sendable {
    private static let lookMillis = 500
    private static let trimLimit = 512
    private static let tellMicros: UInt64 = 5_000_000

    private let rules: ReplicationRules
    private let around: ReplicationSurroundings
    private let settings = ReplicationCourse.Settings()
    private let state = Mutex<[UInt64: ReplicationWorker]>([:])
    /// Keys that are being queued once more.
    private let again = Mutex<Set<RowAddress>>([])
    /// Whoever may write can ask for it: more at once wait for their key's next change.
    private static let againMax = 256

    /// - Parameters:
    ///   - meshPrefix: what the mesh is called; throws while it is not known.
    ///   - isUsable: whether membership takes a node for one that would answer. Links that failed some while ago say
    ///     nothing of now.
    ///   - makeTarget: the way to where a rule sends.
    package init(
        rules: ReplicationRules,
        store: ObjectStore,
        coordinator: Coordinator,
        links: Links?,
        meshPrefix: @escaping @Sendable () async throws -> String,
        isUsable: @escaping @Sendable (NodeID) -> Bool,
        makeTarget: @escaping @Sendable (ReplicationRule) throws(ReplicationFailure) -> any ReplicationTarget
    ) {
        self.rules = rules
        around = ReplicationSurroundings(
            store: store,
            coordinator: coordinator,
            rules: rules,
            layout: { [weak coordinator] in coordinator?.layoutSight(isUsable) },
            place: { [weak store] bucket in
                let name = store?.bucket(bucket)?.name ?? ""
                return ReplicationOrigin.place(mesh: try await meshPrefix(), bucket: name)
            },
            makeTarget: makeTarget,
            tell: { [weak links] node, method, notice in
                // Behind whatever clients wait for.
                let answer = try? await links?.call(
                    node,
                    .bulk,
                    method.rawValue,
                    notice.wireBytes,
                    timeoutMicros: Self.tellMicros
                )
                return answer.flatMap { try? OutboxAnswer(wire: $0) }
            }
        )
        guard let links else { return }
        for method in OutboxMethod.allCases {
            links.serve(method.rawValue) { [weak self] _, payload, done in
                Task { done((await self?.answer(method, payload) ?? OutboxAnswer(isDone: false)).wireBytes) }
            }
        }
    }

    private func answer(_ method: OutboxMethod, _ payload: ByteBuffer) async -> OutboxAnswer {
        guard let notice = try? OutboxNotice(wire: payload) else { return OutboxAnswer(isDone: false) }
        do {
            switch method {
            case .settled:
                try await around.store.settleUpTo(notice.entries, of: notice.feed)
                return OutboxAnswer(isDone: true)
            case .handed:
                // Who has not heard of the rule must not say that the keys are in good hands.
                guard rules.rule(notice.feed) != nil else { return OutboxAnswer(isDone: false) }
                let fresh = try await around.store.take(notice.entries, into: notice.feed)
                return OutboxAnswer(isDone: fresh != nil, fresh: fresh ?? 0)
            }
        } catch { return OutboxAnswer(isDone: false) }
    }

    /// What this node says of each rule.
    package var reports: [ReplicationReport] {
        let workers = state.withLock { $0 }
        return rules.all().map { rule in
            if let worker = workers[rule.id] { return worker.report }
            // Its worker has not begun: what it will find is not known.
            var report = ReplicationReport(rule: rule.name)
            report.isFilling = around.store.bucket(rule.bucket) != nil
            return report
        }
    }

    /// Tries again at once what rests.
    package func hurry(_ rule: UInt64) { state.withLock { $0[rule] }?.hurry() }

    /// Queues a row for all rules of its bucket once more, with those who work at it: a target has shown that it has
    /// something older. Does not wait for it. Should nobody hear of it, the target keeps that until the key changes.
    package func sendAgain(_ record: Record) {
        guard let layout = around.layout() else { return }
        let feeds = rules.all().map(\.feed).filter { $0.covers(record) && $0.wants(record) }
        let address = RowAddress(record.bucket, record.key)
        guard !feeds.isEmpty, again.withLock({ $0.count < Self.againMax && $0.insert(address).inserted }) else {
            return
        }
        Task {
            for feed in feeds { await queue(OutboxEntry(record), feed.id, layout, layout.keepers(address)) }
            again.withLock { _ = $0.remove(address) }
        }
    }

    private func queue(_ entry: OutboxEntry, _ feed: UInt64, _ layout: LayoutSight, _ keepers: [NodeID]) async {
        let isTaken = await withTaskGroup(of: Bool.self) { tasks in
            for node in keepers where node == layout.own || layout.isUsable(node) {
                tasks.addTask { await self.queue(entry, feed, with: node, isOwn: node == layout.own) }
            }
            return await tasks.reduce(false) { $0 || $1 }
        }
        // From here it is handed to them when they can be reached.
        if !isTaken { _ = await queue(entry, feed, with: layout.own, isOwn: true) }
    }

    private func queue(_ entry: OutboxEntry, _ feed: UInt64, with node: NodeID, isOwn: Bool) async -> Bool {
        guard isOwn else { return await around.tell(node, .handed, OutboxNotice(feed: feed, [entry]))?.isDone == true }
        do { return try await around.store.take([entry], into: feed) != nil } catch { return false }
    }

    /// Follows the rules until it is cancelled.
    package func run() async {
        var running: [UInt64: (worker: ReplicationWorker, task: Task<Void, Never>)] = [:]
        // Of workers whose rule was changed, until the next one begins.
        var former: [UInt64: ReplicationReport] = [:]
        while !Task.isCancelled {
            let wanted = Dictionary(uniqueKeysWithValues: followed().map { ($0.id, $0) })
            for (id, entry) in running where wanted[id] != entry.worker.rule {
                // Two workers of one rule would send everything twice.
                running[id] = nil
                await Self.end([entry.task])
                former[id] = entry.worker.report
            }
            // Fails on a full disk, or in a stop: the next look begins anew.
            let isFollowed: Void? = try? await around.store.setFeeds(wanted.values.map(\.feed))
            if isFollowed != nil {
                for (id, rule) in wanted where running[id] == nil {
                    let worker = ReplicationWorker(
                        rule,
                        around,
                        settings: settings,
                        continuing: former.removeValue(forKey: id)
                    )
                    running[id] = (worker, Task { await worker.run() })
                }
            }
            let workers = running.mapValues(\.worker)
            state.withLock { $0 = workers }
            _ = try? await around.store.trimOutbox(limit: Self.trimLimit)
            try? await Task.sleep(for: .milliseconds(Self.lookMillis))
        }
        await Self.end(running.values.map(\.task))
    }

    private static func end(_ tasks: [Task<Void, Never>]) async {
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    /// Rules of buckets that are there.
    private func followed() -> [ReplicationRule] { rules.all().filter { around.store.bucket($0.bucket) != nil } }
}
