import Store
import Swim

/// The first phase of reads and changes: looks at the holders until a quorum agrees on the key.
///
/// Holders that differ are brought together first, before anything is concluded: the rows that some of them missed are
/// fetched from those that have them and written to the others (the write-back of ABD). So what one operation saw no
/// later one can miss.
///
/// **Chains that end too early.** A holder shows its rows down to its current version. If another holder knows that this
/// version was removed, the answer lies below, where the first one showed nothing: it is given the removal and asked
/// again (an older version that a quorum acknowledged may be visible on that holder alone).
struct Looking: Sendable {
    enum Step {
        case waiting
        case agreed(KeySight)
        /// No quorum is left.
        case hopeless
    }

    private enum Stage {
        case looking
        /// Rows that are still to come, and for whom the rows are.
        case fetching(Set<Stamp>)
        case pushing
    }

    /// Looks that have to start over because rows were replaced meanwhile; then the operation gives up.
    private static let roundsMax = 64

    let aim: LookAim
    private let pace: RegisterPace
    private let faults: RegisterFaults
    private var stage = Stage.looking
    private var poll: Poll<Sighting>
    private var raw: [Row] = []
    private var merged = KeyRows()
    /// Rows that are on their way to a holder.
    private var pushes: [(node: NodeID, stamp: Stamp)] = []
    private var recordNode: NodeID?
    private var hedgeAt: UInt64 = 0
    private var isHedged = false
    private var rounds = 0

    init(_ aim: LookAim, _ task: RegisterTask) {
        self.aim = aim
        pace = task.pace
        faults = task.faults
        poll = Poll(task.pace)
    }

    var acks: Int { poll.answered.count }
    var refusal: Store.Refusal? { poll.refusal }

    // MARK: Events

    /// Also starts over.
    mutating func begin(_ calls: inout Calls, now: UInt64, into outbox: inout [RegisterDirective]) {
        calls.forgetAll()
        stage = .looking
        poll = Poll(pace)
        raw = []
        pushes = []
        recordNode = nil
        isHedged = false
        hedgeAt = now + pace.hedgeMicros
        outbox.append(.wake(atMicros: hedgeAt))
        var asked: [NodeID] = []
        for node in calls.order {
            // A read asks just enough; a change will need all of them anyway.
            if !aim.withTop, calls.isQuorum(asked) { break }
            look(node, asked.isEmpty ? aim.depth : .stamps, &calls, into: &outbox)
            asked.append(node)
        }
    }

    mutating func reply(
        _ node: NodeID,
        _ purpose: Calls.Purpose,
        _ reply: ReplicaReply,
        _ calls: inout Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        switch (purpose, reply) {
        case (.look, .view(let view)):
            var sighting = aim.sighting(of: view)
            if case .current = aim.selector, faults.contains(.noDeeperLook) { sighting.end = .zero }
            poll.answer(node, sighting)
        case (.fetch, .rows(let rows)):
            return fetched(rows, &calls, now: now, into: &outbox)
        case (.push(let stamp), .stored):
            pushes.removeAll { $0.node == node && $0.stamp == stamp }
            if !pushes.contains(where: { $0.node == node }) { caughtUp(node, &calls, into: &outbox) }
        case (.look, .refused(let refusal)) where refusal == .damaged || refusal == .closed || refusal == .notHolder:
            poll.lose(node, refusal)
        case (_, .refused(let refusal)):
            return fail(node, purpose, refusal, &calls, now: now, into: &outbox)
        default:
            return fail(node, purpose, nil, &calls, now: now, into: &outbox)
        }
        return evaluate(&calls, now: now, into: &outbox)
    }

    mutating func fail(
        _ node: NodeID,
        _ purpose: Calls.Purpose,
        _ refusal: Store.Refusal?,
        _ calls: inout Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        switch purpose {
        case .fetch: return startOver(&calls, now: now, into: &outbox)
        case .push:
            pushes.removeAll { $0.node == node }
            // Else nobody would be brought together any more.
            if pushes.isEmpty, case .pushing = stage { stage = .looking }
            // Its sighting is worth nothing until it has the rows: it is looked at again.
            poll.asked(node)
        default: break
        }
        poll.fail(node, now: now, refusal: refusal, into: &outbox)
        return evaluate(&calls, now: now, into: &outbox)
    }

