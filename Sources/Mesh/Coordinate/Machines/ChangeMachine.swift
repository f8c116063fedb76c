package import Store
package import Swim

/// What a change makes of what it finds.
package enum ChangeVerdict: Sendable {
    /// Place this row behind the newest one. Its stamp is chosen by the machine, unless it has one: then it is placed
    /// with that or not at all.
    case write(Row)
    /// The condition is false: 412. With what made it so.
    case refuse(Row?)
    /// There is nothing to do.
    case keep
}

/// A change that depends on what is there: conditional writes and deletes, every write in a bucket with versioning,
/// removals and tags of versions, completion of uploads, small state.
///
/// Paxos, one instance for each (key, predecessor), where an absent key has none (`KeyBase`): look at the key until a
/// quorum agrees, judge, then place one row directly behind the newest one, where nothing else can ever sort. A look,
/// prepare, accept and commit: four round trips.
///
/// **At most once.** After an accept with its row has left, the machine never proposes it behind another predecessor,
/// unless it knows that another row was chosen in its place: then its own never will be. If it cannot know, the
/// outcome is a failure of unknown effect. A collection (`settled` rises) sends every change back to its look: what it
/// knew of the key may be gone with the tombstones, and a key that is absent does not tell whether its row was there.
package struct ChangeMachine: RegisterMachine {
    private enum Stage {
        case looking
        /// Outbid: prepare again at this time.
        case resting(until: UInt64)
        case preparing(Poll<Proposal?>)
        case accepting(Poll<Void>, Row)
        case committing(Committing)
        case finished(Committing?)
    }

    private let task: RegisterTask
    private let judge: @Sendable (KeySight) -> ChangeVerdict
    private var calls: Calls
    private var looking: Looking
    private var stage = Stage.looking
    private var random: Random
    private let wallMillis: UInt64

    /// What the key was when it was judged, and the row to be placed on that.
    private var base = KeyBase(KeyRows(), settled: 0)
    private var own: Row?
    /// Somebody told others already which stamp the row will have.
    private var isStampFixed = false
    /// An accept of `own` left in this instance.
    private var isProposed = false
    private var ballot: Ballot
    private var outbids = 0
    private var isContended = false
    private var isAnyBehind = false
    /// Tombstones were collected since `own` was proposed.
    private var isCollected = false

    /// - Parameters:
    ///   - selector: the version that the verdict is about: the current one for conditional writes and versioned puts, a
    ///     stamp for removals and tags.
    ///   - wallMillis: the time of day. Only a mutant of the tests makes use of it.
    ///   - judge: pure; called once for each look, with the record of the selected version in `found`. Its row is
    ///     well-formed, of the class null where it should replace the version null, and its bytes are staged already.
    package init(
        _ task: RegisterTask,
        _ selector: VersionSelector,
        depth: LookDepth = .record,
        wallMillis: UInt64 = 0,
        judge: @escaping @Sendable (KeySight) -> ChangeVerdict
    ) {
        self.task = task
        self.judge = judge
        calls = Calls(task)
        looking = Looking(LookAim(selector: selector, depth: depth, withTop: true), task)
        random = Random(seed: task.writer)
        ballot = Ballot(round: 0, proposer: task.writer)
        self.wallMillis = wallMillis
    }

    /// Holders that are not known to have the row with its bytes, see `WriteMachine.lacking`.
    package var lacking: [NodeID] {
        switch stage {
        case .committing(let committing), .finished(.some(let committing)): committing.lacking(calls)
        default: []
        }
    }

    // MARK: Events

    package mutating func begin(now: UInt64, into outbox: inout [RegisterDirective]) {
        outbox.append(.wake(atMicros: task.deadlineMicros))
        look(now: now, into: &outbox)
    }

    package mutating func reply(
        _ tag: CallTag,
        _ reply: ReplicaReply,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) {
        guard let (node, purpose) = calls.take(tag) else { return }
        if case .finished = stage {} else { reply.askForLayout(node, into: &outbox) }
        switch (stage, purpose) {
        case (.looking, _):
            follow(looking.reply(node, purpose, reply, &calls, now: now, into: &outbox), now: now, into: &outbox)
        case (.preparing(let poll), .prepare):
            prepared(node, reply, poll, now: now, into: &outbox)
        case (.accepting(let poll, let row), .accept):
            accepted(node, reply, poll, row, now: now, into: &outbox)
        case (.committing(var committing), .commit):
            let step = committing.reply(node, reply, &calls, now: now, into: &outbox)
            stage = .committing(committing)
            follow(step, now: now, into: &outbox)
        case (.finished(.some(var committing)), .commit):
            var ignored: [RegisterDirective] = []
            _ = committing.reply(node, reply, &calls, now: now, into: &ignored)
            stage = .finished(committing)
        default: break
        }
    }

    package mutating func fail(_ tag: CallTag, now: UInt64, into outbox: inout [RegisterDirective]) {
        guard let (node, purpose) = calls.take(tag) else { return }
        switch (stage, purpose) {
        case (.looking, _):
            follow(looking.fail(node, purpose, nil, &calls, now: now, into: &outbox), now: now, into: &outbox)
        case (.preparing(var poll), .prepare):
            poll.fail(node, now: now, into: &outbox)
            stage = .preparing(poll)
            checkReach(isAnyBehind ? poll.absent : poll.lost, now: now, into: &outbox)
        case (.accepting(var poll, let row), .accept):
            poll.fail(node, now: now, into: &outbox)
            stage = .accepting(poll, row)
            checkReach(poll.lost, now: now, into: &outbox)
        case (.committing(var committing), .commit):
            let step = committing.fail(node, calls, now: now, into: &outbox)
            stage = .committing(committing)
            follow(step, now: now, into: &outbox)
        default: break
        }
    }

    package mutating func wake(now: UInt64, into outbox: inout [RegisterDirective]) {
        if case .finished = stage { return }
        if now >= task.deadlineMicros { return finish(failure(), into: &outbox) }
        switch stage {
        case .looking: follow(looking.wake(&calls, now: now, into: &outbox), now: now, into: &outbox)
        case .resting(let until): if now >= until { prepare(now: now, into: &outbox) }
        case .preparing(var poll):
            for node in poll.due(now: now) {
                poll.asked(node)
                sendPrepare(node, into: &outbox)
            }
            stage = .preparing(poll)
        case .accepting(var poll, let row):
            for node in poll.due(now: now) {
                poll.asked(node)
                calls.send(node, .accept(row, predecessor: base.predecessor, ballot), .accept, into: &outbox)
            }
            stage = .accepting(poll, row)
        case .committing(var committing):
            let step = committing.wake(&calls, now: now, into: &outbox)
            stage = .committing(committing)
            follow(step, now: now, into: &outbox)
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
        if case .finished = stage { return }
        let before = calls.settled
        let isNews = calls.relayout(holders, epoch: epoch, settled: settled)
        if isNews, settled > before, !task.faults.contains(.changesGoOn) {
            isCollected = isCollected || isProposed
            return look(now: now, into: &outbox)
        }
        switch stage {
        case .looking:
            if isNews { return look(now: now, into: &outbox) }
            follow(looking.hurry(&calls, now: now, into: &outbox), now: now, into: &outbox)
        case .resting: break
        case .preparing(var poll):
            if isNews { return prepare(now: now, into: &outbox) }
            poll.hurry(now: now)
            stage = .preparing(poll)
            wake(now: now, into: &outbox)
        case .accepting(var poll, let row):
            // Answers of two epochs make no quorum: a new ballot collects them anew.
            if isNews { return prepare(now: now, into: &outbox) }
            poll.hurry(now: now)
            stage = .accepting(poll, row)
            wake(now: now, into: &outbox)
        case .committing(var committing):
            var step = Committing.Step.waiting
            if isNews {
                committing.begin(&calls, into: &outbox)
            } else {
                step = committing.hurry(&calls, now: now, into: &outbox)
            }
            stage = .committing(committing)
            follow(step, now: now, into: &outbox)
        case .finished: break
        }
    }

    package mutating func resign(to node: NodeID, into outbox: inout [RegisterDirective]) {
        if case .finished = stage { return }
        if case .committing(let committing) = stage, committing.row.record.op == own?.record.op {
            return finish(committing.outcome(alone: node), into: &outbox)
        }
        finish(.failed(.alone(isProposed ? .unknown : .none)), into: &outbox)
    }

    // MARK: Looking

    private mutating func look(now: UInt64, into outbox: inout [RegisterDirective]) {
        stage = .looking
        looking.begin(&calls, now: now, into: &outbox)
    }

    private mutating func follow(_ step: Looking.Step, now: UInt64, into outbox: inout [RegisterDirective]) {
        switch step {
        case .waiting: break
        case .hopeless: finish(failure(), into: &outbox)
        case .agreed(let sight): judge(sight, now: now, into: &outbox)
        }
    }

    private mutating func judge(_ sight: KeySight, now: UInt64, into outbox: inout [RegisterDirective]) {
        let here = KeyBase(sight.rows, settled: calls.settled)
        if isProposed, let own {
            if here.top == base.top || here.predecessor == base.predecessor {
                // It may have come and gone.
                if here.isAbsent, isCollected || !here.isBelow(own.stamp) { return finish(failure(), into: &outbox) }
                if here.top != base.top { base = here }
                return prepare(now: now, into: &outbox)
            }
            let successor = sight.rows.rows.first { $0.stamp == own.stamp }
            if successor?.op == own.record.op { return commit(own, into: &outbox) }
            // Another row was chosen here, so this one never was; else nobody can tell any more.
            guard successor != nil || task.faults.contains(.reproposes) else { return finish(failure(), into: &outbox) }
            isProposed = false
        }
        switch judge(sight) {
        case .keep: finish(.seen(sight), into: &outbox)
        case .refuse(let row): finish(.preconditionFailed(row), into: &outbox)
        case .write(var row):
            base = here
            isStampFixed = row.stamp != .zero
            // It can be placed as it is, or never will be.
            if isStampFixed, !base.takes(row.stamp) { return finish(.preconditionFailed(sight.found), into: &outbox) }
            guard let stamp = isStampFixed ? row.stamp : stamp(on: base) else {
                let failure = RegisterFailure(effect: .none, reason: .refused(.invalid), acks: 0, needed: calls.needed)
                return finish(.failed(failure), into: &outbox)
            }
            row.record.stamp = stamp
            own = row
            isCollected = false
            prepare(now: now, into: &outbox)
        }
    }

    private func stamp(on base: KeyBase) -> Stamp? {
        if task.faults.contains(.freshChangeStamps) {
            let blind = KeyRules.blindTime(wallMillis: wallMillis, settled: calls.settled)
            return Stamp(t: max(blind, (base.top?.t ?? 0) + 1), w: task.writer, q: 0)
        }
        if task.faults.contains(.depthBeforeWriter), let top = base.predecessor {
            return Stamp(t: top.t, w: top.w + 1, q: top.q)
        }
        return base.successor
    }

    // MARK: Preparing

    private mutating func prepare(now: UInt64, into outbox: inout [RegisterDirective]) {
        isAnyBehind = false
        ballot = Ballot(round: ballot.round + 1, proposer: ballot.proposer)
        calls.forgetAll()
        var poll = Poll<Proposal?>(task.pace)
        for node in calls.order {
            poll.asked(node)
            sendPrepare(node, into: &outbox)
        }
        stage = .preparing(poll)
    }

    private mutating func sendPrepare(_ node: NodeID, into outbox: inout [RegisterDirective]) {
        calls.send(node, .prepare(calls.address, predecessor: base.predecessor, ballot), .prepare, into: &outbox)
    }

    private mutating func prepared(
        _ node: NodeID,
        _ reply: ReplicaReply,
        _ before: Poll<Proposal?>,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) {
        var poll = before
        switch reply {
        case .promised(let accepted): poll.answer(node, accepted)
        case .elsewhere(let view):
            if isOver(view) { return look(now: now, into: &outbox) }
            poll.lose(node)
            if view.top == base.top {
                // It tells a settled tombstone from none.
                if tellsTombstones() { return prepare(now: now, into: &outbox) }
                // A look would show the same.
                if !isInReach(without: poll.lost) { return rest(above: ballot, now: now, into: &outbox) }
            }
            // It missed rows. A quorum that has them was just seen; if that is broken now, a look brings this one up.
            isAnyBehind = true
        case .outbid(let higher): return rest(above: higher, now: now, into: &outbox)
        case .refused(let refusal): poll.fail(node, now: now, refusal: refusal, into: &outbox)
        default: poll.fail(node, now: now, into: &outbox)
        }
        stage = .preparing(poll)
        guard calls.isQuorum(poll.answered) else {
            return checkReach(isAnyBehind ? poll.absent : poll.lost, now: now, into: &outbox)
        }
        let accepted = poll.answers.compactMap(\.answer)
            // Of a holder that missed the newest row that was seen: never chosen, or void.
            .filter { base.isBelow($0.row.stamp) }
            .max { $0.ballot < $1.ballot }
        if let row = accepted?.row ?? own { accept(row, into: &outbox) }
    }

    /// Goes on behind a tombstone that a holder tells from none: that of an older build, or one that has versions below
    /// that were not looked at. False: it is too late for that.
    private mutating func tellsTombstones() -> Bool {
        guard base.isAbsent, !isProposed, !isStampFixed, let top = base.top else { return false }
        let other = KeyBase(top: top)
        guard let stamp = other.successor else { return false }
        base = other
        own?.record.stamp = stamp
        return true
    }

    /// The holder has a newer row than the look found.
    private func isOver(_ view: KeyView) -> Bool {
        guard let top = view.top else { return false }
        return base.top.map { top > $0 } ?? true
    }

    /// Waits a random while, longer each time, so that of many racers one gets through.
    private mutating func rest(above higher: Ballot, now: UInt64, into outbox: inout [RegisterDirective]) {
        ballot = Ballot(round: max(ballot.round, higher.round), proposer: ballot.proposer)
        isContended = true
        calls.forgetAll()
        let span = Int(task.pace.backoffMicros) << min(outbids, 6)
        outbids += 1
        let until = now + UInt64(random.below(2 * span + 1))
        stage = .resting(until: until)
        outbox.append(.wake(atMicros: until))
    }

    /// Looks again when no quorum is left in this instance: that brings together holders that differ, and tells when
    /// none is left at all.
    private mutating func checkReach(_ lost: [NodeID], now: UInt64, into outbox: inout [RegisterDirective]) {
        if !isInReach(without: lost) { look(now: now, into: &outbox) }
    }

    private func isInReach(without lost: [NodeID]) -> Bool {
        calls.isQuorum(calls.order.filter { !lost.contains($0) })
    }

    // MARK: Accepting

    private mutating func accept(_ row: Row, into outbox: inout [RegisterDirective]) {
        if row.record.op == own?.record.op { isProposed = true }
        calls.forgetAll()
        var poll = Poll<Void>(task.pace)
        for node in calls.order {
            poll.asked(node)
            calls.send(node, .accept(row, predecessor: base.predecessor, ballot), .accept, into: &outbox)
        }
        stage = .accepting(poll, row)
    }

    private mutating func accepted(
        _ node: NodeID,
        _ reply: ReplicaReply,
        _ before: Poll<Void>,
        _ row: Row,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) {
        var poll = before
        switch reply {
        case .accepted: poll.answer(node, ())
        case .elsewhere(let view):
            if isOver(view) { return look(now: now, into: &outbox) }
            // It made no promise; the others may be enough.
            poll.lose(node)
        case .outbid(let higher): return rest(above: higher, now: now, into: &outbox)
        case .refused(let refusal) where refusal == .bucketClosed || refusal == .invalid: poll.lose(node, refusal)
        case .refused(let refusal): poll.fail(node, now: now, refusal: refusal, into: &outbox)
        default: poll.fail(node, now: now, into: &outbox)
        }
        stage = .accepting(poll, row)
        if calls.isQuorum(poll.answered) { return commit(row, into: &outbox) }
        checkReach(poll.lost, now: now, into: &outbox)
    }

    // MARK: Committing

    private mutating func commit(_ row: Row, into outbox: inout [RegisterDirective]) {
        let isOwn = row.record.op == own?.record.op
        calls.forgetAll()
        var committing = Committing(row, countsOrderOnly: !isOwn, task.pace)
        committing.begin(&calls, into: &outbox)
        stage = .committing(committing)
        if isOwn, task.faults.contains(.ackOnAccept) { finish(.done(row), into: &outbox) }
    }

    private mutating func follow(_ step: Committing.Step, now: UInt64, into outbox: inout [RegisterDirective]) {
        guard case .committing(let committing) = stage else { return }
        switch step {
        case .waiting: break
        case .hopeless: finish(failure(), into: &outbox)
        case .done:
            if committing.row.record.op == own?.record.op { return finish(.done(committing.row), into: &outbox) }
            // Somebody else's row has the place of the own one, which never will be chosen. With another stamp it says
            // nothing of it: an absent key takes rows that were proposed before the last collection, and is absent again
            // once they are deleted.
            isProposed = isProposed && committing.row.stamp != own?.stamp
            isContended = true
            look(now: now, into: &outbox)
        }
    }

    private func failure() -> RegisterOutcome {
        var acks = looking.acks
        var refusal = looking.refusal
        switch stage {
        case .committing(let committing):
            acks = committing.acks
            refusal = committing.refusal
        case .preparing(let poll): (acks, refusal) = (poll.answered.count, poll.refusal)
        case .accepting(let poll, _): (acks, refusal) = (poll.answered.count, poll.refusal)
        default: break
        }
        var reason = refusal.map { RegisterFailure.Reason.refused($0) } ?? .quorum
        if case .resting = stage { reason = .contention }
        if case .looking = stage, isContended || isProposed { reason = .contention }
        return .failed(
            RegisterFailure(effect: isProposed ? .unknown : .none, reason: reason, acks: acks, needed: calls.needed)
        )
    }

    private mutating func finish(_ outcome: RegisterOutcome, into outbox: inout [RegisterDirective]) {
        if case .committing(let committing) = stage { stage = .finished(committing) } else { stage = .finished(nil) }
        outbox.append(.finish(outcome))
    }
}
