internal import Store
internal import Swim

/// Gives a row whose stamp is decided already to the holders of its key until a quorum has it with its bytes: the last
/// step of a completed upload, which any node may take, and take twice.
///
/// As long as the upload is there, no tombstone of its object is collected. The upload was there when `settled` was what
/// the machine is told; when it rises above the row's stamp, the object may have been written, deleted and forgotten.
struct PlaceMachine: RegisterMachine {
    private var calls: Calls
    private var committing: Committing
    private let row: Row
    private let deadline: UInt64
    private let settled: UInt64
    private var isFinished = false

    /// - Parameter settled: of a layout that was in force before the upload was seen.
    init(_ task: RegisterTask, _ row: Row, settled: UInt64) {
        self.settled = settled
        calls = Calls(task)
        committing = Committing(row, countsOrderOnly: false, task.pace)
        self.row = row
        deadline = task.deadlineMicros
    }

    mutating func begin(now: UInt64, into outbox: inout [RegisterDirective]) {
        outbox.append(.wake(atMicros: deadline))
        if isTooLate { return follow(.hopeless, into: &outbox) }
        committing.begin(&calls, into: &outbox)
    }

    mutating func reply(_ tag: CallTag, _ reply: ReplicaReply, now: UInt64, into outbox: inout [RegisterDirective]) {
        guard let (node, _) = calls.take(tag), !isFinished else { return }
        reply.askForLayout(node, into: &outbox)
        follow(committing.reply(node, reply, &calls, now: now, into: &outbox), into: &outbox)
    }

    mutating func fail(_ tag: CallTag, now: UInt64, into outbox: inout [RegisterDirective]) {
        guard let (node, _) = calls.take(tag), !isFinished else { return }
        follow(committing.fail(node, calls, now: now, into: &outbox), into: &outbox)
    }

    mutating func wake(now: UInt64, into outbox: inout [RegisterDirective]) {
        guard !isFinished else { return }
        if now >= deadline { return follow(.hopeless, into: &outbox) }
        follow(committing.wake(&calls, now: now, into: &outbox), into: &outbox)
    }

    mutating func relayout(
        _ holders: HolderSet,
        epoch: UInt64,
        settled: UInt64,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) {
        guard !isFinished else { return }
        if calls.relayout(holders, epoch: epoch, settled: settled) {
            if isTooLate { return follow(.hopeless, into: &outbox) }
            committing.begin(&calls, into: &outbox)
        } else {
            follow(committing.hurry(&calls, now: now, into: &outbox), into: &outbox)
        }
    }

    mutating func resign(to node: NodeID, into outbox: inout [RegisterDirective]) {
        guard !isFinished else { return }
        isFinished = true
        outbox.append(.finish(committing.outcome(alone: node)))
    }

    private var isTooLate: Bool {
        calls.settled > settled && row.stamp.t < KeyRules.blindFloor(settled: calls.settled)
    }

    private mutating func follow(_ step: Committing.Step, into outbox: inout [RegisterDirective]) {
        switch step {
        case .waiting: return
        case .done: outbox.append(.finish(.done(row)))
        case .hopeless:
            let failure = RegisterFailure(
                effect: .unknown,
                reason: committing.refusal.map { .refused($0) } ?? .quorum,
                acks: committing.acks,
                needed: calls.needed
            )
            outbox.append(.finish(.failed(failure)))
        }
        isFinished = true
    }
}
