/// When each request of an open loop is due: evenly spaced, whatever the answers do.
///
/// A request that is sent late, because all clients still waited for answers, is measured from when it was due and not
/// from when it was sent. A client that measures from sending leaves out just the requests that a slow server held up:
/// Gil Tene calls it coordinated omission.
struct OpenSchedule: Sendable, Equatable {
    let begin: UInt64
    /// Requests in a second, above 0.
    let rate: Int
    let nanos: UInt64

    /// How many are due in all that time.
    var count: UInt64 { Self.scaled(nanos, by: UInt64(rate)) }

    /// When the request with that number, from 0, is due; nil when that is after the end. Without drift: the number
    /// decides, not the request before.
    func due(_ number: UInt64) -> UInt64? {
        guard number < count else { return nil }
        let (whole, rest) = number.quotientAndRemainder(dividingBy: UInt64(rate))
        return begin + whole * 1_000_000_000 + rest * 1_000_000_000 / UInt64(rate)
    }

    /// How many of them should have been sent by then.
    func dueCount(at now: UInt64) -> UInt64 {
        guard now >= begin else { return 0 }
        return min(count, Self.scaled(now - begin, by: UInt64(rate)) + 1)
    }

    /// `nanos` as seconds, times `rate`, rounded down; no product is larger than what fits.
    private static func scaled(_ nanos: UInt64, by rate: UInt64) -> UInt64 {
        let (seconds, rest) = nanos.quotientAndRemainder(dividingBy: 1_000_000_000)
        return seconds * rate + rest * rate / 1_000_000_000
    }
}
