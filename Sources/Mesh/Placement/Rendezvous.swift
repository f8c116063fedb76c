internal import Swim

/// Weighted rendezvous hashing: each node draws a number for each partition, the highest ones hold it, and a node with
/// twice the weight wins twice as often (the score is weight / −ln(u), here with a logarithm to base
/// 2 in whole numbers).
enum Rendezvous {
    static func score(_ node: Placement.Node, _ partition: Int) -> UInt64 {
        let draw = Self.draw(node.id, partition)
        // At least one, so that the best draw divides by something.
        let distance = max(1, (64 << 24) - logarithm(draw | 1))
        return (UInt64(node.weight) << 31) / distance
    }

    /// What a node draws for a partition, all numbers being equally likely.
    static func draw(_ node: NodeID, _ partition: Int) -> UInt64 {
        mix(node.high ^ mix(node.low &+ UInt64(partition) &* 0x9e37_79b9_7f4a_7c15))
    }

    /// The finaliser of SplitMix64.
    static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// The logarithm to base 2 of a number above zero, times 2^24, by squaring the mantissa once for each bit.
    static func logarithm(_ value: UInt64) -> UInt64 {
        let exponent = 63 - UInt64(value.leadingZeroBitCount)
        var mantissa = value << UInt64(value.leadingZeroBitCount)
        var fraction: UInt64 = 0
        for _ in 0..<24 {
            let square = mantissa.multipliedFullWidth(by: mantissa).high
            fraction <<= 1
            if square >> 63 == 1 {
                fraction |= 1
                mantissa = square
            } else {
                mantissa = square << 1
            }
        }
        return exponent << 24 | fraction
    }
}
