internal import Store
internal import Synchronization

/// Names for operations: words that nobody else gives out. Two random words for each run of the process, and a count that
/// is mixed into them without collisions.
final class OperationNames: Sendable {
    private let high = UInt64.random(in: 0 ... .max)
    private let low = UInt64.random(in: 0 ... .max)
    private let count = Atomic<UInt64>(0)

    /// Unique in the mesh, and spread like a random word: the seed, writer and proposer of an operation.
    func writer() -> UInt64 { Self.mixed(low &+ next()) }

    func op() -> OpID { OpID(high: high, low: Self.mixed(low &+ next())) }

    private func next() -> UInt64 {
        count.wrappingAdd(1, ordering: .relaxed).newValue &* 0x9E37_79B9_7F4A_7C15
    }

    /// The finalizer of SplitMix64: a permutation of all words.
    private static func mixed(_ word: UInt64) -> UInt64 {
        var word = word
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
