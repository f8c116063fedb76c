internal import Synchronization

/// A number that only grows. Costs one atomic addition.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    package init() {}

    package func add(_ amount: UInt64 = 1) { count.wrappingAdd(amount, ordering: .relaxed) }

    package var value: UInt64 { count.load(ordering: .relaxed) }
}

/// How many things took how long. Bounds double roughly, from half a millisecond to 32 seconds: what lies between a
/// point read and a client's timeout.
package final class LatencyHistogram: Sendable {
    package static let boundsMicros: [UInt64] = [
        500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_000_000, 2_000_000,
        4_000_000, 8_000_000, 16_000_000, 32_000_000,
    ]

    /// One per bound, and one for all that took longer.
    private let counts: [Counter] = (0...boundsMicros.count).map { _ in Counter() }
    private let sumMicros = Counter()

    package init() {}

    package func record(micros: UInt64) {
        let index = Self.boundsMicros.firstIndex { micros <= $0 } ?? Self.boundsMicros.count
        counts[index].add()
        sumMicros.add(micros)
    }

    /// A copy: how many fell into each class, and their sum.
    package var snapshot: (counts: [UInt64], sumMicros: UInt64) { (counts.map(\.value), sumMicros.value) }
}
