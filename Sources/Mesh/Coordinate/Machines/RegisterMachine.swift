package import Store
package import Swim

/// One operation on one key, as its coordinator runs it: a struct that decides and a driver that obeys.
///
/// The driver calls `begin` once, then hands in what happens, and carries out the directives in order. Each `.send` gets
/// exactly one `reply` or `fail` with its tag, in any order, also after `.finish` (nothing comes of it but what `lacking`
/// says). `now` is a monotonic clock in microseconds; the machine has no other notion of time, and no chance but its seed.
package protocol RegisterMachine: Sendable {
    mutating func begin(now: UInt64, into outbox: inout [RegisterDirective])
    mutating func reply(_ tag: CallTag, _ reply: ReplicaReply, now: UInt64, into outbox: inout [RegisterDirective])
    /// The call was not answered: no connection, a timeout, a full queue. The holder may have acted on it all the same.
    mutating func fail(_ tag: CallTag, now: UInt64, into outbox: inout [RegisterDirective])
    /// A time that was asked for has come. Early or needless calls do no harm.
    mutating func wake(now: UInt64, into outbox: inout [RegisterDirective])
    /// After `.relayout`: who holds the key now. With the epoch of before (a holder was brought up to date) what failed
    /// is asked again at once; with a later one what was answered counts no more, and the phase begins anew with the same
    /// row and stamp. When `settled` rose, tombstones were collected: a row that was sent may have come, been deleted and
    /// left no trace, so it is not sent again unless it is certain that it did not.
    mutating func relayout(
        _ holders: HolderSet,
        epoch: UInt64,
        settled: UInt64,
        now: UInt64,
        into outbox: inout [RegisterDirective]
    )
    /// One node alone holds everything from now on: its store decides by itself, and what it removes leaves no trace that
    /// would keep away a row that comes late. So nothing more is sent, and the operation is over: done where that node
    /// said that it has the row, otherwise failed for the reason `.alone`.
    mutating func resign(to node: NodeID, into outbox: inout [RegisterDirective])
}

package enum RegisterDirective: Sendable {
    case send(CallTag, NodeID, ReplicaCall)
    case wake(atMicros: UInt64)
    /// The holder refused the epoch. `.staleEpoch`: get a layout of that epoch or a later one (the holder has it).
    /// `.unknownEpoch`: give the holder ours. Then call `relayout`.
    case relayout(NodeID, Store.Refusal)
    /// Once. Calls that are under way go on: a commit may still reach its holder.
    case finish(RegisterOutcome)
}

/// Which call an answer belongs to; unique within its machine.
package struct CallTag: Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }
}

package enum RegisterOutcome: Sendable {
    /// A read, or a write that had nothing to do: the delete of what is deleted, a change that its verdict let be.
    case seen(KeySight)
    /// The row took effect, and a quorum of holders has it.
    case done(Row)
    /// Definite: at some moment in the operation the condition was false. What made it so.
    case preconditionFailed(Row?)
    case failed(RegisterFailure)
}

package struct RegisterFailure: Sendable, Error {
    package enum Effect: Sendable {
        /// The operation did nothing and never will.
        case none
        /// It may have taken effect, or may yet.
        case unknown
    }

    package enum Reason: Sendable, Hashable {
        /// Not enough holders answered in time.
        case quorum
        /// Other conditional writers were faster, again and again.
        case contention
        /// One node alone holds everything now, and goes by no machines.
        case alone
        /// Enough holders refused for this reason that no quorum is left.
        case refused(Store.Refusal)
    }

    package var effect: Effect
    package var reason: Reason
    /// Answers that counted in the phase that failed, and how many it needed of the larger set.
    package var acks: Int
    package var needed: Int

    static func alone(_ effect: Effect) -> RegisterFailure {
        RegisterFailure(effect: effect, reason: .alone, acks: 0, needed: 1)
    }
}

/// What a quorum of holders has of a key, after all of them were brought to agree.
package struct KeySight: Sendable {
    /// The chain of the selector that was asked for (`KeyRows.chain`).
    package var rows: KeyRows
    /// The answered version with the tags it has now; nil if there is none, or only stamps were asked for.
    package var found: Row?
    /// Holders that have these rows, best first. Not all of them need to have the bytes.
    package var holders: [NodeID]

    /// The newest row of the key. What the next change is based on says `KeyBase`.
    package var top: RowRef? { rows.top }
}

