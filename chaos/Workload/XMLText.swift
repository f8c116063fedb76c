import Glibc
import Mesh

/// Reads the few elements that the harness needs out of S3's answers: it knows no attributes and no nesting of a name
/// in itself, which those answers do not have.
struct XMLText {
    /// The text around it, shared with all elements in it, and which part this is.
    private let bytes: [UInt8]
    private let range: Range<Int>

    init(_ text: some StringProtocol) {
        bytes = Array(text.utf8)
        range = bytes.indices
    }

    private init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        self.range = range
    }

    /// The text of the first element of that name.
    func first(_ name: String) -> String? { next(Tag(name), in: range)?.element.plain }

    func elements(_ name: String) -> [XMLText] {
        let tag = Tag(name)
        var found: [XMLText] = []
        var rest = range
        while let (element, end) = next(tag, in: rest) {
            found.append(element)
            rest = end..<range.upperBound
        }
        return found
    }

    private struct Tag {
        let open: [UInt8]
        let close: [UInt8]

        init(_ name: String) {
            open = Array("<\(name)>".utf8)
            close = Array("</\(name)>".utf8)
        }
    }

    /// The first element in that part, and where the text goes on behind it.
    private func next(_ tag: Tag, in part: Range<Int>) -> (element: XMLText, end: Int)? {
        guard let start = find(tag.open, in: part) else { return nil }
        let inside = start + tag.open.count
        guard let end = find(tag.close, in: inside..<part.upperBound) else { return nil }
        return (XMLText(bytes, inside..<end), end + tag.close.count)
    }

    private func find(_ needle: [UInt8], in part: Range<Int>) -> Int? {
        bytes.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return nil }
            var at = part.lowerBound
            while at + needle.count <= part.upperBound,
                let candidate = memchr(base + at, Int32(needle[0]), part.upperBound - needle.count + 1 - at)
            {
                if memcmp(candidate, needle, needle.count) == 0 { return UnsafeRawPointer(candidate) - base }
                at = UnsafeRawPointer(candidate) - base + 1
            }
            return nil
        }
    }

    private var plain: String {
        let text = String(decoding: bytes[range], as: UTF8.self)
        return find([UInt8(ascii: "&")], in: range) == nil ? text : Self.plain(text[...])
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
