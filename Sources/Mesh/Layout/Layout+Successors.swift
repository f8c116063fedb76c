package import Store
package import Swim

/// The legal steps from one layout to the next. All of them are proposals: the voters decide which one becomes the
/// successor, and who loses starts again from what was decided.
extension Layout {
    /// What the members are to be, as it stands: a store that another one of its node has replaced is left out.
    package var targets: [LayoutMember] {
        zip(members.indices, members).filter { !isReplaced($0.0) }.map(\.1)
    }

    func isReplaced(_ index: Int) -> Bool {
        index + 1 < members.count && members[index + 1].node == members[index].node
    }

    /// A joint layout that moves to these members; nil if none of them may hold anything, or if they are too many.
    ///
    /// Those whose `memberSince` is 0 are new. Who is left out must have no place in `current`, or another store of the
    /// same node in `targets`. From a joint layout this is a retarget: `current` stays, and the new table is computed
    /// from the one that was being moved to, so what was moved already stays useful.
    /// - Parameters:
    ///   - heirs: nodes that take over the places of another one.
    ///   - struck: nodes whose places in `current` are given up, and where.
    ///   - lineage: another one when this is not decided by voters, but by an operator who gave them up; `epochs` is how
    ///     far it is ahead of this layout then.
    ///   - lastTime: the highest time word the only holder ever gave out; counts when the mesh grows from one.
    package func changed(
        to targets: [LayoutMember],
        heirs: [NodeID: NodeID] = [:],
        struck: [NodeID: Set<Partition>] = [:],
        lastTime: UInt64 = 0,
        lineage: UInt64? = nil,
        epochs: UInt64 = 1
    ) -> Layout? {
        let epoch = epoch + epochs
        let wanted = targets.map { $0.memberSince == 0 ? $0.admitted(epoch) : $0 }
        var used = Set(tablesNow.flatMap(\.slots)).union(current.voters)
        used.remove(SlotTable.none)
        let staying = members.indices.filter { index in
            used.contains(UInt8(index)) && !wanted.contains { $0.isSameStore(as: members[index]) }
        }
        let all = (wanted + staying.map { members[$0] }).sorted()
        guard all.count <= SlotTable.membersMax, wanted.contains(where: { $0.effectiveWeight > 0 }) else { return nil }

        let places = all.indices.filter { index in
            all[index].effectiveWeight > 0 && wanted.contains { $0.isSameStore(as: all[index]) }
        }
        let nodes = Placement.nodes(places.map { all[$0] })
        // The place that stands for a member of old: the node itself, with whichever store, or its heir.
        let heirOf = members.map { member in
            let node = heirs[member.node] ?? member.node
            return places.firstIndex { all[$0].node == node }.map { UInt8($0) } ?? SlotTable.none
        }
        let start = target.mapped { heirOf[Int($0)] }
        let base = current.mapped { heirOf[Int($0)] }
        let placed = Placement.table(nodes: nodes, previous: start, base: base)
        let mapped = placed.mapped { UInt8(places[Int($0)]) }
        let witness =
            places.count == 2
            ? all.indices.filter { isWitness(all[$0], wanted) }.min { a, b in
                // Who votes already, then who was meant for it.
                let ranks = [a, b].map { (isVoter(all[$0]) ? 0 : 2) + (all[$0].state == .active ? 0 : 1) }
                return ranks[0] != ranks[1] ? ranks[0] < ranks[1] : a < b
            } : nil
        // One that is drained votes on the layout only: it may be stopped.
        let rowWitness = witness.flatMap { all[$0].state == .active ? UInt8($0) : nil }
        let next = SlotTable(
            width: mapped.width + (rowWitness == nil ? 0 : 1),
            slots: rowWitness.map { mapped.slots(with: $0) } ?? mapped.slots,
            voters: mapped.voters + (witness.map { [UInt8($0)] } ?? []),
            hasWitness: rowWitness != nil
        )

        let entry = members.map { member in
            all.firstIndex { $0.isSameStore(as: member) }.map { UInt8($0) } ?? SlotTable.none
        }
        let before = target.mapped { entry[Int($0)] }
        let kept = current.mapped { entry[Int($0)] }
        let gone = all.map { struck[$0.node] ?? [] }
        func isStruck(_ partition: Partition, _ entry: UInt8) -> Bool { gone[Int(entry)].contains(partition) }
        let now = kept.striking(isStruck)
        let (pools, spreads) = poolsMoved(
            all,
            eligible: places,
            heirs: heirs,
            heirOf: heirOf.map { $0 == SlotTable.none ? $0 : UInt8(places[Int($0)]) },
            entry: entry,
            isStruck: isStruck
        )
        let areSpreadsSame = spreads == self.spreads
        let fences = (0..<Partition.all).map { number in
            let partition = Partition(number: UInt16(number))
            let isSame = before.list(partition) == next.list(partition) && kept.list(partition) == now.list(partition)
            let isSameInPools =
                partition == .system || (areSpreadsSame && arePoolsSame(partition, pools, entry: entry))
            return isSame && isSameInPools ? self.fences[number] : epoch
        }
        return Layout(
            epoch: epoch,
            lineage: lineage ?? self.lineage,
            origin: isJoint ? origin : self.epoch,
            settled: isSole != nil && all.count > 1 ? max(settled, lastTime) : settled,
            members: all,
            current: now,
            next: next,
            fences: fences,
            departed: departed.filter { gone in
                !wanted.contains { $0.node == gone.node && $0.storeID == gone.storeID && $0.state != .leaving }
            },
            spreads: spreads,
            pools: pools
        )
    }