/// What every machine is told.
package struct RegisterTask: Sendable {
    package var address: RowAddress
    package var holders: HolderSet
    package var epoch: UInt64
    package var settled: UInt64
    /// Holders by preference, best first: the node itself, then by health and distance. The rest follow in their order.
    package var preferred: [NodeID]
    /// On the clock of `now`.
    package var deadlineMicros: UInt64
    /// Unique for each operation in all the mesh, and random: the seed of its backoff, the writer of its stamp, the
    /// proposer of its ballots.
    package var writer: UInt64
    package var pace = RegisterPace()
    package var faults: RegisterFaults = []

    package init(
        address: RowAddress,
        holders: HolderSet,
        epoch: UInt64,
        settled: UInt64,
        preferred: [NodeID],
        deadlineMicros: UInt64,
        writer: UInt64
    ) {
        self.address = address
        self.holders = holders
        self.epoch = epoch
        self.settled = settled
        self.preferred = preferred
        self.deadlineMicros = deadlineMicros
        self.writer = writer
    }
}

/// How patient machines are.
package struct RegisterPace: Sendable {
    /// After this long without a quorum further holders are asked: about the 95th percentile of an answer.
    package var hedgeMicros: UInt64 = 20_000
    /// A holder that failed is asked again after this, then after twice this, up to eight times this.
    package var retryMicros: UInt64 = 50_000
    /// Then it is given up for the operation: after 2.4 s at least, longer than a link takes to come back and a node to take up a
    /// new layout, so that nobody is refused whom a majority could have answered.
    package var attemptsMax = 10
    /// So many times the news of a layout makes up for the wait.
    package var hurriesMax = 3
    /// Beside a witness, how long a row that a quorum has waits for the other keeper of its bytes.
    package var keeperMicrosMax: UInt64 = 500_000
    /// The mean wait of a conditional writer that was outbid, doubled with each time up to 64 times this.
    package var backoffMicros: UInt64 = 3_000

    package init() {}
}

/// Rules that a test takes away, to see that it is noticed. Only the simulation makes any, and a seeded bug.
package struct RegisterFaults: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Blind stamps come from the local clock, without a look at the holders.
    package static let localStamps = RegisterFaults(rawValue: 1 << 0)
    /// A change is acknowledged when it is accepted, not when it is committed.
    package static let ackOnAccept = RegisterFaults(rawValue: 1 << 1)
    /// A change takes a fresh stamp instead of its predecessor's successor.
    package static let freshChangeStamps = RegisterFaults(rawValue: 1 << 2)
    /// Reads return the newest of what they saw without writing it back.
    package static let noWriteBack = RegisterFaults(rawValue: 1 << 3)
    /// Stamps are ordered by depth before writer.
    package static let depthBeforeWriter = RegisterFaults(rawValue: 1 << 4)
    /// A change whose accept left is proposed again on a new predecessor.
    package static let reproposes = RegisterFaults(rawValue: 1 << 5)
    /// One answer is a quorum.
    package static let quorumOfOne = RegisterFaults(rawValue: 1 << 6)
    /// Holders whose chain ended at a removed version are not asked for what is below.
    package static let noDeeperLook = RegisterFaults(rawValue: 1 << 7)
    /// Answers from before a collection count behind it.
    package static let keepsReplies = RegisterFaults(rawValue: 1 << 8)
    /// A blind row whose stamp is below what was settled meanwhile is sent on.
    package static let lateStamps = RegisterFaults(rawValue: 1 << 9)
    /// A change goes on behind a collection where it was before, without a look at what is there now.
    package static let changesGoOn = RegisterFaults(rawValue: 1 << 10)
    /// Operations go on with the one node that is left.
    package static let neverResigns = RegisterFaults(rawValue: 1 << 11)

    /// What a seeded bug takes away: nothing in a release build.
    static var seeded: RegisterFaults {
        if SeededBug.quorumOfOne.isOn { return .quorumOfOne }
        if SeededBug.readWithoutWriteBack.isOn { return .noWriteBack }
        return SeededBug.staleClockWins.isOn ? .localStamps : []
    }
}
