/// Numbers and names as sentences use them.
enum Wording {
    /// Names in one sentence; more are counted.
    private static let namesMax = 6

    /// `1,024`
    static func count(_ number: some BinaryInteger) -> String {
        var digits = Array(String(number))
        var at = digits.count - 3
        while at > 0 {
            digits.insert(",", at: at)
            at -= 3
        }
        return String(digits)
    }

    /// `1 node`, `3 nodes`
    static func count(_ number: some BinaryInteger, _ one: String, _ many: String) -> String {
        "\(count(number)) \(number == 1 ? one : many)"
    }

    /// `a`, `a and b`, `a, b and c`
    static func list(_ names: [String]) -> String {
        guard names.count > 1 else { return names.first ?? "" }
        guard names.count <= namesMax else {
            return names.prefix(namesMax).joined(separator: ", ") + " and \(count(names.count - namesMax)) more"
        }
        return names.dropLast().joined(separator: ", ") + " and \(names[names.count - 1])"
    }

    /// `90 s`, `6 min`, `3 h`, `41 days`
    static func span(millis: UInt64) -> String {
        switch millis {
        case ..<120_000: "\(millis / 1_000) s"
        case ..<7_200_000: "\(millis / 60_000) min"
        case ..<172_800_000: "\(millis / 3_600_000) h"
        default: "\(millis / 86_400_000) days"
        }
    }

    /// `1.5 GiB`, `512 MiB`, `17 bytes`
    static func bytes(_ number: UInt64) -> String {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] where number >> UInt64(shift) > 0 {
            let tenths = ((number >> UInt64(shift - 10)) * 10) >> 10
            return tenths < 100 ? "\(tenths / 10).\(tenths % 10) \(unit)" : "\(tenths / 10) \(unit)"
        }
        return count(number, "byte", "bytes")
    }
}
