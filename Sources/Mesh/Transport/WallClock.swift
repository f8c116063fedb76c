internal import Glibc

/// The time of day, for people, files and expiries, and to tell apart when somebody asked that a key is sent once more
/// (`OutboxEntry.askedMicros`).
enum WallClock {
    static var unixMicros: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
    }

    static var unixMillis: UInt64 { unixMicros / 1_000 }

    static var unixSeconds: Int64 { Int64(unixMillis / 1_000) }
}
