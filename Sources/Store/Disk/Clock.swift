import Glibc

enum Clock {
    /// Milliseconds since 1970.
    static func wallMillis() -> UInt64 { millis(CLOCK_REALTIME) }

    /// Milliseconds since some start; never goes back.
    static func monotonicMillis() -> UInt64 { millis(CLOCK_MONOTONIC) }

    static func monotonicNanos() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Blocks the thread.
    static func sleep(nanos: UInt64) {
        var rest = timespec(tv_sec: Int(nanos / 1_000_000_000), tv_nsec: Int(nanos % 1_000_000_000))
        nanosleep(&rest, nil)
    }

    private static func millis(_ clock: clockid_t) -> UInt64 {
        var now = timespec()
        clock_gettime(clock, &now)
        return UInt64(max(0, now.tv_sec)) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }
}
