import Logging
import Mesh

/// What a setting's text may look like, and what it means.
enum SettingKind: Sendable {
    /// Any text of 1 to 4,096 bytes; empty where the setting is optional.
    case path(isOptional: Bool)
    /// A name of a node, zone or region: it appears in logs, metrics and host names.
    case name
    /// `host:port`, port 0 for a free one.
    case address
    /// `host:port`, or nothing; port 0 for the one that was taken.
    case optionalAddress
    /// A join token, or nothing. It holds a secret, so it is never shown.
    case token
    /// Where other nodes may be, separated by commas.
    case seeds
    /// Host names, separated by commas.
    case names
    case bytes(ClosedRange<UInt64>)
    case count(ClosedRange<UInt64>)
    case millis(ClosedRange<UInt64>)
    case share(ClosedRange<Double>)
    case choice([String])

    /// The meaning of `text`; nil when it has none.
    func value(of text: String) -> SettingValue? {
        switch self {
        case .path(let isOptional):
            guard text.utf8.count <= 4096, isOptional || !text.isEmpty, !text.utf8.contains(0) else { return nil }
            return .text(text)
        case .name:
            return Self.isName(text) ? .text(text) : nil
        case .address:
            return ListenAddress(text).map { .address($0) }
        case .optionalAddress:
            return text.isEmpty ? .text("") : ListenAddress(text).map { .address($0) }
        case .token:
            return Self.isToken(text) ? .secret(Secret(text)) : nil
        case .seeds:
            let parts = text.split(separator: ",").map { String($0.trimming { $0 == " " }) }
            let seeds = parts.compactMap { Seed($0) }
            return seeds.count == parts.count && seeds.count <= Seed.countMax ? .seeds(seeds) : nil
        case .names:
            let names = text.split(separator: ",").map { String($0.trimming { $0 == " " }).lowercased() }
            return names.count <= 64 && names.allSatisfy(Self.isHostName) ? .list(names) : nil
        case .bytes(let range):
            return Self.bytes(of: text).flatMap { range.contains($0) ? .number($0) : nil }
        case .count(let range):
            return UInt64(text).flatMap { range.contains($0) ? .number($0) : nil }
        case .millis(let range):
            return Self.millis(of: text).flatMap { range.contains($0) ? .number($0) : nil }
        case .share(let range):
            return Double(text).flatMap { range.contains($0) ? .share($0) : nil }
        case .choice(let names):
            return names.contains(text) ? .text(text) : nil
        }
    }

    /// What a person may write, for error messages and documentation.
    var allowed: String {
        switch self {
        case .path(let isOptional): isOptional ? "a path, or nothing" : "a path"
        case .name: "1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit"
        case .address: "HOST:PORT such as 127.0.0.1:9000, [::1]:9000 or 0.0.0.0:0 (port 0: any free port)"
        case .optionalAddress: "HOST:PORT such as 203.0.113.7:9002 (port 0: the one that was taken), or nothing"
        case .token: "the one line that `meshd token create` prints, whole, or nothing"
        case .seeds:
            "HOST:PORT or srv:_meshd._udp.DOMAIN, separated by commas, at most \(Seed.countMax)"
        case .names: "host names separated by commas, at most 64"
        case .bytes(let range):
            "a size from \(Self.text(ofBytes: range.lowerBound)) to \(Self.text(ofBytes: range.upperBound)), "
                + "such as 512MiB"
        case .count(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .millis(let range):
            "a duration from \(Self.text(ofMillis: range.lowerBound)) to \(Self.text(ofMillis: range.upperBound)), "
                + "such as 500ms, 5s, 2m or 1h"
        case .share(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .choice(let names): "one of " + names.joined(separator: ", ")
        }
    }

    // MARK: Sizes and durations

    private static let byteUnits: [(suffix: String, factor: UInt64)] = [
        ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40),
        ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000),
        ("b", 1),
    ]

    /// `512MiB`, `10GB`, `4096`: binary units with an i, decimal ones without.
    static func bytes(of text: String) -> UInt64? {
        let lower = text.lowercased()
        for unit in byteUnits where lower.hasSuffix(unit.suffix) {
            return product(String(lower.dropLast(unit.suffix.count)), unit.factor)
        }
        return UInt64(lower)
    }

    static func text(ofBytes count: UInt64) -> String {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if count >= 1 << UInt64(shift) && count % (1 << UInt64(shift)) == 0 {
                return "\(count >> UInt64(shift))\(unit)"
            }
        }
        return "\(count)B"
    }

    private static let millisUnits: [(suffix: String, factor: UInt64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// `500ms`, `5s`, `2m`, `1h`, `7d`. A number without a unit is refused: seconds and milliseconds look alike.
    static func millis(of text: String) -> UInt64? {
        let lower = text.lowercased()
        for unit in millisUnits where lower.hasSuffix(unit.suffix) {
            return product(String(lower.dropLast(unit.suffix.count)), unit.factor)
        }
        return lower == "0" ? 0 : nil
    }

    static func text(ofMillis count: UInt64) -> String {
        for unit in millisUnits.reversed() where count >= unit.factor && count % unit.factor == 0 {
            return "\(count / unit.factor)\(unit.suffix)"
        }
        return "0"
    }

    private static func product(_ digits: String, _ factor: UInt64) -> UInt64? {
        guard let number = UInt64(digits) else { return nil }
        let (result, overflows) = number.multipliedReportingOverflow(by: factor)
        return overflows ? nil : result
    }

    /// Whether a value of this kind may be printed in logs, errors and `meshd config`.
    var isSecret: Bool {
        if case .token = self { true } else { false }
    }

    // MARK: Names

    static func isName(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, isAlphanumeric(first) else {
            return false
        }
        return text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
    }

    /// Nothing, or what looks like a token: `JoinToken` has the last word on it when it is used.
    private static func isToken(_ text: String) -> Bool {
        text.isEmpty || (try? JoinToken(parsing: text)) != nil
    }

    static func isHostName(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D }
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}

/// A setting's text, understood.
enum SettingValue: Sendable {
    case text(String)
    case number(UInt64)
    case share(Double)
    case address(ListenAddress)
    case list([String])
    case seeds([Seed])
    case secret(Secret)
}

extension Substring {
    fileprivate func trimming(_ isBlank: (Character) -> Bool) -> Substring {
        var rest = drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
        return rest
    }
}
