package import Swim

/// How fast repair may go, from how long requests of clients take while it runs.
///
/// Additive increase, multiplicative decrease, as TCP shares a link: the rate is halved when the smoothed time of a
/// request is above twice that of quiet times, and grows by an eighth per second when it is not. A pure machine.
package struct Throttle: Sendable {
    /// Where a first slow-down starts, in bytes per second.
    private static let rateStart: Int64 = 64 << 20
    private static let rateMin: Int64 = 1 << 20
    /// From here on the limit is taken away: no disk of today is faster.
    private static let rateMax: Int64 = 4 << 30
    private static let stepMicros: Micros = 1_000_000
    /// A request that is this quick hurts nobody, however quick those before it were.
    private static let painMicros: Micros = 2_000
    /// Without requests for this long there is nobody to be in the way of.
    private static let idleMicros: Micros = 3_000_000

    /// Bytes per second; nil: no limit.
    package private(set) var rate: Int64?
    /// Smoothed, in micros: of the last requests, and of quiet times.
    private var recent: Micros = 0
    private var quiet: Micros = 0
    private var steppedMicros: Micros
    private var requestMicros: Micros?

    package init(now: Micros) { steppedMicros = now }

    /// A client's request took this long. `isBusy`: repair moved bytes meanwhile.
    package mutating func note(micros: Micros, isBusy: Bool, now: Micros) {
        requestMicros = now
        recent += (micros - recent) / 16
        guard !isBusy else { return }
        // Falls at once and rises slowly: a lull tells more of the quiet time than a storm.
        quiet = quiet == 0 || micros < quiet ? micros : quiet + (micros - quiet) / 64
    }

    /// The rate from now on.
    package mutating func step(now: Micros) -> Int64? {
        guard now - steppedMicros >= Self.stepMicros else { return rate }
        steppedMicros = now
        guard let requestMicros, now - requestMicros < Self.idleMicros else {
            rate = nil
            recent = quiet
            return nil
        }
        if recent > max(2 * quiet, Self.painMicros) {
            rate = max((rate ?? 2 * Self.rateStart) / 2, Self.rateMin)
        } else if let known = rate {
            rate = known > Self.rateMax ? nil : known + max(known / 8, Self.rateMin)
        }
        return rate
    }
}
