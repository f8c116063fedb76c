internal import Store
internal import Swim
internal import Synchronization

/// Works at one rule on one node, as long as it is not cancelled: fills the outbox, passes over it again and again, sends
/// what is this node's to send, and tells others what is settled and what is theirs.
final class ReplicationWorker: Sendable {
    /// What was there before the rule is queued this far ahead of what is sent.
    private static let filledAhead = 20_000
    private static let fillLimit = 512
    private static let pageLimit = OutboxNotice.entriesMax
    private static let idleMillis = 250

    let rule: ReplicationRule
    private let around: ReplicationSurroundings
    private let settings: ReplicationCourse.Settings
    private let state: Mutex<State>

    private struct State {
        var report: ReplicationReport
        var course: ReplicationCourse
        var target: (target: any ReplicationTarget, place: String?)?
        /// When the last pass began: what was queued since then is younger.
        var passMillis: UInt64?
        var nextPassMillis: UInt64 = 0
        /// Where the next pass begins; nil: with the first key.
        var start: Key?
        /// Somebody asks for a pass now.
        var isHurried = false
    }

    /// - Parameter former: what the worker said that worked at the rule before it was changed: its counts go on.
    init(
        _ rule: ReplicationRule,
        _ around: ReplicationSurroundings,
        settings: ReplicationCourse.Settings,
        continuing former: ReplicationReport? = nil
    ) {
        self.rule = rule
        self.around = around
        self.settings = settings
        var report = former ?? ReplicationReport(rule: rule.name)
        report.oldestMillis = nil
        report.lastFailure = nil
        state = Mutex(State(report: report, course: ReplicationCourse(settings)))
    }

    /// How far this node is.
    var report: ReplicationReport {
        let now = WallClock.unixMillis
        var report = state.withLock { state in
            var report = state.report
            report.troubles = state.course.troublesCount
            report.oldestMillis = report.oldestMillis ?? state.passMillis
            report.restUntilMillis = state.course.rests(nowMillis: now) ? state.course.restUntilMillis : nil
            return report
        }
        report.queued = around.store.outboxCounts()[rule.id] ?? 0
        report.isFilling = around.store.backfillingFeeds().contains(rule.id)
        if report.queued == 0 { report.oldestMillis = nil }
        return report
    }

    /// Forgets rests, and begins a pass now.
    func hurry() {
        state.withLock { state in
            state.course.hurry()
            state.nextPassMillis = 0
            state.isHurried = true
        }
    }

    /// Takes turns until it is cancelled; rests when one found nothing to do.
    func run() async {
        while !Task.isCancelled {
            do {
                if try await turn() { continue }
            } catch is CancellationError {
                return
            } catch {
                note(nil, .source("\(error)"))
            }
            try? await Task.sleep(for: .milliseconds(Self.idleMillis))
        }
    }

    /// False: nothing was done, and the next one is not urgent.
    private func turn() async throws -> Bool {
        guard isWanted, let layout = around.layout() else { return false }
        let isAhead = around.store.outboxCounts()[rule.id, default: 0] >= Self.filledAhead
        if !isAhead, around.store.backfillingFeeds().contains(rule.id) {
            _ = try await around.store.backfill(rule.id, limit: Self.fillLimit)
        }
        let now = WallClock.unixMillis
        let isDue = state.withLock { !$0.course.rests(nowMillis: now) && $0.nextPassMillis <= now }
        let waiting = around.store.outboxCounts()[rule.id, default: 0]
        // What comes from here on is younger.
        if waiting == 0 { state.withLock { $0.passMillis = now } }
        guard isDue, waiting > 0 else {
            return !isAhead && around.store.backfillingFeeds().contains(rule.id)
        }
        guard let (target, place) = await connected() else { return false }
        let push = ReplicationPush(
            rule: rule,
            coordinator: around.coordinator,
            target: target,
            ownPlace: try await around.place(rule.bucket),
            targetPlace: place,
            soleStore: layout.isSole ? around.store.storeID : nil
        )
        let foundWork = try await pass(push, layout)
        state.withLock { state in
            // An order that came meanwhile is for another pass.
            defer { state.isHurried = false }
            if state.isHurried { return }
            state.passMillis = now
            state.nextPassMillis = ReplicationCourse.nextPass(
                rule.schedule,
                begunMillis: now,
                endedMillis: WallClock.unixMillis,
                foundWork: foundWork
            )
        }
        return foundWork
    }

    /// The target, once it has told its place; nil while it does not.
    private func connected() async -> (any ReplicationTarget, String?)? {
        if let known = state.withLock({ $0.target }) { return known }
        do {
            let target = try around.makeTarget(rule)
            let place = try await target.place()
            state.withLock { $0.target = (target, place) }
            return (target, place)
        } catch {
            note(nil, error)
            return nil
        }
    }

    // MARK: A pass

    private struct Page {
        var work: [OutboxEntry] = []
        var theirs: [NodeID: [OutboxEntry]] = [:]
        var last: Key?
    }