    /// Two holders cannot decide anything while one is away; a third member that keeps no bytes breaks the tie, of the
    /// layout, of small state and of every row.
    private func isWitness(_ member: LayoutMember, _ wanted: [LayoutMember]) -> Bool {
        member.effectiveWeight == 0 && member.state != .leaving && wanted.contains { $0.isSameStore(as: member) }
    }

    private func isVoter(_ member: LayoutMember) -> Bool {
        target.voters.contains { $0 != SlotTable.none && members[Int($0)].isSameStore(as: member) }
    }

    /// The stable layout at the end of a joint one; nil if this one is stable. Only when all `syncers` have synced.
    package var settledSuccessor: Layout? {
        guard let next else { return nil }
        let epoch = epoch + 1
        let staying = members.indices.filter { !isReplaced($0) && members[$0].state != .leaving }
        var entry = [UInt8](repeating: SlotTable.none, count: members.count)
        for (position, index) in staying.enumerated() { entry[index] = UInt8(position) }
        let gone = members.indices.filter { !isReplaced($0) && members[$0].state == .leaving }
            .map { DepartedStore(node: members[$0].node, storeID: members[$0].storeID) }
        return Layout(
            epoch: epoch,
            lineage: lineage,
            origin: epoch,
            settled: settled,
            members: staying.map { members[$0] },
            current: next.mapped { entry[Int($0)] },
            next: nil,
            fences: (0..<Partition.all).map { hasMoved(Partition(number: UInt16($0))) ? epoch : fences[$0] },
            departed: (departed.filter { !gone.contains($0) } + gone).suffix(DepartedStore.countMax),
            spreads: spreads.compactMap(\.settled),
            pools: poolsSettled(entry)
        )
    }

    /// Whether this layout may come right after the other one.
    package func follows(_ former: Layout) -> Bool {
        guard lineage == former.lineage, epoch == former.epoch + 1, settled >= former.settled, spreadsFollow(former),
            poolsFollow(former)
        else { return false }
        if next != nil {
            // A joint layout keeps what is, whatever it moves to; by force, places may have been struck out.
            return agrees(current, with: former, former.current, mayStrike: true)
        }
        guard let target = former.next else {
            // Only what buckets want has changed, and not who holds them; or tombstones go.
            let used = Set(poolsInUse.map(\.id))
            let isAboutCopies =
                members == former.members && current == former.current && fences == former.fences
                && (pools == former.pools || pools == former.pools.filter { used.contains($0.id) })
            return (isAboutCopies && settled == former.settled) || isCollection(of: former)
        }
        return agrees(current, with: former, target, mayStrike: false)
    }

    func agrees(_ own: SlotTable, with former: Layout, _ table: SlotTable, mayStrike: Bool) -> Bool {
        guard own.width == table.width, own.hasWitness == table.hasWitness, own.voters.count == table.voters.count
        else { return false }
        return zip(own.slots + own.voters, table.slots + table.voters).allSatisfy { mine, theirs in
            if mine == SlotTable.none { return mayStrike || theirs == SlotTable.none }
            guard theirs != SlotTable.none else { return false }
            return members[Int(mine)].isSameStore(as: former.members[Int(theirs)])
        }
    }
}

extension LayoutMember: Comparable {
    package static func < (a: LayoutMember, b: LayoutMember) -> Bool {
        a.node != b.node ? a.node < b.node : a.memberSince < b.memberSince
    }

    package func isSameStore(as other: LayoutMember) -> Bool {
        node == other.node && storeID == other.storeID && memberSince == other.memberSince
    }

    func admitted(_ epoch: UInt64) -> LayoutMember {
        LayoutMember(node: node, storeID: storeID, memberSince: epoch, zone: zone, weight: weight, state: state)
    }
}
