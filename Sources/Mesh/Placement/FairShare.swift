internal import Store

/// What each node should hold of k copies of everything: in proportion to its weight, as far as the rules let it.
///
/// A node can hold each partition once, and a zone between the least and the most that its level says; what a small
/// node or zone cannot take goes to the others. This is water-filling twice, over zones and inside each: one level is
/// sought at which everybody takes min(cap, weight × level), and the sum is right.
enum FairShare {
    /// Parts of one partition's copy, so that shares need no fractions.
    static let unit = 1024
    private static let cap = Partition.count * unit

    /// For each node its share of `copies` × 1,024 partitions, in `unit`s.
    static func shares(_ nodes: [Placement.Node], zones: Int, levels: ZoneLevels, copies: Int) -> [Int] {
        var members = [[Int]](repeating: [], count: zones)
        for (index, node) in nodes.enumerated() { members[node.zone].append(index) }
        func held(_ zone: Int, _ level: UInt64) -> Int {
            members[zone].reduce(0) { $0 + taken(nodes[$1].weight, level) }
        }
        func clamped(_ zone: Int, _ level: UInt64) -> Int {
            min(max(held(zone, level), levels.least[zone] * cap), levels.most[zone] * cap)
        }
        let level = lowest { level in (0..<zones).reduce(0) { $0 + clamped($1, level) } >= copies * cap }
        var shares = [Int](repeating: 0, count: nodes.count)
        for zone in 0..<zones {
            let total = clamped(zone, level)
            let inside = lowest { held(zone, $0) >= total }
            for index in members[zone] { shares[index] = taken(nodes[index].weight, inside) }
        }
        return shares
    }

    /// Levels have 32 bits behind the point.
    private static func taken(_ weight: UInt32, _ level: UInt64) -> Int {
        let product = UInt64(weight).multipliedFullWidth(by: level)
        return Int(min(UInt64(cap), product.high << 32 | product.low >> 32))
    }

    /// The lowest level at which a condition holds that stays true above it; the highest that makes a difference when
    /// there is none.
    private static func lowest(_ isEnough: (UInt64) -> Bool) -> UInt64 {
        var low: UInt64 = 0
        var high = UInt64(cap) << 32
        while low < high {
            let middle = low + (high - low) / 2
            if isEnough(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
