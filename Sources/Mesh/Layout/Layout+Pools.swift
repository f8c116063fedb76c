internal import Store
internal import Swim

/// The tables of pools beside the main one.
extension Layout {
    /// Nil of the whole mesh.
    package func pool(_ id: PoolID) -> Pool? { pools.first { $0.id == id } }

    /// The list of slots that counts now for buckets of a pool.
    func table(of pool: PoolID) -> SlotTable { pool == .whole ? current : self.pool(pool)?.current ?? current }

    /// The one that is, or is being moved to.
    func target(of pool: PoolID) -> SlotTable { pool == .whole ? target : self.pool(pool)?.target ?? target }

    /// How many copies of the bytes there are at most for buckets of a pool, as it is now.
    package func copiesMax(in pool: PoolID) -> Int { table(of: pool).copiesMax }

    /// All tables of what is, and of what is being moved to.
    var tablesNow: [SlotTable] { [current] + pools.compactMap(\.current) }
    var tablesNext: [SlotTable] { next.map { [$0] + pools.compactMap(\.next) } ?? [] }
    var tables: [SlotTable] { tablesNow + tablesNext }

    /// The whole mesh's, and those of the pools.
    var poolIDs: [PoolID] { [.whole] + pools.map(\.id) }

    /// All who have a place in the partition for buckets of a pool, for whatever number of copies: in the order of their
    /// places, so that everybody who is a holder in any case comes before those who are for some buckets only.
    func placed(_ partition: Partition, in pool: PoolID) -> [NodeID] {
        holders(of: partition, copies: CopySpan(Spread(copies: SlotTable.widthMax, pool: pool))).current
    }

    /// Whether the key's bucket is in a pool, or on its way, and the node has no place for the key there.
    func isElsewhere(_ address: RowAddress, than node: NodeID) -> Bool {
        guard let span = spread(of: address.bucket)?.span, !span.isWhole else { return false }
        return !holders(of: address.partition, copies: span).contains(node)
    }

    /// Members that may hold something, by index: not those that leave, are drained or were replaced.
    var eligible: [Int] {
        members.indices.filter { members[$0].effectiveWeight > 0 && !isReplaced($0) }
    }

    /// The nodes that a pool has at the end of the change.
    package func members(of scope: Pool.Scope) -> [LayoutMember] {
        eligible.map { members[$0] }.filter(scope.contains)
    }

    /// The pools of a layout that moves to other members, and where buckets go then: those of a pool of which nobody is
    /// left go to the whole mesh, rather than nowhere.
    ///
    /// - Parameters:
    ///   - all: the members of that layout; `eligible`: the indices of those that may hold something.
    ///   - heirs: nodes that take over the places of another one.
    ///   - heirOf: for each member of this layout the index in `all` of who stands for it.
    ///   - entry: for each member of this layout its own index in `all`.
    ///   - isStruck: whether a place, by the index in `all`, is given up in what is.
    func poolsMoved(
        _ all: [LayoutMember],
        eligible: [Int],
        heirs: [NodeID: NodeID],
        heirOf: [UInt8],
        entry: [UInt8],
        isStruck: (Partition, UInt8) -> Bool
    ) -> (pools: [Pool], spreads: [BucketSpread]) {
        var left: Set<PoolID> = []
        let moved = pools.compactMap { pool -> Pool? in
            let scope = pool.scope.inherited(heirs)
            let isWanted = spreads.contains { $0.next.pool == pool.id }
            let table =
                isWanted
                ? Pool.table(
                    of: scope,
                    all,
                    eligible: eligible,
                    previous: pool.target?.mapped { heirOf[Int($0)] },
                    base: pool.current?.mapped { heirOf[Int($0)] }
                ) : nil
            if isWanted, table == nil { left.insert(pool.id) }
            let now = pool.current?.mapped { entry[Int($0)] }.striking(isStruck)
            guard now != nil || table != nil else { return nil }
            return Pool(id: pool.id, scope: scope, current: now, next: table)
        }
        let kept = spreads.map { entry in
            left.contains(entry.next.pool) ? entry.moving(to: Spread(copies: entry.next.copies)) : entry
        }
        return (moved, kept)
    }

    /// Whether these pools of the layout behind this one have the same holders of a partition, now and then.
    func arePoolsSame(_ partition: Partition, _ moved: [Pool], entry: [UInt8]) -> Bool {
        moved.allSatisfy { after in
            guard let before = pool(after.id) else { return false }
            func list(_ table: SlotTable?) -> [UInt8]? {
                table.map { $0.list(partition).map { $0 == SlotTable.none ? $0 : entry[Int($0)] } }
            }
            return list(before.target) == after.next.map { Array($0.list(partition)) }
                && list(before.current) == after.current.map { Array($0.list(partition)) }
        }
    }

    /// Those in which some bucket is, or is to be.
    var poolsInUse: [Pool] {
        let used = Set(spreads.flatMap { [$0.now.pool, $0.next.pool] })
        return pools.filter { used.contains($0.id) }
    }

    /// The pools of the stable layout at the end: those in which some bucket is. Nodes that are gone are in none.
    func poolsSettled(_ entry: [UInt8]) -> [Pool] {
        let used = Set(spreads.compactMap { $0.settled?.now.pool })
        let staying = Set(zip(members, entry).filter { $0.1 != SlotTable.none }.map(\.0.node))
        return pools.filter { used.contains($0.id) }.compactMap { pool in
            pool.next.map { table in
                Pool(
                    id: pool.id,
                    scope: pool.scope.among(staying),
                    current: table.mapped { entry[Int($0)] },
                    next: nil
                )
            }
        }
    }

    /// Whether every pool in which some bucket is begins where it ended.
    func poolsFollow(_ former: Layout) -> Bool {
        let used = Set(spreads.map(\.now.pool)).subtracting([.whole])
        guard used.allSatisfy({ pool($0)?.current != nil }),
            !isJoint || spreads.allSatisfy({ $0.next.pool == .whole || pool($0.next.pool)?.next != nil })
        else { return false }
        return pools.allSatisfy { pool in
            guard let now = pool.current else { return isJoint }
            let known = former.pool(pool.id)
            // A change that begins or takes another aim keeps what is; one that ends is where it was to be.
            guard let before = isJoint || !former.isJoint ? known?.current : known?.next else { return false }
            return agrees(now, with: former, before, mayStrike: isJoint)
        }
    }

    /// Pools of which nobody is left in that other layout: their buckets would have to leave.
    func bereftPools(in other: Layout) -> [Pool] {
        let left = spreads.filter { entry in
            entry.next.pool != .whole && other.spread(of: entry.bucket)?.next.pool ?? .whole == .whole
        }
        let ids = Set(left.map(\.next.pool))
        return pools.filter { ids.contains($0.id) }
    }
}