    /// Once over all that waits. Whether there was something to send.
    private func pass(_ push: ReplicationPush, _ layout: LayoutSight) async throws -> Bool {
        // Behind the key at which the target failed last time: it may be that key, and the others want their turn.
        let start = state.withLock { $0.start }
        var after = start
        var isEnd = false
        var tried: Key?
        // When each key was queued that is not settled yet.
        var left: [Key: UInt64] = [:]
        var waiting: ArraySlice<OutboxEntry> = []
        var settled: [OutboxEntry] = []
        var foundWork = false
        try await withThrowingTaskGroup(of: (OutboxEntry, ReplicationPush.Result?).self) { tasks in
            var busy = 0
            while true {
                if waiting.isEmpty, !isEnd {
                    let page = try await page(after: after, layout)
                    after = page.last
                    isEnd = page.last == nil || isResting
                    waiting = page.work[...]
                    for entry in page.work { left[entry.key] = entry.queuedMillis }
                    state.withLock { [oldest = left.values.min()] in $0.report.oldestMillis = oldest }
                    try await hand(page.theirs)
                }
                if isResting || !isWanted || Task.isCancelled {
                    waiting = []
                    isEnd = true
                }
                while busy < settings.atOnce, let entry = waiting.popFirst() {
                    busy += 1
                    foundWork = true
                    tried = entry.key
                    tasks.addTask { (entry, await self.bring(entry, push)) }
                }
                if busy == 0 {
                    if isEnd { break }
                    continue
                }
                guard let (entry, result) = try await tasks.next() else { break }
                busy -= 1
                if result != nil {
                    settled.append(entry)
                    left[entry.key] = nil
                }
                if settled.count >= Self.pageLimit / 4 || waiting.isEmpty {
                    try await settle(settled, layout)
                    settled = []
                }
            }
        }
        try await settle(settled, layout)
        let now = WallClock.unixMillis
        state.withLock { [oldest = left.values.min(), tried] in
            $0.report.oldestMillis = oldest
            $0.start = isResting($0) ? tried : nil
            if start == nil { $0.course.passed(nowMillis: now) }
        }
        return foundWork || start != nil
    }

    /// Who pauses a rule, or takes it away, is obeyed before the next key.
    private var isWanted: Bool { !rule.isPaused && around.rules.rule(rule.id).map { !$0.isPaused } ?? false }

    private var isResting: Bool { state.withLock { isResting($0) } }

    private func isResting(_ state: borrowing State) -> Bool { state.course.rests(nowMillis: WallClock.unixMillis) }

    /// The next keys that wait, sorted by whose they are. `last` is nil at the end.
    private func page(after: Key?, _ layout: LayoutSight) async throws -> Page {
        let entries = try await around.store.outbox(rule.id, after: after, limit: Self.pageLimit)
        let now = WallClock.unixMillis
        return state.withLock { state in
            var page = Page(last: entries.count < Self.pageLimit ? nil : entries.last?.key)
            for entry in entries {
                let duty = state.course.duty(
                    queuedMillis: entry.queuedMillis,
                    keepers: layout.keepers(RowAddress(rule.bucket, entry.key)),
                    own: layout.own,
                    isUsable: layout.isUsable,
                    nowMillis: now
                )
                switch duty {
                case .work: if state.course.admits(entry.key, nowMillis: now) { page.work.append(entry) }
                case .wait: break
                case .hand(let node):
                    guard state.course.mayHand(entry.key, nowMillis: now) else { break }
                    page.theirs[node, default: []].append(entry)
                }
            }
            return page
        }
    }

    private func bring(_ entry: OutboxEntry, _ push: ReplicationPush) async -> ReplicationPush.Result? {
        do throws(ReplicationFailure) {
            let result = try await push.bring(entry)
            state.withLock { state in
                state.course.succeeded(entry.key)
                switch result {
                case .sent(let bytes):
                    state.report.objectsSent += 1
                    state.report.bytesSent += bytes
                case .deleted: state.report.deletesSent += 1
                case .nothing: state.report.skipped += 1
                }
                if case .nothing = result { return }
                state.report.lastSentMillis = WallClock.unixMillis
            }
            return result
        } catch {
            note(entry.key, error)
            return nil
        }
    }

    private func note(_ key: Key?, _ failure: ReplicationFailure) {
        let now = WallClock.unixMillis
        state.withLock { state in
            state.course.failed(key, failure, nowMillis: now)
            state.report.failures += 1
            state.report.lastFailure = ReplicationReport.Failure(
                millis: now,
                key: failure.isOfTarget ? nil : key?.text,
                sentence: failure.sentence
            )
            // Who comes back may be another one.
            if failure.isOfTarget { state.target = nil }
        }
    }

    /// Takes keys away here, then with the other holders. Who does not hear of it asks about them later.
    private func settle(_ entries: [OutboxEntry], _ layout: LayoutSight) async throws {
        guard !entries.isEmpty else { return }
        try await around.store.settle(entries, of: rule.id)
        var byNode: [NodeID: [OutboxEntry]] = [:]
        for entry in entries {
            for node in layout.everyone(RowAddress(rule.bucket, entry.key)) where node != layout.own {
                byNode[node, default: []].append(entry)
            }
        }
        for (node, entries) in byNode where layout.isUsable(node) {
            _ = await around.tell(node, .settled, OutboxNotice(feed: rule.id, entries))
        }
    }

    /// Tells others of keys that are theirs and wait here. Who is not to have them at all gives them away.
    private func hand(_ theirs: [NodeID: [OutboxEntry]]) async throws {
        guard !theirs.isEmpty else { return }
        var fresh = 0
        var last: Key?
        for (node, entries) in theirs {
            guard let answer = await around.tell(node, .handed, OutboxNotice(feed: rule.id, entries)), answer.isDone
            else { continue }
            last = [last, entries.last?.key].compactMap(\.self).max()
            fresh += Int(answer.fresh)
            let layout = around.layout()
            let strays = entries.filter { entry in
                guard let layout else { return false }
                return !layout.keepers(RowAddress(rule.bucket, entry.key)).contains(layout.own)
            }
            try await around.store.settle(strays, of: rule.id)
        }
        state.withLock { [fresh, last] in
            $0.course.handed(upTo: last, fresh: fresh, nowMillis: WallClock.unixMillis)
        }
    }
}
