/// The machine's own source of chance: xoshiro256**, seeded by the caller (Blackman and Vigna, 2018).
///
/// It is owned state and not a global, so that one seed replays one run. Its nonces need no secrecy: an answer counts
/// only when it comes sealed under the pair's key.
package struct Random: RandomNumberGenerator, Sendable {
    private var a: UInt64
    private var b: UInt64
    private var c: UInt64
    private var d: UInt64

    package init(seed: UInt64) {
        var state = seed
        func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            return Random.mix(state)
        }
        a = next()
        b = next()
        c = next()
        d = next()
    }

    package mutating func next() -> UInt64 {
        let result = rotate(b &* 5, 7) &* 9
        let t = b << 17
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= t
        d = rotate(d, 45)
        return result
    }

    /// A number in `0 ..< bound`; the bias of at most bound/2^64 is nothing that a probe can notice.
    package mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a random number needs room")
        return Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A number in `0 ..< 1`.
    package mutating func unit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// A hash of bytes, eight at a time and big end first, onto a start value. Against accidents, not against forgers.
    static func fold(_ bytes: some Sequence<UInt8>, onto start: UInt64) -> UInt64 {
        var hash = start
        var word: UInt64 = 0
        var filled = 0
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            filled += 1
            if filled % 8 == 0 {
                hash = mix(hash ^ word)
                word = 0
            }
        }
        return mix(hash ^ word)
    }

    /// The finalizer of SplitMix64: every input bit moves every output bit.
    package static func mix(_ word: UInt64) -> UInt64 {
        var z = word
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    private func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 {
        (x << k) | (x >> (64 - k))
    }
}
