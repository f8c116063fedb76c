internal import Store
package import Swim

extension ClusterFacts {
    /// Puts together what the layout and the member list say, and what each node said of itself.
    ///
    /// Nodes that are gone and have no place in the layout are left out: they concern nobody any more.
    /// - Parameter conditions: by the ids of the nodes; those who did not answer are missing.
    package init(
        layout: Layout?,
        members: MembersReport?,
        conditions: [NodeID: NodeCondition],
        ownID: NodeID,
        nowMillis: UInt64
    ) {
        self.init(ownID: ownID, nowMillis: nowMillis)
        isIsolated = members?.isIsolated ?? false
        var nodes: [NodeID: Node] = [:]
        for line in members?.members ?? [] {
            guard let id = NodeID(hexadecimal: line.id) else { continue }
            var node = Node(id: id, name: line.name)
            node.zone = line.zone
            node.state = line.state
            node.sinceMillis = line.sinceMillis
            nodes[id] = node
        }
        for member in layout?.members ?? [] {
            var node = nodes[member.node] ?? Node(id: member.node, name: String(member.node.description.prefix(8)))
            node.zone = member.zone
            node.weight = member.weight
            // A second entry is that of the newest store.
            node.isRefilled = node.place != nil
            node.place = member.state
            nodes[member.node] = node
        }
        for gone in layout?.departed ?? [] where nodes[gone.node]?.isMember == false {
            nodes[gone.node]?.isRemoved = true
        }
        for (id, condition) in conditions {
            var node = nodes[id] ?? Node(id: id, name: condition.name)
            node.condition = condition
            // The member list has the name as it was told to all; without it, the node's own word counts.
            if node.state == nil { node.name = condition.name }
            // Who takes part in no mesh yet has no member list, but itself.
            if id == ownID, node.state == nil { node.state = .alive }
            nodes[id] = node
        }
        self.nodes = nodes.values.filter { node in
            node.isMember || node.id == ownID || node.state == .alive || node.state == .suspect
                || node.state == .unstable
        }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        guard let layout else { return }
        movement = layout.isJoint ? gathered(of: layout) : nil
        epoch = layout.epoch
        isChanging = layout.isJoint
        holders = (0..<Partition.all).map {
            layout.holders(of: Partition(number: UInt16($0)), copies: copiesWanted)
        }
        pooled = pooled(layout)
    }
}

extension ClusterFacts {
    /// What all nodes that answered moved of this layout, and have to move.
    private func gathered(of layout: Layout) -> Movement {
        var movement = Movement(what: what(layout))
        for node in nodes {
            guard let repair = node.condition?.repair, let own = repair.movement, own.epoch == layout.epoch else {
                continue
            }
            movement.doneShares += own.partitionsDone
            movement.allShares += own.partitions
            movement.doneBytes += own.bytes
            movement.allBytes += max(own.bytes, own.bytesExpected)
            if !own.isDone { movement.bytesPerSecond += own.bytesPerSecond }
            if !own.isDone, repair.isPaused { movement.isPaused = true }
            movement.waitsFor += own.waitsFor.filter { !movement.waitsFor.contains($0) }
        }
        // Who is to hold something and is gone says nothing of itself.
        for id in layout.syncers {
            guard let node = nodes.first(where: { $0.id == id }), !node.isReachable else { continue }
            if !movement.waitsFor.contains(node.name) { movement.waitsFor.append(node.name) }
        }
        movement.waitsFor.sort()
        return movement
    }

    /// Buckets that get another number of copies, in one phrase.
    private func changing(_ layout: Layout) -> [String] {
        let count = layout.spreads.count { $0.now.copies != $0.next.copies }
        return count == 0 ? [] : ["the number of copies of \(Wording.count(count, "bucket", "buckets"))"]
    }

    /// Buckets that go to other nodes.
    private func moving(_ layout: Layout) -> [String] {
        let count = layout.spreads.count { $0.now.pool != $0.next.pool }
        return count == 0 ? [] : [Wording.count(count, "bucket", "buckets")]
    }

    /// What pools hold, each once for each number of copies that some bucket there has.
    private func pooled(_ layout: Layout) -> [Pooled] {
        Set(layout.spreads.map(\.span)).filter { !$0.isWhole }.map { span in
            let holders = (0..<Partition.count).map { layout.holders(of: Partition(number: UInt16($0)), copies: span) }
            return Pooled(buckets: layout.spreads.count { $0.span == span }, holders: holders)
        }
    }

    /// In words, the most telling first.
    private func what(_ layout: Layout) -> String {
        let held = Set(layout.tablesNow.flatMap(\.slots))
        func names(_ isMeant: (LayoutMember) -> Bool) -> [String] {
            layout.members.filter(isMeant).map { name(of: $0.node) }
        }
        func holds(_ member: LayoutMember) -> Bool {
            layout.members.firstIndex(of: member).map { held.contains(UInt8($0)) } ?? false
        }
        let parts = [
            (names { layout.isNewcomer($0) }, "joins", "join"),
            (names { $0.state == .leaving }, "goes", "go"),
            (names { $0.state == .draining && holds($0) }, "is emptied", "are emptied"),
            (changing(layout), "changes", "change"),
            (moving(layout), layout.spreads.count { $0.now.pool != $0.next.pool } == 1 ? "moves" : "move", "move"),
        ].filter { !$0.0.isEmpty }.map { names, one, many in "\(Wording.list(names)) \(names.count == 1 ? one : many)" }
        return parts.isEmpty ? "shares change" : parts.joined(separator: ", ")
    }
}

extension NodeID {
    /// The sixteen bytes that its description shows; nil for any other number of them.
    package init?(hexadecimal text: String) {
        guard let bytes = Hex.decode(text.utf8), bytes.count == 16 else { return nil }
        func word(_ slice: ArraySlice<UInt8>) -> UInt64 { slice.reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(high: word(bytes[..<8]), low: word(bytes[8...]))
    }
}
