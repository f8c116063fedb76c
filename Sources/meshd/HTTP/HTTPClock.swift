import Glibc
import Mesh
import Synchronization

/// The wall clock in the forms that answers need; the `Date` header's text is made once a second.
enum HTTPClock {
    private static let cache = Mutex<(seconds: UInt64, text: String)>((0, ""))

    /// Seconds since 1970.
    static var seconds: UInt64 { UInt64(max(0, time(nil))) }

    /// Milliseconds since 1970.
    static var millis: UInt64 { JSON.nowMillis() }

    /// Now, as the `Date` header wants it.
    static func date() -> String {
        let seconds = seconds
        return cache.withLock { cache in
            if cache.seconds != seconds { cache = (seconds, S3Date.http(seconds: seconds)) }
            return cache.text
        }
    }
}
