import Mesh

/// Reads the few elements that the harness needs out of S3's answers: it knows no attributes and no nesting of a name
/// in itself, which those answers do not have.
struct XMLText {
    private let text: Substring

    init(_ text: some StringProtocol) { self.text = Substring(text) }

    /// The text of the first element of that name.
    func first(_ name: String) -> String? { elements(name).first.map { Self.plain($0.text) } }

    func elements(_ name: String) -> [XMLText] {
        var found: [XMLText] = []
        var rest = text.utf8[...]
        let open = Array("<\(name)>".utf8)
        let close = Array("</\(name)>".utf8)
        while let start = Self.find(open, in: rest) {
            rest = rest[rest.index(start, offsetBy: open.count)...]
            guard let end = Self.find(close, in: rest) else { break }
            found.append(XMLText(Substring(rest[..<end])))
            rest = rest[rest.index(end, offsetBy: close.count)...]
        }
        return found
    }

    private static func find(_ needle: [UInt8], in bytes: Substring.UTF8View) -> Substring.Index? {
        var index = bytes.startIndex
        while let at = bytes[index...].firstIndex(of: needle[0]) {
            if bytes[at...].starts(with: needle) { return at }
            index = bytes.index(after: at)
        }
        return nil
    }

    private static func plain(_ text: Substring) -> String {
        var result = ""
        var rest = text
        while let amp = rest.firstIndex(of: "&"), let end = rest[amp...].firstIndex(of: ";") {
            result += rest[..<amp]
            let name = rest[rest.index(after: amp)..<end]
            switch name {
            case "amp": result += "&"
            case "lt": result += "<"
            case "gt": result += ">"
            case "quot": result += "\""
            case "apos": result += "'"
            default:
                let digits = name.hasPrefix("#x") ? UInt32(name.dropFirst(2), radix: 16) : UInt32(name.dropFirst())
                if let scalar = digits.flatMap(Unicode.Scalar.init) { result.unicodeScalars.append(scalar) }
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    /// The text of an element that came with `encoding-type=url`.
    func firstKey(_ name: String) -> String? {
        first(name).flatMap { PercentCoding.decode($0.utf8, plusIsBlank: true) }
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