    mutating func wake(_ calls: inout Calls, now: UInt64, into outbox: inout [RegisterDirective]) -> Step {
        for node in poll.due(now: now) { look(node, aim.depth, &calls, into: &outbox) }
        if !isHedged, now >= hedgeAt {
            isHedged = true
            for node in calls.order where !poll.wasAsked(node) { look(node, aim.depth, &calls, into: &outbox) }
        }
        return evaluate(&calls, now: now, into: &outbox)
    }

    /// Holders that failed are asked again at once.
    mutating func hurry(_ calls: inout Calls, now: UInt64, into outbox: inout [RegisterDirective]) -> Step {
        poll.hurry(now: now)
        return wake(&calls, now: now, into: &outbox)
    }

    // MARK: Judging

    private mutating func evaluate(
        _ calls: inout Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        let answers = poll.answers
        for (index, entry) in answers.enumerated() {
            if answers[..<index].contains(where: { $0.answer.rows == entry.answer.rows }) { continue }
            let group = answers.filter { $0.answer.rows == entry.answer.rows }
            if calls.isQuorum(group.map(\.node)) { return agreed(group, &calls, into: &outbox) }
        }
        // Nodes that failed, or of which more are needed than were asked at first.
        let missing = calls.order.filter { !poll.wasAsked($0) }
        let unlost = calls.order.filter { !poll.lost.contains($0) }
        guard calls.isQuorum(unlost) else { return .hopeless }
        let isSplit = calls.isQuorum(poll.answered)
        if !missing.isEmpty, isSplit || !calls.isQuorum(calls.order.filter { poll.isPromising($0) }) {
            for node in missing { look(node, aim.depth, &calls, into: &outbox) }
        }
        guard isSplit, case .looking = stage else { return .waiting }
        if faults.contains(.noWriteBack) { return carelessly(answers, &calls, into: &outbox) }
        // A holder that is about to answer may settle it.
        if !isHedged, calls.order.contains(where: { calls.isWaiting(for: $0, .look) }) { return .waiting }
        return writeBack(answers, &calls, now: now, into: &outbox)
    }

    private mutating func agreed(
        _ group: [(node: NodeID, answer: Sighting)],
        _ calls: inout Calls,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        let rows = group[0].answer.rows
        let nodes = calls.order.filter { node in group.contains { $0.node == node } }
        var sight = KeySight(rows: rows, found: nil, holders: nodes)
        guard aim.depth != .stamps, let answer = rows.answer(to: aim.selector) else { return .agreed(sight) }
        for entry in group {
            if let found = entry.answer.found, found.stamp == answer.stamp {
                sight.found = found
                return .agreed(sight)
            }
        }
        if let found = aim.found(rows, in: raw) {
            sight.found = found
            return .agreed(sight)
        }
        let isComing = recordNode.map { calls.isWaiting(for: $0, .look) } ?? false
        if isHedged || !isComing, let node = nodes.first(where: { !calls.isWaiting(for: $0, .look) }) {
            recordNode = node
            calls.send(node, .look(calls.address, aim.selector, aim.depth), .look, into: &outbox)
        }
        return .waiting
    }

    /// The fault of reading without a write-back.
    private mutating func carelessly(
        _ answers: [(node: NodeID, answer: Sighting)],
        _ calls: inout Calls,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        let rows = aim.merged(answers.map(\.answer))
        var sight = KeySight(rows: rows, found: nil, holders: answers.map(\.node))
        guard aim.depth != .stamps, let answer = rows.answer(to: aim.selector) else { return .agreed(sight) }
        sight.found = answers.compactMap(\.answer.found).first { $0.stamp == answer.stamp }
        if sight.found != nil { return .agreed(sight) }
        if let owner = answers.first(where: { $0.answer.rows.rows.contains(answer) })?.node,
            !calls.isWaiting(for: owner, .look)
        {
            calls.send(owner, .look(calls.address, aim.selector, aim.depth), .look, into: &outbox)
        }
        return .waiting
    }

    // MARK: Write-back

