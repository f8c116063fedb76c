internal import Store
internal import Swim

/// What a node has to take over in a joint epoch before it may say that it has synced. A pure machine.
///
/// Of every partition that moves and that it is to hold it takes the rows, the open instances and, last, the closed
/// buckets of a majority of those who hold it now, each of them behind the fence of this epoch: whatever was acknowledged
/// before is with one of them.
/// One source is not enough (the mutant `singlePull`), and having held the partition before is not either: that counts
/// as one source. A bucket that wants fewer copies has its majority among the first slots, and one of a pool
/// among other nodes, so every spread that is in use needs its own.
struct SyncPlan: Sendable {
    private struct Need: Sendable {
        /// For each spread, the present holders; `HolderSet.lost` counts and never answers.
        var sets: [[NodeID]]
        var done: Set<NodeID> = []

        var isMet: Bool {
            sets.allSatisfy { set in
                set.count { $0 != HolderSet.lost && done.contains($0) } >= HolderSet.majority(of: set.count)
            }
        }

        /// Who is missing in some set that has no majority yet.
        var useful: Set<NodeID> {
            var nodes: Set<NodeID> = []
            for set in sets {
                let count = set.count { done.contains($0) }
                if count < HolderSet.majority(of: set.count) { nodes.formUnion(set) }
            }
            return nodes.subtracting(done).subtracting([HolderSet.lost])
        }
    }

    let epoch: UInt64
    /// Everything that this node is to take over.
    let partitions: [Partition]
    /// Those of them that it does not hold yet.
    let new: Set<Partition>
    private var needs: [Partition: Need] = [:]

    init(_ layout: Layout, own: NodeID, copiesInUse: Set<Int>) {
        epoch = layout.epoch
        var mine: [Partition] = []
        var new: Set<Partition> = []
        let spans = layout.spans(bases: copiesInUse)
        let (plain, pooled) = (spans.filter(\.isWhole), spans.filter { !$0.isWhole })
        for partition in layout.moved {
            var sets: Set<[NodeID]> = []
            let widest = layout.holders(of: partition, copies: SlotTable.widthMax)
            if layout.hasMovedWhole(partition), widest.next?.contains(own) ?? widest.current.contains(own) {
                sets = Set(plain.map { layout.holders(of: partition, copies: $0).current })
            }
            // Where neither nodes nor their number change, the majorities of before and after meet by themselves.
            for holders in pooled.map({ layout.holders(of: partition, copies: $0) }) {
                if holders.next?.contains(own) == true { sets.insert(holders.current) }
            }
            guard !sets.isEmpty else { continue }
            mine.append(partition)
            let isHere = widest.current.contains(own) || sets.contains { $0.contains(own) }
            if !isHere { new.insert(partition) }
            // Its own store has taken up the epoch: it is a source behind its fence.
            needs[partition] = Need(sets: Array(sets), done: isHere ? [own] : [])
        }
        partitions = mine
        self.new = new
    }

    var doneCount: Int { partitions.count { needs[$0]?.isMet ?? true } }
    var isDone: Bool { doneCount == partitions.count }

    /// The source that helps most partitions on, and which; nil when nobody who is reachable does.
    func next(reachable: Set<NodeID>) -> (source: NodeID, partitions: [Partition])? {
        var offers: [NodeID: [Partition]] = [:]
        for partition in partitions {
            guard let need = needs[partition], !need.isMet else { continue }
            for node in need.useful where reachable.contains(node) { offers[node, default: []].append(partition) }
        }
        let best = offers.max { a, b in
            a.value.count != b.value.count ? a.value.count < b.value.count : a.key > b.key
        }
        return best.map { ($0.key, $0.value) }
    }

    /// What is asked of the source for these partitions was taken over, behind its fence.
    mutating func pulled(from source: NodeID, _ partitions: [Partition]) {
        for partition in partitions { needs[partition]?.done.insert(source) }
    }

    /// Who is needed and cannot be asked: the partitions that wait for them.
    func waiting(reachable: Set<NodeID>) -> [NodeID: Int] {
        var counts: [NodeID: Int] = [:]
        for partition in partitions {
            guard let need = needs[partition], !need.isMet else { continue }
            for node in need.useful.subtracting(reachable) { counts[node, default: 0] += 1 }
        }
        return counts
    }
}
