internal import Store
internal import Swim

/// Places in `current` that nobody will answer for.
///
/// While the layout moves from A to B, each partition needs a majority of A. With an even number of holders and half of
/// them gone there is none, and one dead place may be struck out: every majority of n has a member in common with every
/// majority of the n−1 that remain, since ⌊n/2⌋ + ⌊(n−1)/2⌋ + 1 > n − 1. What cannot be struck without the risk of losing an
/// acknowledged write needs force.
extension Layout {
    struct Strikes {
        /// Where a place has to be struck, else no majority is left.
        var partitions: Set<Partition> = []
        /// Of these, where that costs nothing.
        var harmless: Set<Partition> = []
        var loss: WishLoss
    }

    /// What giving up the places of this node, or of its former store, would mean.
    func strikes(of node: NodeID, around: LayoutSurroundings) -> Strikes {
        var strikes = Strikes(loss: WishLoss(node: node, lost: [:], doubtful: [:]))
        let newest = members.lastIndex { $0.node == node }
        for number in 0..<Partition.count {
            let partition = Partition(number: UInt16(number))
            var isNeeded = false
            var isCostly = false
            var risked: [Spread] = []
            for spread in spreadsInUse(around) {
                let table = table(of: spread.pool)
                let places = table.places(partition, copies: spread.copies)
                let witness = table.witness(partition, copies: spread.copies)
                guard places.contains(where: { isPlace($0, of: node) }) else { continue }
                let gone = places.count { $0 == SlotTable.none }
                let answering = places.filter { entry in
                    guard entry != SlotTable.none, !isPlace(entry, of: node) || Int(entry) == newest else {
                        return false
                    }
                    return isAnswering(entry, around)
                }
                let living = answering.count
                let others = places.count - gone - 1
                let common = HolderSet.majority(of: places.count) - gone - 1 + HolderSet.majority(of: others)
                guard living < HolderSet.majority(of: places.count - gone) else {
                    // A place is struck out of all lists of the partition, those that can do without it too.
                    if common <= others { risked.append(spread) }
                    continue
                }
                isNeeded = true
                if !answering.contains(where: { $0 != witness }) {
                    strikes.loss.lost[spread, default: 0] += 1
                    isCostly = true
                } else if common <= others || living < HolderSet.majority(of: others) {
                    // Two places at once, or one that does not help: then even the dead one's word is needed.
                    strikes.loss.doubtful[spread, default: 0] += 1
                    isCostly = true
                }
            }
            if isNeeded {
                for spread in risked { strikes.loss.doubtful[spread, default: 0] += 1 }
                isCostly = isCostly || !risked.isEmpty
                strikes.partitions.insert(partition)
            }
            if isNeeded, !isCostly { strikes.harmless.insert(partition) }
        }
        return strikes
    }

    /// Where buckets are now.
    func spreadsInUse(_ around: LayoutSurroundings) -> [Spread] {
        Set(spans(bases: Set(around.copiesInUse)).map(\.now)).sorted()
    }

    private func isPlace(_ entry: UInt8, of node: NodeID) -> Bool {
        entry != SlotTable.none && members[Int(entry)].node == node
    }

    /// Whether the store behind an entry is there. One that was replaced by another of its node is not.
    private func isAnswering(_ entry: UInt8, _ around: LayoutSurroundings) -> Bool {
        around.isAlive(members[Int(entry)])
    }
}
