internal import Swim

/// Finds out that this process stood still, or that its machine was suspended or put back from an image: then time
/// jumped, or the two clocks went apart. Who calls it does so a few times in a second.
struct Standstill {
    /// Nobody is this late by chance, and no clock is corrected by this much at once without a reason.
    static let microsMax: Micros = 2_000_000

    private var seenAt: Micros
    /// By how much the time of day is ahead of the node's clock, which does not go on while the machine sleeps.
    private var ahead: Int64

    init(now: Micros, unixMillis: UInt64) {
        seenAt = now
        ahead = Self.ahead(now, unixMillis)
    }

    /// True when there was a jump since the last call.
    mutating func note(now: Micros, unixMillis: UInt64) -> Bool {
        let before = self
        self = Standstill(now: now, unixMillis: unixMillis)
        return now - before.seenAt > Self.microsMax || (ahead &- before.ahead).magnitude > Self.microsMax.magnitude
    }

    private static func ahead(_ now: Micros, _ unixMillis: UInt64) -> Int64 {
        Int64(truncatingIfNeeded: unixMillis) &* 1_000 &- now
    }
}
