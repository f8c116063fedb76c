internal import Store
internal import Swim

/// Rounds in which tombstones are collected: a stable layout may be followed by one with the same holders of everything
/// and a higher `settled`. Its fences are those of a change, so nothing that was read or sent before is taken any more.
extension Layout {
    /// The same layout behind a collection. Nil while the layout changes, and for a node that is alone: it leaves no
    /// tombstones.
    ///
    /// - Parameter highest: the highest time word of a row that may be collected.
    package func collected(_ highest: UInt64) -> Layout? {
        // Far from the end of what a stamp can say: no single clock can bring all keys there.
        guard !isJoint, isSole == nil, max(settled, highest) < UInt64.max / 2 else { return nil }
        // Small state keeps its tombstones, and its operations need not begin again.
        return with(
            epoch: epoch + 1,
            settled: max(settled + 1, highest),
            fences: fencesOfObjects(epoch + 1)
        )
    }

    /// Whether this layout is what `collected` makes of the other one.
    package func isCollection(of former: Layout) -> Bool {
        !isJoint && !former.isJoint && lineage == former.lineage && epoch == former.epoch + 1
            && settled > former.settled && members == former.members && current == former.current
            && departed == former.departed && spreads == former.spreads && pools == former.pools
    }

    /// Who has to agree that a row of this key goes. The first of them looks for such rows.
    func placed(_ address: RowAddress) -> [NodeID] {
        placed(address.partition, in: spread(of: address.bucket)?.now.pool ?? .whole)
    }

    /// Whether the node looks for tombstones in the partition, of buckets of some pool. Not where a holder is lost.
    func isLister(_ node: NodeID, of partition: Partition) -> Bool {
        poolIDs.contains { pool in
            let nodes = placed(partition, in: pool)
            return nodes.first == node && !nodes.contains(HolderSet.lost)
        }
    }
}
