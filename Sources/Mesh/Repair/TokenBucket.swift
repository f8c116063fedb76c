package import Swim

/// How much may go now: a rate with a burst of a quarter of a second, and a debt that is waited for.
///
/// A pure machine: time comes in, a wait comes out.
package struct TokenBucket: Sendable {
    /// Bytes per second: less is no progress at all, and what is more, beyond all disks, counts as the most, so that no
    /// product below leaves 64 bits.
    package static let rates: ClosedRange<Int64> = 64 << 10...100 << 30
    private static let burstsPerSecond: Int64 = 4
    private static let elapsedMicrosMax: Micros = 10_000_000

    /// Bytes per second; nil: as fast as it goes.
    package private(set) var rate: Int64?
    /// What may go at once; below zero while a large piece is paid off.
    private var allowance: Int64 = 0
    private var toppedMicros: Micros

    package init(rate: Int64?, now: Micros) {
        self.rate = rate.map { min(max($0, Self.rates.lowerBound), Self.rates.upperBound) }
        toppedMicros = now
    }

    package mutating func setRate(_ rate: Int64?, now: Micros) {
        top(now)
        self.rate = rate.map { min(max($0, Self.rates.lowerBound), Self.rates.upperBound) }
        allowance = min(allowance, burst)
    }

    /// Books these bytes and says how long to wait before they go: until what was booked before is paid.
    package mutating func take(_ bytes: Int, now: Micros) -> Micros {
        guard let rate else { return 0 }
        top(now)
        let wait = allowance >= 0 ? 0 : -allowance * 1_000_000 / rate
        allowance -= Int64(bytes)
        return wait
    }

    private var burst: Int64 { (rate ?? 0) / Self.burstsPerSecond }

    private mutating func top(_ now: Micros) {
        let elapsed = min(max(0, now - toppedMicros), Self.elapsedMicrosMax)
        toppedMicros = now
        guard let rate else { return }
        allowance = min(allowance + rate * elapsed / 1_000_000, burst)
    }
}
