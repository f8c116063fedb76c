internal import Store
package import Swim

/// Decides which node holds which partition: by weight, over zones, moving as little as it can.
///
/// A pure function of nodes and former tables, in whole numbers only, so that all builds on all machines agree. Nodes
/// are indexes here. Three copies are placed first, since most buckets want three; then who comes fourth and fifth, then
/// which two of the three, then which one of the two: all prefixes are balanced and spread for themselves.
package enum Placement {
    package struct Node: Sendable, Hashable {
        package let id: NodeID
        /// Numbers from 0 without gaps.
        package let zone: Int
        /// More than zero.
        package let weight: UInt32

        package init(id: NodeID, zone: Int, weight: UInt32) {
            self.id = id
            self.zone = zone
            self.weight = weight
        }
    }

    /// The table for these nodes. `previous` is where the movement starts, `base` where the data is now; entries that
    /// are not among the nodes are `SlotTable.none`.
    package static func table(nodes: [Node], previous: SlotTable?, base: SlotTable?) -> SlotTable {
        if let base, let previous, previous.slots != base.slots {
            // A change that is taken back: when what is there is good as it is, nothing moves.
            let still = table(nodes: nodes, previous: base, base: base)
            if still.slots == base.slots { return still }
        }
        let width = min(SlotTable.widthMax, nodes.count)
        let main = min(Layout.copiesDefault, width)
        let nobody = [Bool](repeating: false, count: nodes.count * Partition.count)
        let everybody = [Bool](repeating: true, count: nodes.count * Partition.count)

        func chosen(_ copies: Int, isFixed: [Bool], isAllowed: [Bool]) -> [Bool] {
            let before = marks(previous, nodes.count, copies)
            let data = marks(base, nodes.count, copies)
            let prior = zip(before, data).map { UInt8($0.0 ? 1 : 0) + ($0.1 ? 2 : 0) }
            return Allotment(
                nodes: nodes,
                copies: copies,
                isFixed: isFixed,
                isAllowed: isAllowed,
                start: before,
                prior: prior
            ).isChosen
        }
        let three = chosen(main, isFixed: nobody, isAllowed: everybody)
        let all = width > main ? chosen(width, isFixed: three, isAllowed: everybody) : three
        let two = main > 2 ? chosen(2, isFixed: nobody, isAllowed: three) : three
        let one = main > 1 ? chosen(1, isFixed: nobody, isAllowed: two) : two

        var slots: [UInt8] = []
        slots.reserveCapacity(width * Partition.count)
        for partition in 0..<Partition.count {
            let row = partition * nodes.count..<(partition + 1) * nodes.count
            let ranks = row.map { (one[$0] ? 0 : 1) + (two[$0] ? 0 : 1) + (three[$0] ? 0 : 1) + (all[$0] ? 0 : 1) }
            let order = former(previous, base, partition)
            let holders = nodes.indices.filter { ranks[$0] < 4 }.sorted { a, b in
                if ranks[a] != ranks[b] { return ranks[a] < ranks[b] }
                let places = (order.firstIndex(of: a) ?? .max, order.firstIndex(of: b) ?? .max)
                return places.0 != places.1 ? places.0 < places.1 : a < b
            }
            slots += holders.map { UInt8($0) }
        }
        let voters = voters(nodes: nodes, former: (base?.voters ?? []) + (previous?.voters ?? []))
        return SlotTable(width: width, slots: slots, voters: voters)
    }

    /// Partition × node: who is among the first `copies`.
    private static func marks(_ table: SlotTable?, _ nodes: Int, _ copies: Int) -> [Bool] {
        var marks = [Bool](repeating: false, count: nodes * Partition.count)
        guard let table else { return marks }
        for partition in 0..<Partition.count {
            for entry in table.list(Partition(number: UInt16(partition))).prefix(copies) where entry < nodes {
                marks[partition * nodes + Int(entry)] = true
            }
        }
        return marks
    }

    /// In which order the partition's holders were, as the data is and then as it was to be.
    private static func former(_ previous: SlotTable?, _ base: SlotTable?, _ partition: Int) -> [Int] {
        let partition = Partition(number: UInt16(partition))
        var order: [Int] = []
        for table in [base, previous] {
            guard let table else { continue }
            for entry in table.list(partition) { order.append(Int(entry)) }
        }
        return order
    }

    /// Who decides: one of one or two, else three, from five nodes on five, spread over zones. Those who did stay. With
    /// two nodes both, since one alone could decide while the other is away.
    package static func voters(nodes: [Node], former: [UInt8]) -> [UInt8] {
        let count = nodes.count >= 5 ? 5 : nodes.count >= 3 ? 3 : nodes.count
        let zones = (nodes.map(\.zone).max() ?? 0) + 1
        var sizes = [Int](repeating: 0, count: zones)
        for node in nodes { sizes[node.zone] += 1 }
        let levels = ZoneLevels(sizes: sizes, copies: count)
        // Those who vote already come first, then by a draw of their own, behind those of all partitions.
        let fresh = nodes.indices.sorted { a, b in
            let draws = (Rendezvous.draw(nodes[a].id, Partition.count), Rendezvous.draw(nodes[b].id, Partition.count))
            return draws.0 != draws.1 ? draws.0 < draws.1 : a < b
        }
        let candidates = former.filter { $0 < nodes.count }.map(Int.init) + fresh
        var voters: [Int] = []
        var inZone = [Int](repeating: 0, count: zones)
        // Level by level, so that each zone has its least before another one has more.
        for limits in [levels.least, levels.most] {
            for node in candidates where voters.count < count && !voters.contains(node) {
                guard inZone[nodes[node].zone] < limits[nodes[node].zone] else { continue }
                voters.append(node)
                inZone[nodes[node].zone] += 1
            }
        }
        let order = candidates
        return voters.sorted { (order.firstIndex(of: $0) ?? 0) < (order.firstIndex(of: $1) ?? 0) }.map { UInt8($0) }
    }
}
