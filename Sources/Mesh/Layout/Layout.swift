package import Store
package import Swim

/// Which node holds which partition: one decided record, the successor of the one before.
///
/// A layout is stable (one table) or joint (two: what is, and what is being moved to). Legal successors are stable(A) →
/// joint(A→B) → stable(B), joint(A→B) → joint(A→C), and stable(A) → stable(A) where tombstones are collected; A is never
/// dropped before all of B have synced. Since operations
/// of a joint epoch need a majority of both, quorums of neighbouring epochs always meet, and the fences keep out what
/// is older. The table is shipped, not computed by each node, so builds that place differently cannot disagree.
package struct Layout: Sendable, Hashable {
    /// Copies that a bucket has when nobody said otherwise.
    package static let copiesDefault = 3

    /// Counts from 1; successors are decided one at a time.
    package let epoch: UInt64
    /// Random, of the first layout; another one is minted when an operator gives up a lost majority. Layouts of
    /// different lineages are not compared.
    package let lineage: UInt64
    /// The epoch in which `current` came into force.
    package let origin: UInt64
    /// No stamp is given out any more with a time word up to this one. It rises when a mesh grows from one holder, above
    /// all that this one gave out, and with each collection, above all that was collected.
    package let settled: UInt64
    /// By node, then by admission. A node that was let in again while its former store still has places in `current` is
    /// here twice.
    package let members: [LayoutMember]
    package let current: SlotTable
    package let next: SlotTable?
    /// For each partition, the one of small state included, the epoch in which its holders last changed.
    package let fences: [UInt64]
    /// Stores that were removed: they are not let in again by themselves. The latest last.
    package let departed: [DepartedStore]
    /// Buckets whose number of copies was changed, or that were moved, by id; at most `BucketSpread.countMax`.
    package let spreads: [BucketSpread]
    /// Where buckets were moved to, by id; at most `Pool.countMax`.
    package let pools: [Pool]
    /// For each member the name to ask, `HolderSet.lost` for a store that another one of its node has replaced.
    private let names: [NodeID]

    init(
        epoch: UInt64,
        lineage: UInt64,
        origin: UInt64,
        settled: UInt64,
        members: [LayoutMember],
        current: SlotTable,
        next: SlotTable?,
        fences: [UInt64],
        departed: [DepartedStore],
        spreads: [BucketSpread] = [],
        pools: [Pool] = []
    ) {
        self.epoch = epoch
        self.lineage = lineage
        self.origin = origin
        self.settled = settled
        self.members = members
        self.current = current
        self.next = next
        self.fences = fences
        self.departed = departed
        self.spreads = spreads
        self.pools = pools
        names = members.indices.map { index in
            let isReplaced = index + 1 < members.count && members[index + 1].node == members[index].node
            return isReplaced ? HolderSet.lost : members[index].node
        }
    }

    /// The layout of a node that is alone.
    package static func first(node: NodeID, storeID: UInt64, zone: String, weight: UInt32, lineage: UInt64) -> Layout {
        let member = LayoutMember(node: node, storeID: storeID, memberSince: 1, zone: zone, weight: max(1, weight))
        return Layout(
            epoch: 1,
            lineage: lineage,
            origin: 1,
            settled: 0,
            members: [member],
            current: SlotTable(width: 1, slots: [UInt8](repeating: 0, count: Partition.count), voters: [0]),
            next: nil,
            fences: [UInt64](repeating: 1, count: Partition.all),
            departed: []
        )
    }

    /// The same with what is named, and with the same members and places: what is left out stays.
    func with(
        epoch: UInt64? = nil,
        origin: UInt64? = nil,
        settled: UInt64? = nil,
        next: SlotTable? = nil,
        fences: [UInt64]? = nil,
        spreads: [BucketSpread]? = nil,
        pools: [Pool]? = nil
    ) -> Layout {
        Layout(
            epoch: epoch ?? self.epoch,
            lineage: lineage,
            origin: origin ?? self.origin,
            settled: settled ?? self.settled,
            members: members,
            current: current,
            next: next ?? self.next,
            fences: fences ?? self.fences,
            departed: departed,
            spreads: spreads ?? self.spreads,
            pools: pools ?? self.pools
        )
    }

    /// Of an epoch that all operations on objects take up, and those on small state need not.
    func fencesOfObjects(_ epoch: UInt64) -> [UInt64] {
        (0..<Partition.all).map { $0 == Int(Partition.system.number) ? fences[$0] : epoch }
    }

    package var isJoint: Bool { next != nil }

    /// The table that is, or is being moved to.
    package var target: SlotTable { next ?? current }

    /// The only member of a stable layout. Its store decides alone, without the register's rounds; nobody else may
    /// coordinate there before he is a member too.
    package var isSole: NodeID? { next == nil && members.count == 1 ? members[0].node : nil }

    /// The holders of a partition for a bucket that wants so many copies: as many as there are nodes for. Of small
    /// state: the voters.
    package func holders(of partition: Partition, copies: Int) -> HolderSet {
        holders(of: partition, copies: CopySpan(copies))
    }

    /// The same for a bucket that may be in a pool, and be changing.
    package func holders(of partition: Partition, copies: CopySpan) -> HolderSet {
        // Small state is in no pool.
        let isSmall = partition == .system
        let (now, witness) = holders(in: isSmall ? current : table(of: copies.now.pool), partition, copies.now.copies)
        guard isJoint else { return HolderSet(current: now, witness: witness) }
        let aim = isSmall ? target : target(of: copies.next.pool)
        let (then, nextWitness) = holders(in: aim, partition, copies.next.copies)
        // All places struck out by force: there is nothing left to agree with.
        guard !now.isEmpty else { return HolderSet(current: then, witness: nextWitness) }
        return HolderSet(current: now, next: then, witness: witness, nextWitness: nextWitness)
    }

    private func holders(in table: SlotTable, _ partition: Partition, _ copies: Int) -> ([NodeID], witness: NodeID?) {
        let list = table.keepers(partition, copies: copies)
        var found: [NodeID] = []
        found.reserveCapacity(list.count + 1)
        for index in list where index != SlotTable.none { found.append(names[Int(index)]) }
        guard let entry = table.witness(partition, copies: copies), entry != SlotTable.none else { return (found, nil) }
        let witness = names[Int(entry)]
        return (found + [witness], witness == HolderSet.lost ? nil : witness)
    }

    /// Whether the store has a vote on rows and keeps the bytes of none, in all that is and is to be.
    package func isWitness(_ node: NodeID, storeID: UInt64) -> Bool {
        guard let index = members.lastIndex(where: { $0.node == node }), members[index].storeID == storeID else {
            return false
        }
        let entry = UInt8(index)
        return tables.contains { $0.hasWitness && $0.slots.contains(entry) }
            && !tables.contains { $0.keepsBytes(entry) }
    }

    /// The same of its newest store.
    package func isWitness(_ node: NodeID) -> Bool {
        member(node).map { isWitness(node, storeID: $0.storeID) } ?? false
    }

    /// Who decides the next layout and all small state.
    package var voters: HolderSet { holders(of: .system, copies: SlotTable.widthMax) }

    package func fence(of partition: Partition) -> UInt64 { fences[Int(partition.number)] }

    /// The entry of a node: of its newest store.
    package func member(_ node: NodeID) -> LayoutMember? { members.last { $0.node == node } }

    /// Whether this very store is a member now. A node of which this is false answers for nothing.
    package func admits(_ node: NodeID, storeID: UInt64) -> Bool { member(node)?.storeID == storeID }

    /// Nodes that lost their place and got no other: members have nothing to do with them until they are let in again.
    package var outsiders: Set<NodeID> {
        Set(departed.lazy.map(\.node).filter { member($0) == nil })
    }

    /// Whether this very store lost its place, and its node got no other.
    package func hasRemoved(_ node: NodeID, storeID: UInt64) -> Bool {
        guard departed.contains(DepartedStore(node: node, storeID: storeID)) else { return false }
        return member(node) == nil
    }

    /// Whether the store has a place in the partition, in what is or in what is being moved to.
    package func holds(_ partition: Partition, _ node: NodeID, storeID: UInt64) -> Bool {
        guard let index = members.lastIndex(where: { $0.node == node }), members[index].storeID == storeID else {
            return false
        }
        let entry = UInt8(index)
        return tables.contains { $0.list(partition).contains(entry) }
    }

    /// Whether the node has a place in any partition, that of small state included, in all that is and is to be.
    package func hasPlace(_ node: NodeID) -> Bool {
        guard let index = members.lastIndex(where: { $0.node == node }) else { return false }
        return tables.contains { $0.names(UInt8(index)) }
    }

    /// For each partition, the one of small state included, whether the store has a place there.
    package func holds(_ node: NodeID, storeID: UInt64) -> [Bool] {
        (0..<Partition.all).map { holds(Partition(number: UInt16($0)), node, storeID: storeID) }
    }

    /// Partitions whose holders differ between what is and what is being moved to, of some bucket at least; the one of
    /// small state included.
    package var moved: [Partition] {
        guard next != nil else { return [] }
        return (0..<Partition.all).map { Partition(number: UInt16($0)) }.filter { hasMoved($0) }
    }

    package func hasMoved(_ partition: Partition) -> Bool {
        if hasMovedWhole(partition) { return true }
        return isJoint && partition != .system && (isChangingSpreads || pools.contains { $0.hasMoved(partition) })
    }

    /// The same for some bucket of the whole mesh.
    func hasMovedWhole(_ partition: Partition) -> Bool {
        guard let next else { return false }
        if current.list(partition) != next.list(partition) { return true }
        return partition != .system && spreads.contains { $0.span.isChanging && $0.span.isWhole }
    }

    /// Members with a share in what is, or is being moved to: how many copies are possible.
    package var storageMembers: [LayoutMember] {
        members.indices.filter { target.keepsBytes(UInt8($0)) }.map { members[$0] }
    }

    /// Those who must have synced before the change is over: everybody who is to hold a partition that moves, of the whole
    /// mesh or of a pool. The same for whom `SyncPlan` finds something to do.
    package var syncers: [NodeID] {
        guard let next else { return [] }
        let pooled = Set(spreads.map(\.span)).filter { !$0.isWhole }
        var entries: Set<UInt8> = []
        var nodes: Set<NodeID> = []
        for partition in moved {
            if hasMovedWhole(partition) { entries.formUnion(next.list(partition)) }
            for span in pooled { nodes.formUnion(holders(of: partition, copies: span).next ?? []) }
        }
        nodes.formUnion(entries.filter { $0 != SlotTable.none }.map { members[Int($0)].node })
        return nodes.subtracting([HolderSet.lost]).sorted()
    }
}

/// A store that gave up its membership.
package struct DepartedStore: Sendable, Hashable {
    /// The latest are kept; a store that is older than so many departures is let in like a new one.
    package static let countMax = 64

    package let node: NodeID
    package let storeID: UInt64

    package init(node: NodeID, storeID: UInt64) {
        self.node = node
        self.storeID = storeID
    }
}
