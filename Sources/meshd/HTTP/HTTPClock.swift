import Mesh
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// The wall clock in the forms that answers need; the `Date` header's text is made once a second.
enum HTTPClock {
    private static let cache = Mutex<(seconds: UInt64, text: String)>((0, ""))

    /// Seconds since 1970.
    static var seconds: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        return UInt64(max(0, now.tv_sec))
    }

    /// Milliseconds since 1970.
    static var millis: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(max(0, now.tv_sec)) * 1000 + UInt64(now.tv_nsec / 1_000_000)
    }

    /// Now, as the `Date` header wants it.
    static func date() -> String {
        let seconds = seconds
        return cache.withLock { cache in
            if cache.seconds != seconds { cache = (seconds, S3Date.http(seconds: seconds)) }
            return cache.text
        }
    }
}
