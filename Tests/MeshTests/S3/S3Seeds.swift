/// A small random source with a seed (SplitMix64), so that a failure can be replayed.
struct S3Random: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

    /// Takes bytes away, doubles or changes them, in one to four places.
    mutating func mangled(_ bytes: [UInt8]) -> [UInt8] {
        var out = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) where !out.isEmpty {
            let at = Int.random(in: 0..<out.count, using: &self)
            switch Int.random(in: 0..<5, using: &self) {
            case 0: out.remove(at: at)
            case 1: out[at] = UInt8(truncatingIfNeeded: next())
            case 2: out.removeSubrange(at...)
            case 3: out.insert(contentsOf: out[at..<min(out.count, at + 20)], at: at)
            default: out.insert(contentsOf: Array("=&;,<>%\"\0\r\n/".utf8).shuffled(using: &self).prefix(2), at: at)
            }
        }
        return out
    }
}