    private mutating func writeBack(
        _ answers: [(node: NodeID, answer: Sighting)],
        _ calls: inout Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        merged = aim.merged(answers.map(\.answer))
        var wanted: [RowRef] = merged.rows.filter { row in
            answers.contains { lacks($0.answer, row) }
        }
        if aim.depth != .stamps, let answer = merged.answer(to: aim.selector) {
            wanted.append(answer)
            if let retag = merged.retag(of: answer.stamp) { wanted.append(retag) }
        }
        let stamps = Set(wanted.map(\.stamp)).subtracting(raw.map(\.stamp))
        stage = .fetching(stamps)
        if stamps.isEmpty { return push(&calls, now: now, into: &outbox) }
        for node in calls.order {
            guard let sighting = answers.first(where: { $0.node == node })?.answer else { continue }
            let owned = sighting.rows.rows.map(\.stamp).filter { stamp in
                // Each row from the first holder that showed it.
                stamps.contains(stamp)
                    && !calls.order.prefix { $0 != node }.contains { earlier in
                        answers.contains { $0.node == earlier && $0.answer.rows.rows.contains { $0.stamp == stamp } }
                    }
            }
            for start in stride(from: 0, to: owned.count, by: ReplicaCall.fetchMax) {
                let some = Array(owned[start..<min(start + ReplicaCall.fetchMax, owned.count)])
                calls.send(node, .fetch(calls.address, some), .fetch, into: &outbox)
            }
        }
        return .waiting
    }

    /// Below the end of its chain a holder may have what it did not show; it is asked again when it has the rest.
    private func lacks(_ sighting: Sighting, _ row: RowRef) -> Bool {
        if let end = sighting.end, row.stamp < end { return false }
        return !sighting.rows.rows.contains { $0.stamp == row.stamp }
    }

    private mutating func fetched(
        _ rows: [Row],
        _ calls: inout Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        guard case .fetching(var wanted) = stage else { return .waiting }
        for row in rows where wanted.remove(row.stamp) != nil { raw.append(row) }
        stage = .fetching(wanted)
        if wanted.isEmpty { return push(&calls, now: now, into: &outbox) }
        let isMoreComing = calls.order.contains { calls.isWaiting(for: $0, .fetch) }
        return isMoreComing ? .waiting : startOver(&calls, now: now, into: &outbox)
    }

    private mutating func push(
        _ calls: inout Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        stage = .pushing
        for (node, sighting) in poll.answers {
            // Oldest first, so that a row arrives before the one that changes it.
            let missed = merged.rows.reversed().filter { lacks(sighting, $0) }
            for row in missed {
                guard let whole = raw.first(where: { $0.stamp == row.stamp }) else { continue }
                pushes.append((node, row.stamp))
                calls.send(node, .commit(whole), .push(row.stamp), into: &outbox)
            }
            if missed.isEmpty { caughtUp(node, &calls, into: &outbox) }
        }
        return evaluate(&calls, now: now, into: &outbox)
    }

    /// The holder has all rows that were seen, or newer ones.
    private mutating func caughtUp(_ node: NodeID, _ calls: inout Calls, into outbox: inout [RegisterDirective]) {
        guard let sighting = poll.answers.first(where: { $0.node == node })?.answer else { return }
        var isShort = false
        if case .current = aim.selector, let end = sighting.end {
            isShort = merged.current.map { end > $0.stamp } ?? true
        }
        if isShort, !faults.contains(.noDeeperLook) {
            look(node, .stamps, &calls, into: &outbox)
        } else if sighting.rows != merged {
            poll.answer(node, Sighting(rows: merged, end: merged.current?.stamp, found: nil))
        }
        if pushes.isEmpty { stage = .looking }
    }

    private mutating func startOver(
        _ calls: inout Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        rounds += 1
        guard rounds < Self.roundsMax else { return .hopeless }
        begin(&calls, now: now, into: &outbox)
        return .waiting
    }

    private mutating func look(
        _ node: NodeID,
        _ depth: LookDepth,
        _ calls: inout Calls,
        into outbox: inout [RegisterDirective]
    ) {
        poll.asked(node)
        if depth == aim.depth { recordNode = node }
        calls.send(node, .look(calls.address, aim.selector, depth), .look, into: &outbox)
    }
}
