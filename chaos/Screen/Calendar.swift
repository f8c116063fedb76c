import Glibc

/// Moments as people write them, in UTC.
enum Calendar {
    /// `20261121-210228`: sorts as time does.
    static func stamp(_ seconds: UInt64) -> String { format(seconds, "%Y%m%d-%H%M%S") }

    /// `2026-11-21 21:02:28 UTC`.
    static func text(_ seconds: UInt64) -> String { format(seconds, "%Y-%m-%d %H:%M:%S UTC") }

    private static func format(_ seconds: UInt64, _ form: String) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        gmtime_r(&moment, &parts)
        var bytes = [CChar](repeating: 0, count: 64)
        let count = strftime(&bytes, bytes.count, form, &parts)
        return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
