package import Store
package import Swim

/// A blind write: PUT or DELETE without a condition, in a bucket that never had versioning, and rows of parts. Two round
/// trips, and no number of other writers makes it wait: a question to a quorum for rows as new as the stamp would be, then
/// a commit with a stamp above them all (ABD's write; what is older is below it anyhow).
///
/// **Only rows of the null class.** A blind row may land late, below rows that others placed meanwhile. Where the newer
/// one replaces the older this changes nothing. Where versions stay, a late one could come to light when a newer version
/// is removed, in the midst of a conditional write that judged the key without it; so in buckets with versioning, also
/// suspended, every write is a change (`ChangeMachine`), and no row ever lands late.
package struct WriteMachine: RegisterMachine {
    private enum Stage {
        case looking
        case committing
        case finished
    }

    private var calls: Calls
    private var row: Row
    private let writer: UInt64
    private let pace: RegisterPace
    private let faults: RegisterFaults
    private let wallMillis: UInt64
    private let deadline: UInt64
    /// As soon as the row has its stamp, and kept behind the end for late answers. An event changes it in place; as a
    /// payload of the stage it would be copied out and in.
    private var committing: Committing?
    private var isFinished = false
    private var poll: Poll<KeyRows>
    private var isHedged = false
    private var hedgeAt: UInt64 = 0

    /// - Parameters:
    ///   - row: what is to be written; its stamp is still to be chosen. A tombstone is left out when there is nothing to
    ///     delete. Bytes that it names are staged at the holders already.
    ///   - wallMillis: the time of day, the floor of the stamp.
    package init(_ task: RegisterTask, _ row: Row, wallMillis: UInt64) {
        precondition(row.record.isNull && row.ref.isVersion, "blind rows replace the version null")
        calls = Calls(task)
        writer = task.writer
        pace = task.pace
        faults = task.faults
        self.row = row
        self.wallMillis = wallMillis
        deadline = task.deadlineMicros
        poll = Poll(task.pace)
    }

    /// Holders that are not known to have the row with its bytes; after `.done` they are to be reminded of it. Answers
    /// that come later still shorten it.
    package var lacking: [NodeID] { committing?.lacking(calls) ?? [] }

    private var stage: Stage { isFinished ? .finished : committing == nil ? .looking : .committing }

    // MARK: Events

    package mutating func begin(now: UInt64, into outbox: inout [RegisterDirective]) {
        outbox.append(.wake(atMicros: deadline))
        if faults.contains(.localStamps) { return commit(above: nil, into: &outbox) }
        look(now: now, into: &outbox)
    }

    package mutating func reply(
        _ tag: CallTag,
        _ reply: ReplicaReply,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) {
        guard let (node, purpose) = calls.take(tag) else { return }
        if !isFinished { reply.askForLayout(node, into: &outbox) }
        switch (stage, purpose) {
        case (.looking, .look):
            switch reply {
            case .view(let view): poll.answer(node, KeyRows(view.chain))
            case .refused(let refusal) where refusal == .damaged || refusal == .closed || refusal == .notHolder:
                poll.lose(node, refusal)
            case .refused(let refusal): poll.fail(node, now: now, refusal: refusal, into: &outbox)
            default: poll.fail(node, now: now, into: &outbox)
            }
            judgeLooks(now: now, into: &outbox)
        case (.committing, .commit):
            follow(committing?.reply(node, reply, &calls, now: now, into: &outbox), into: &outbox)
        case (.finished, .commit):
            var ignored: [RegisterDirective] = []
            _ = committing?.reply(node, reply, &calls, now: now, into: &ignored)
        default: break
        }
    }

    package mutating func fail(_ tag: CallTag, now: UInt64, into outbox: inout [RegisterDirective]) {
        guard let (node, purpose) = calls.take(tag) else { return }
        switch (stage, purpose) {
        case (.looking, .look):
            poll.fail(node, now: now, into: &outbox)
            judgeLooks(now: now, into: &outbox)
        case (.committing, .commit):
            follow(committing?.fail(node, calls, now: now, into: &outbox), into: &outbox)
        default: break
        }
    }

    package mutating func wake(now: UInt64, into outbox: inout [RegisterDirective]) {
        if isFinished { return }
        if now >= deadline { return finish(failure(), into: &outbox) }
        switch stage {
        case .looking:
            for node in poll.due(now: now) { ask(node, into: &outbox) }
            if now >= hedgeAt, !isHedged {
                isHedged = true
                askRest(into: &outbox)
            }
            judgeLooks(now: now, into: &outbox)
        case .committing: follow(committing?.wake(&calls, now: now, into: &outbox), into: &outbox)
        case .finished: break
        }
    }

    package mutating func relayout(
        _ holders: HolderSet,
        epoch: UInt64,
        settled: UInt64,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) {
        if isFinished { return }
        let isNews = calls.relayout(holders, epoch: epoch, settled: settled)
        switch stage {
        case .looking:
            if isNews { return look(now: now, into: &outbox) }
            poll.hurry(now: now)
            wake(now: now, into: &outbox)
        case .committing:
            // The same stamp: a holder of before may have it already, and may have shown it. Under the floor it may even
            // have been deleted since, and that forgotten.
            if row.stamp.t < KeyRules.blindFloor(settled: calls.settled), !faults.contains(.lateStamps) {
                return finish(failure(), into: &outbox)
            }
            if isNews {
                committing?.begin(&calls, into: &outbox)
            } else {
                follow(committing?.hurry(&calls, now: now, into: &outbox), into: &outbox)
            }
        case .finished: break
        }
    }

    package mutating func resign(to node: NodeID, into outbox: inout [RegisterDirective]) {
        switch stage {
        case .looking: finish(.failed(.alone(.none)), into: &outbox)
        case .committing: if let committing { finish(committing.outcome(alone: node), into: &outbox) }
        case .finished: break
        }
    }

    // MARK: Looking

    private mutating func look(now: UInt64, into outbox: inout [RegisterDirective]) {
        poll = Poll(pace)
        hedgeAt = now + pace.hedgeMicros
        isHedged = false
        outbox.append(.wake(atMicros: hedgeAt))
        var asked: [NodeID] = []
        for node in calls.order {
            // Enough to know what is there; whether nothing is only all of them can say.
            if !isTombstone, calls.isQuorum(asked) { break }
            ask(node, into: &outbox)
            asked.append(node)
        }
    }

    /// Those that keep the look waiting are joined by the rest.
    private mutating func askRest(into outbox: inout [RegisterDirective]) {
        for node in calls.order where !poll.wasAsked(node) { ask(node, into: &outbox) }
    }

    private mutating func ask(_ node: NodeID, into outbox: inout [RegisterDirective]) {
        poll.asked(node)
        // A deletion has to see what is there. Any other write needs only rows that could raise its stamp.
        calls.send(
            node,
            isTombstone ? .look(calls.address, .current, .stamps) : .newest(calls.address, from: leastTime),
            .look,
            into: &outbox
        )
    }

    /// The time of the row's stamp, if no row of the key is stamped then or later.
    private var leastTime: UInt64 { KeyRules.blindTime(wallMillis: wallMillis, settled: calls.settled) }

    private var isTombstone: Bool { row.record.kind == .tombstone }

    private mutating func judgeLooks(now: UInt64, into outbox: inout [RegisterDirective]) {
        guard stage == .looking else { return }
        let answers = poll.answers
        guard calls.isQuorum(answers.map(\.node)) else {
            guard calls.isQuorum(calls.order.filter { !poll.lost.contains($0) }) else {
                return finish(failure(), into: &outbox)
            }
            if !calls.isQuorum(calls.order.filter { poll.isPromising($0) }) { askRest(into: &outbox) }
            return
        }
        if isTombstone, answers.allSatisfy({ $0.answer.top == nil }) {
            // A holder that is missing may have a row that nobody acknowledged, and it could come to light: only if all
            // have nothing there is nothing to delete.
            if calls.isEveryone(answers.map(\.node)) {
                return finish(.seen(sight(KeyRows(), answers.map(\.node))), into: &outbox)
            }
            if !isHedged, poll.answered.count + poll.lost.count < calls.order.count { return }
        }
        if isTombstone, let deleted = answers.first(where: { $0.answer.top?.kind == .tombstone })?.answer {
            let agreeing = answers.filter { $0.answer == deleted }.map(\.node)
            if calls.isQuorum(agreeing) { return finish(.seen(sight(deleted, agreeing)), into: &outbox) }
        }
        commit(above: answers.compactMap { $0.answer.top?.stamp }.max(), into: &outbox)
    }

    private func sight(_ rows: KeyRows, _ nodes: [NodeID]) -> KeySight {
        KeySight(rows: rows, found: nil, holders: calls.order.filter(nodes.contains))
    }

    // MARK: Committing

    private mutating func commit(above newest: Stamp?, into outbox: inout [RegisterDirective]) {
        let above = newest?.t ?? 0
        guard above < .max - 1, calls.settled < .max - 2 else {
            let failure = RegisterFailure(effect: .none, reason: .refused(.invalid), acks: 0, needed: calls.needed)
            return finish(.failed(failure), into: &outbox)
        }
        let t = max(leastTime, above + 1)
        row.record.stamp = Stamp(t: t, w: writer, q: 0)
        if faults.contains(.depthBeforeWriter) {
            row.record.stamp = Stamp(t: t, w: 0, q: UInt32(truncatingIfNeeded: writer))
        }
        committing = Committing(row, countsOrderOnly: false, pace)
        committing?.begin(&calls, into: &outbox)
    }

    private mutating func follow(_ step: Committing.Step?, into outbox: inout [RegisterDirective]) {
        switch step {
        case .waiting, nil: break
        case .done: finish(.done(row), into: &outbox)
        case .hopeless: finish(failure(), into: &outbox)
        }
    }

    private func failure() -> RegisterOutcome {
        let refusal = committing == nil ? poll.refusal : committing?.refusal
        return .failed(
            RegisterFailure(
                effect: committing == nil ? .none : .unknown,
                reason: refusal.map { .refused($0) } ?? .quorum,
                acks: committing?.acks ?? poll.answered.count,
                needed: calls.needed
            )
        )
    }

    private mutating func finish(_ outcome: RegisterOutcome, into outbox: inout [RegisterDirective]) {
        isFinished = true
        outbox.append(.finish(outcome))
    }
}
