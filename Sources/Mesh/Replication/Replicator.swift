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
    /// How many keys are being queued once more.
    private let queueing = Atomic<Int>(0)
    /// Whoever may write can ask for it: more at once are told to come again.
    private static let queueingMax = 256

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
            case .asked:
                guard rules.rule(notice.feed) != nil else { return OutboxAnswer(isDone: false) }
                return OutboxAnswer(isDone: try await around.store.queueAgain(notice.entries, into: notice.feed))
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

    /// Queues a row for all rules of its bucket once more: the other store has shown that it has something older. True also
    /// where no rule wants it. False: the holder that works at the key did not take it, or too many are being queued, and
    /// the other store has to be told to come again.
    package func sendAgain(_ record: Record) async -> Bool {
        let feeds = rules.all().map(\.feed).filter { $0.covers(record) && $0.wants(record) }
        guard !feeds.isEmpty else { return true }
        guard let layout = around.layout() else { return false }
        let count = queueing.add(1, ordering: .relaxed).newValue
        defer { queueing.subtract(1, ordering: .relaxed) }
        guard count <= Self.queueingMax else { return false }
        let keepers = layout.keepers(RowAddress(record.bucket, record.key))
        let usable = keepers.filter { $0 == layout.own || layout.isUsable($0) }
        let entry = OutboxEntry(record, askedMicros: WallClock.unixMicros)
        var isTaken = true
        for feed in feeds {
            let takers = await withTaskGroup(of: NodeID?.self) { tasks in
                for node in usable {
                    tasks.addTask { await self.queue(entry, feed.id, with: node, own: layout.own) ? node : nil }
                }
                return await tasks.reduce(into: Set()) { if let node = $1 { $0.insert(node) } }
            }
            // The first one is whom `ReplicationCourse.duty` lets work, now or when those before it were away long enough.
            isTaken = isTaken && usable.first.map(takers.contains) == true
        }
        return isTaken
    }

    private func queue(_ entry: OutboxEntry, _ feed: UInt64, with node: NodeID, own: NodeID) async -> Bool {
        guard node == own else {
            return await around.tell(node, .asked, OutboxNotice(feed: feed, [entry]))?.isDone == true
        }
        do { return try await around.store.queueAgain([entry], into: feed) } catch { return false }
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
