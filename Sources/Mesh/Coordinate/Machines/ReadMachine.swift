package import Store
package import Swim

/// Reads one version of a key, and returns only what a quorum of holders has (ABD's read: a look, and a write-back if the
/// holders differ). One round trip when they agree.
///
/// The record, and a small body, come from the best holder; of the others just enough show their stamps. A holder that
/// keeps the operation waiting is joined by the rest.
package struct ReadMachine: RegisterMachine {
    private var calls: Calls
    private var looking: Looking
    private let deadline: UInt64
    private var isFinished = false

    /// - Parameter depth: `.stamps` for the mere existence; `.body` brings a body that is small.
    package init(_ task: RegisterTask, _ selector: VersionSelector, depth: LookDepth) {
        calls = Calls(task)
        looking = Looking(LookAim(selector: selector, depth: depth, withTop: false), task)
        deadline = task.deadlineMicros
    }

    package mutating func begin(now: UInt64, into outbox: inout [RegisterDirective]) {
        outbox.append(.wake(atMicros: deadline))
        looking.begin(&calls, now: now, into: &outbox)
    }

    package mutating func reply(
        _ tag: CallTag,
        _ reply: ReplicaReply,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) {
        guard let (node, purpose) = calls.take(tag), !isFinished else { return }
        reply.askForLayout(node, into: &outbox)
        follow(looking.reply(node, purpose, reply, &calls, now: now, into: &outbox), into: &outbox)
    }

    package mutating func fail(_ tag: CallTag, now: UInt64, into outbox: inout [RegisterDirective]) {
        guard let (node, purpose) = calls.take(tag), !isFinished else { return }
        follow(looking.fail(node, purpose, nil, &calls, now: now, into: &outbox), into: &outbox)
    }

    package mutating func wake(now: UInt64, into outbox: inout [RegisterDirective]) {
        guard !isFinished else { return }
        if now >= deadline { return follow(.hopeless, into: &outbox) }
        follow(looking.wake(&calls, now: now, into: &outbox), into: &outbox)
    }

    package mutating func relayout(
        _ holders: HolderSet,
        epoch: UInt64,
        settled: UInt64,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    ) {
        guard !isFinished else { return }
        if calls.relayout(holders, epoch: epoch, settled: settled) {
            looking.begin(&calls, now: now, into: &outbox)
        } else {
            follow(looking.hurry(&calls, now: now, into: &outbox), into: &outbox)
        }
    }

    package mutating func resign(to node: NodeID, into outbox: inout [RegisterDirective]) {
        guard !isFinished else { return }
        isFinished = true
        outbox.append(.finish(.failed(.alone(.none))))
    }

    private mutating func follow(_ step: Looking.Step, into outbox: inout [RegisterDirective]) {
        switch step {
        case .waiting: return
        case .agreed(let sight): outbox.append(.finish(.seen(sight)))
        case .hopeless:
            let reason = looking.refusal.map { RegisterFailure.Reason.refused($0) } ?? .quorum
            let failure = RegisterFailure(effect: .none, reason: reason, acks: looking.acks, needed: calls.needed)
            outbox.append(.finish(.failed(failure)))
        }
        isFinished = true
    }
}

extension ReplicaReply {
    /// A refused epoch is news for the driver.
    func askForLayout(_ node: NodeID, into outbox: inout [RegisterDirective]) {
        guard case .refused(let refusal) = self else { return }
        switch refusal {
        case .staleEpoch, .unknownEpoch: outbox.append(.relayout(node, refusal))
        default: break
        }
    }
}
