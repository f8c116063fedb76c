internal import Store
package import Swim

/// The way out when a majority of the voters will never be back: nobody can decide a successor any more, so an operator
/// does, alone, and begins a new lineage.
///
/// What the living have goes on; what only the dead knew is gone, the latest acknowledged writes perhaps among it. The
/// dead are struck out everywhere. Should they come back, they go by the old lineage: its epochs are below all fences of
/// the new one, so nothing that they coordinate is served here.
extension Layout {
    /// How far the new lineage begins ahead: a living node may know of epochs that this one has not heard of.
    private static let epochsAhead: UInt64 = 64

    /// Nil when nobody of the living could hold anything.
    package func recovering(without dead: Set<NodeID>, lineage: UInt64) -> Layout? {
        let everywhere = Set((0..<Partition.all).map { Partition(number: UInt16($0)) })
        return changed(
            to: targets.map { dead.contains($0.node) ? $0.with(state: .leaving) : $0 },
            struck: Dictionary(uniqueKeysWithValues: dead.map { ($0, everywhere) }),
            lineage: lineage,
            epochs: Self.epochsAhead
        )
    }

    /// Members that would not answer now.
    func dead(_ around: LayoutSurroundings) -> Set<NodeID> {
        Set(targets.filter { !around.isAlive($0) }.map(\.node))
    }

    /// What goes with the dead: an acknowledged write is with a majority of its holders, so where a majority of them is
    /// dead the living may not know it.
    func loss(without dead: Set<NodeID>, _ around: LayoutSurroundings) -> WishLoss {
        var loss = WishLoss(node: dead.min() ?? HolderSet.lost, lost: [:], doubtful: [:])
        for number in 0..<Partition.count {
            for spread in without(around.goneBuckets).spreadsInUse(around) {
                let holders = holders(of: Partition(number: UInt16(number)), copies: CopySpan(spread))
                let set = holders.current
                let living = set.count { $0 != HolderSet.lost && !dead.contains($0) }
                if !set.contains(where: { $0 != HolderSet.lost && $0 != holders.witness && !dead.contains($0) }) {
                    loss.lost[spread, default: 0] += 1
                } else if set.count - living >= HolderSet.majority(of: set.count) {
                    loss.doubtful[spread, default: 0] += 1
                }
            }
        }
        return loss
    }
}
