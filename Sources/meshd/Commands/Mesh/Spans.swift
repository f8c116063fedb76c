import Foundation

/// Times and spans as people read them in a table: two figures, one unit.
enum Spans {
    /// `2.4s`, `6m`, `3h`, `41d`.
    static func age(millis: UInt64) -> String {
        switch millis {
        case 0..<10_000: "\(millis / 1_000).\(millis % 1_000 / 100)s"
        case 0..<120_000: "\(millis / 1_000)s"
        case 0..<7_200_000: "\(millis / 60_000)m"
        case 0..<172_800_000: "\(millis / 3_600_000)h"
        default: "\(millis / 86_400_000)d"
        }
    }

    /// The time from `earlier` to `later`; zero when a clock went backwards between them.
    static func age(from earlier: UInt64, to later: UInt64) -> String {
        age(millis: later > earlier ? later - earlier : 0)
    }

    /// `80us`, `0.3ms`, `41ms`, `1.2s`; a dash for a round trip that was never measured.
    static func trip(micros: Int64?) -> String {
        guard let micros else { return "-" }
        switch micros {
        case ..<100: return "\(max(0, micros))us"
        case ..<10_000: return decimal(Double(micros) / 1_000) + "ms"
        case ..<1_000_000: return "\(micros / 1_000)ms"
        default: return decimal(Double(micros) / 1_000_000) + "s"
        }
    }

    /// One place behind the point.
    static func decimal(_ value: Double) -> String { decimal(value, places: 1) }

    static func decimal(_ value: Double, places: Int) -> String {
        // What is no number came from nobody who counts.
        value.isFinite ? String(format: "%.\(places)f", value) : "-"
    }

    static func percent(_ share: Double) -> String {
        share.isFinite ? "\(Int((min(max(share, 0), 1) * 100).rounded()))%" : "-"
    }

    /// `10:02:11.204`, UTC.
    static func clock(millis: UInt64) -> String {
        let time = millis % 86_400_000
        func pad(_ number: UInt64, _ digits: Int) -> String {
            let text = "\(number)"
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return "\(pad(time / 3_600_000, 2)):\(pad(time / 60_000 % 60, 2)):\(pad(time / 1_000 % 60, 2))."
            + pad(time % 1_000, 3)
    }

    /// `1.5GiB`, `512MiB`.
    static func bytes(_ count: UInt64) -> String {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] where count >> UInt64(shift) > 0 {
            let whole = Double(count) / Double(UInt64(1) << UInt64(shift))
            return (whole < 10 ? decimal(whole) : "\(Int(whole.rounded()))") + unit
        }
        return "\(count)B"
    }
}
