/// Text that is HTML. Whatever is put into it by interpolation is escaped, unless it is such text itself: a key, an
/// answer or a log line cannot become markup, because nobody has to remember it.
struct Markup: ExpressibleByStringInterpolation, Sendable {
    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var html = ""

        init(literalCapacity: Int, interpolationCount: Int) { html.reserveCapacity(literalCapacity) }

        mutating func appendLiteral(_ literal: String) { html += literal }

        mutating func appendInterpolation(_ text: some StringProtocol) { html += Markup.escape(text) }

        mutating func appendInterpolation(_ number: Int) { html += String(number) }

        mutating func appendInterpolation(_ markup: Markup) { html += markup.html }

        mutating func appendInterpolation(_ parts: [Markup]) { for part in parts { html += part.html } }

        /// Coordinates, with as many digits as a screen can show.
        mutating func appendInterpolation(_ number: Double) { html += Markup.short(number) }
    }

    private(set) var html: String

    init(stringLiteral value: String) { html = value }

    init(stringInterpolation: StringInterpolation) { html = stringInterpolation.html }

    static let none: Markup = ""

    static func += (markup: inout Markup, other: Markup) { markup.html += other.html }

    /// Also harmless in an attribute. Control characters and those that turn the direction of text are shown by number.
    private static func escape(_ text: some StringProtocol) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case "\n", "\t": out.unicodeScalars.append(scalar)
            case _ where Self.isHidden(scalar): out += "\\u{\(String(scalar.value, radix: 16))}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
        default: false
        }
    }

    private static func short(_ number: Double) -> String {
        let tenths = (number * 10).rounded()
        guard tenths.magnitude < 1e15 else { return "0" }
        let whole = Int(tenths)
        return whole % 10 == 0 ? "\(whole / 10)" : "\(Double(whole) / 10)"
    }
}

/// Numbers as people read them.
enum Figure {
    /// `12,345`.
    static func count(_ number: Int) -> String {
        let digits = String(number.magnitude)
        var out = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { out.append(",") }
            out.append(digit)
        }
        return out
    }

    /// `0.4 ms`, `12 ms`, `3.2 s`.
    static func millis(_ millis: Double) -> String {
        switch millis {
        case ..<0.95: "\((millis * 100).rounded() / 100) ms"
        case ..<9.95: "\((millis * 10).rounded() / 10) ms"
        case ..<999.5: "\(Int(millis.rounded())) ms"
        default: "\((millis / 100).rounded() / 10) s"
        }
    }

    /// `1:05`, from milliseconds.
    static func clock(_ millis: Int) -> String {
        let seconds = max(0, millis) / 1000
        return "\(seconds / 60):\(seconds % 60 < 10 ? "0" : "")\(seconds % 60)"
    }

    static func plural(_ number: Int, _ word: String) -> String { "\(count(number)) \(word)\(number == 1 ? "" : "s")" }
}
