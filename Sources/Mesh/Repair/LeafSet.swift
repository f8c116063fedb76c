package import Store

/// Some leaves of some partitions: what a walk looks at.
package struct LeafSet: Hashable, Sendable {
    /// 256 bits, of four words.
    package struct Bits: Hashable, Sendable {
        package static let all = Bits(words: (.max, .max, .max, .max))
        package var a: UInt64 = 0
        package var b: UInt64 = 0
        package var c: UInt64 = 0
        package var d: UInt64 = 0

        package init() {}

        package init(words: (UInt64, UInt64, UInt64, UInt64)) { (a, b, c, d) = words }

        package var words: [UInt64] { [a, b, c, d] }
        package var isEmpty: Bool { a | b | c | d == 0 }
        package var count: Int { a.nonzeroBitCount + b.nonzeroBitCount + c.nonzeroBitCount + d.nonzeroBitCount }

        package func contains(_ leaf: Int) -> Bool {
            let word = leaf < 128 ? (leaf < 64 ? a : b) : (leaf < 192 ? c : d)
            return word >> UInt64(leaf & 63) & 1 == 1
        }

        package mutating func insert(_ leaf: Int) {
            let bit: UInt64 = 1 << UInt64(leaf & 63)
            switch leaf >> 6 {
            case 0: a |= bit
            case 1: b |= bit
            case 2: c |= bit
            default: d |= bit
            }
        }

        package mutating func remove(_ leaf: Int) {
            let rest: UInt64 = ~(1 << UInt64(leaf & 63))
            switch leaf >> 6 {
            case 0: a &= rest
            case 1: b &= rest
            case 2: c &= rest
            default: d &= rest
            }
        }

        func intersection(_ other: Bits) -> Bits {
            Bits(words: (a & other.a, b & other.b, c & other.c, d & other.d))
        }
    }

    package private(set) var partitions: [Partition: Bits] = [:]

    package init() {}

    /// All leaves of these partitions.
    package init(_ whole: some Sequence<Partition>) {
        for partition in whole { partitions[partition] = .all }
    }

    package var isEmpty: Bool { partitions.isEmpty }
    package var leafCount: Int { partitions.values.reduce(0) { $0 + $1.count } }

    /// Whether only whole partitions are in it.
    package var isWhole: Bool { partitions.values.allSatisfy { $0 == .all } }

    package func contains(_ partition: Partition, _ leaf: Int) -> Bool {
        partitions[partition]?.contains(leaf) ?? false
    }

    package func contains(_ address: RowAddress) -> Bool { contains(address.partition, address.leaf) }

    package mutating func insert(_ partition: Partition, _ leaf: Int) {
        partitions[partition, default: Bits()].insert(leaf)
    }

    package mutating func insert(_ partition: Partition, _ leaves: Bits) {
        if !leaves.isEmpty { partitions[partition] = leaves }
    }

    package mutating func remove(_ partition: Partition, _ leaf: Int) {
        partitions[partition]?.remove(leaf)
        if partitions[partition]?.isEmpty == true { partitions[partition] = nil }
    }

    package func intersection(_ other: LeafSet) -> LeafSet {
        var both = LeafSet()
        for (partition, leaves) in partitions {
            if let others = other.partitions[partition] { both.insert(partition, leaves.intersection(others)) }
        }
        return both
    }

    package func forEach(_ body: (Partition, Int) -> Void) {
        for (partition, leaves) in partitions {
            for leaf in 0..<256 where leaves.contains(leaf) { body(partition, leaf) }
        }
    }
}
