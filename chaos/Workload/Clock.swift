import Glibc

/// The two clocks of a run: the wall's, which signatures carry, and a steady one that orders events.
enum Clock {
    /// Seconds since 1970.
    static func seconds() -> UInt64 { UInt64(max(0, time(nil))) }

    /// Nanoseconds since some moment in the past.
    static func nanoseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}
