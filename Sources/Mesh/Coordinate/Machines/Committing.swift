import Store
import Swim

/// The last phase of every write: gives a decided row to all holders until a quorum has it.
struct Committing: Sendable {
    enum Step {
        case waiting
        case done
        /// No quorum is left.
        case hopeless
    }

    let row: Row
    /// Whether a holder without the bytes counts: for somebody else's row, whose bytes are where he staged them.
    private let countsOrderOnly: Bool
    private let pace: RegisterPace
    private var poll: Poll<Void>
    /// Who said once that it has the row, in whatever epoch.
    private var having: [NodeID] = []
    /// Beside a witness: until when the other keeper of the bytes is waited for, since a quorum has the row.
    private var patienceEnd: UInt64?

    init(_ row: Row, countsOrderOnly: Bool, _ pace: RegisterPace) {
        self.row = row
        self.countsOrderOnly = countsOrderOnly
        self.pace = pace
        poll = Poll(pace)
    }

    var acks: Int { counted.count }
    var refusal: Store.Refusal? { poll.refusal }
    private var counted: [NodeID] { poll.answered }

    /// Holders that are not known to have the row and its bytes.
    func lacking(_ calls: Calls) -> [NodeID] {
        let have = counted
        return calls.order.filter { !have.contains($0) }
    }

    /// Also after a change of the layout: all are asked anew, with the same row.
    mutating func begin(_ calls: inout Calls, into outbox: inout [RegisterDirective]) {
        poll = Poll(pace)
        patienceEnd = nil
        for node in calls.order { send(node, &calls, into: &outbox) }
    }

    mutating func reply(
        _ node: NodeID,
        _ reply: ReplicaReply,
        _ calls: inout Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        switch reply {
        // It came while the bytes were on their way to others, or was cut loose: it fetches them from those that have
        // them, and may soon be one more.
        case .stored(.withoutBytes) where !countsOrderOnly: poll.fail(node, now: now, into: &outbox)
        case .stored:
            having.append(node)
            poll.answer(node, ())
        case .refused(.bucketClosed): poll.lose(node, .bucketClosed)
        case .refused(.invalid): poll.lose(node, .invalid)
        case .refused(.notHolder): poll.lose(node, .notHolder)
        case .refused(.diskFull): poll.lose(node, .diskFull)
        case .refused(let refusal): poll.fail(node, now: now, refusal: refusal, into: &outbox)
        default: poll.fail(node, now: now, into: &outbox)
        }
        return judge(calls, now: now, into: &outbox)
    }

    mutating func fail(
        _ node: NodeID,
        _ calls: Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Step {
        poll.fail(node, now: now, into: &outbox)
        return judge(calls, now: now, into: &outbox)
    }

    mutating func wake(_ calls: inout Calls, now: UInt64, into outbox: inout [RegisterDirective]) -> Step {
        for node in poll.due(now: now) { send(node, &calls, into: &outbox) }
        return judge(calls, now: now, into: &outbox)
    }

    mutating func hurry(_ calls: inout Calls, now: UInt64, into outbox: inout [RegisterDirective]) -> Step {
        poll.hurry(now: now)
        return wake(&calls, now: now, into: &outbox)
    }

    private mutating func judge(_ calls: Calls, now: UInt64, into outbox: inout [RegisterDirective]) -> Step {
        if calls.isQuorum(counted) {
            return mayBeSafer(calls, now: now, into: &outbox) ? .waiting : .done
        }
        let lost = poll.lost
        return calls.isQuorum(calls.order.filter { !lost.contains($0) }) ? .waiting : .hopeless
    }

    /// One keeper and the witness are a quorum, and the only copy of the bytes is with the one. So the other keeper is
    /// waited for, as long as it is not known to be away, and no longer than a moment.
    private mutating func mayBeSafer(
        _ calls: Calls,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) -> Bool {
        guard calls.holders.hasWitness, row.record.kind == .object else { return false }
        let have = counted
        guard calls.holders.keepers.contains(where: { !have.contains($0) && isUnderWay($0, calls) }) else {
            return false
        }
        if patienceEnd == nil {
            patienceEnd = now + pace.keeperMicrosMax
            outbox.append(.wake(atMicros: now + pace.keeperMicrosMax))
        }
        return patienceEnd.map { now < $0 } ?? false
    }

    private func isUnderWay(_ node: NodeID, _ calls: Calls) -> Bool { calls.isWaiting(for: node, .commit) }

    private mutating func send(_ node: NodeID, _ calls: inout Calls, into outbox: inout [RegisterDirective]) {
        poll.asked(node)
        calls.send(node, .commit(row), .commit, into: &outbox)
    }

    /// What is left to say when this node alone holds everything.
    func outcome(alone node: NodeID) -> RegisterOutcome {
        // It has the row, or had it and a newer one came.
        if having.contains(node) { return .done(row) }
        return .failed(.alone(.unknown))
    }
}
