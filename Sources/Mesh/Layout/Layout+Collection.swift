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
        let epoch = epoch + 1
        return Layout(
            epoch: epoch,
            lineage: lineage,
            origin: origin,
            settled: max(settled + 1, highest),
            members: members,
            current: current,
            next: nil,
            // Small state keeps its tombstones, and its operations need not begin again.
            fences: (0..<Partition.all).map { $0 == Int(Partition.system.number) ? fences[$0] : epoch },
            departed: departed,
            copies: copies
        )
    }

    /// Whether this layout is what `collected` makes of the other one.
    package func isCollection(of former: Layout) -> Bool {
        !isJoint && !former.isJoint && lineage == former.lineage && epoch == former.epoch + 1
            && settled > former.settled && members == former.members && current == former.current
            && departed == former.departed && copies == former.copies
    }

    /// Who looks for tombstones to collect in the partition: its first holder. Nil: nobody can, a holder is lost.
    func lister(of partition: Partition) -> NodeID? {
        let holders = holders(of: partition, copies: SlotTable.widthMax).current
        return holders.contains(HolderSet.lost) ? nil : holders.first
    }
}
