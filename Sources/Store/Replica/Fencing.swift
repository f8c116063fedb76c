import Synchronization

/// What the holder goes by: which epochs it serves, partition by partition.
///
/// The committer has its own copy, which changes between two writes; readers look at the published one.
struct Fencing: Sendable {
    /// The latest epoch that this node has learned of.
    var epoch: UInt64 = 0
    /// The highest `t` that was given out before there were several holders.
    var settled: UInt64 = 0
    /// For each partition the epoch in which its holders last changed.
    var fences: [UInt64] = []
    /// Whether this node is a holder of the partition.
    var holds: [Bool] = []
    /// The only holder of everything: it keeps no traces of what it removed, so old rows must not come back.
    var isSole = false

    /// The latest epoch in which it was that, since the store was opened: calls of then and of before are over for good,
    /// also when there are others again. 0: it was not.
    var epochAlone: UInt64 = 0

    /// False on a witness: its rows are rows alone, and it asks nobody for their bytes.
    var keepsBytes = true

    /// Whether the store itself may decide: it is the only holder, or there is no layout yet.
    var letsDecideAlone: Bool { isSole || epoch == 0 }

    /// Why a call of this epoch is not served; nil: it is.
    func refusal(_ call: UInt64, _ partition: Partition) -> Refusal? {
        let index = Int(partition.number)
        guard index < fences.count, index < holds.count else { return .notHolder }
        if call > epoch { return .unknownEpoch(epoch) }
        let isOver = call < fences[index] || wasAlone(since: call)
        if isOver { return SeededBug.missingFence.isOn ? nil : .staleEpoch(epoch) }
        return holds[index] ? nil : .notHolder
    }

    /// What was begun with others is over then, fenced or not. Only the layout itself is decided by calls of an epoch in
    /// which one node is alone.
    private func wasAlone(since call: UInt64) -> Bool {
        call < epochAlone || (call == epochAlone && call > 0 && !isSole)
    }

    /// The same for calls that go over the partitions of a bucket: no partition may have changed since.
    func refusal(_ call: UInt64, of bucket: BucketID) -> Refusal? {
        if bucket.space == .system { return refusal(call, .system) }
        guard let latest = fences.dropLast().max() else { return .notHolder }
        if call > epoch { return .unknownEpoch(epoch) }
        return (call < latest || wasAlone(since: call)) && !SeededBug.missingFence.isOn ? .staleEpoch(epoch) : nil
    }
}

/// The fencing that readers see.
final class FencingBook: Sendable {
    private let value = Mutex(Fencing())

    func read<Value>(_ body: (borrowing Fencing) -> sending Value) -> sending Value { value.withLock { body($0) } }
    func set(_ fencing: Fencing) { value.withLock { $0 = fencing } }
}
