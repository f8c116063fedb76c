/// A strict pull parser for the small documents that clients send.
///
/// No document type, no processing instructions, no entities but the five and numeric ones; a namespace or none; UTF-8
/// only. Size and depth are bounded, so a hostile document costs no more than reading it once.
struct XMLReader {
    /// The deepest document of S3's is four elements deep.
    static let depthMax = 8
    static let nameBytesMax = 128

    enum Event: Equatable {
        /// The element's name without its prefix.
        case start(ArraySlice<UInt8>)
        /// The text since the last start, whole, when an element without children ends; else nil.
        case end(text: [UInt8]?)
    }

    private let bytes: [UInt8]
    private var index = 0
    private var open: [Range<Int>] = []
    private var text: [UInt8] = []
    private var textIsWhole = false
    private var pendingEnd = false
    private var rootIsClosed = false

    init(_ bytes: [UInt8], bytesMax: Int) throws(S3Error) {
        guard bytes.count <= bytesMax else { throw S3Error(.maxMessageLengthExceeded) }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw Self.malformed }
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        if matches("<?xml") {
            guard let end = find("?>") else { throw Self.malformed }
            index = end + 2
        }
    }

    static let malformed = S3Error(.malformedXML)

    /// The next event; nil when the document has ended well.
    mutating func next() throws(S3Error) -> Event? {
        if pendingEnd { return closeElement() }
        while index < bytes.count {
            if bytes[index] != UInt8(ascii: "<") {
                try readText()
            } else if matches("<!--") {
                guard let end = find("-->") else { throw Self.malformed }
                index = end + 3
            } else if matches("<![CDATA[") {
                guard !open.isEmpty, let end = find("]]>") else { throw Self.malformed }
                text += bytes[(index + 9)..<end]
                index = end + 3
            } else if matches("</") {
                index += 2
                let name = try readName()
                skipBlanks()
                guard take(">"), let last = open.last, bytes[last] == bytes[name] else { throw Self.malformed }
                return closeElement()
            } else {
                return try openElement()
            }
        }
        guard open.isEmpty, rootIsClosed else { throw Self.malformed }
        return nil
    }

    private mutating func openElement() throws(S3Error) -> Event {
        guard !rootIsClosed, open.count < Self.depthMax, text.allSatisfy(Self.isBlank) else { throw Self.malformed }
        index += 1
        let name = try readName()
        while true {
            let before = index
            skipBlanks()
            if take(">") { break }
            if matches("/>") {
                index += 2
                pendingEnd = true
                break
            }
            guard index > before else { throw Self.malformed }
            _ = try readName()
            skipBlanks()
            guard take("=") else { throw Self.malformed }
            skipBlanks()
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "'"),
                let end = bytes[(index + 1)...].firstIndex(of: bytes[index]),
                !bytes[(index + 1)..<end].contains(UInt8(ascii: "<"))
            else { throw Self.malformed }
            index = end + 1
        }
        open.append(name)
        text.removeAll(keepingCapacity: true)
        textIsWhole = true
        let colon = bytes[name].lastIndex(of: UInt8(ascii: ":"))
        return .start(bytes[(colon.map { $0 + 1 } ?? name.lowerBound)..<name.upperBound])
    }

    private mutating func closeElement() -> Event {
        pendingEnd = false
        open.removeLast()
        if open.isEmpty { rootIsClosed = true }
        let event = Event.end(text: textIsWhole ? text : nil)
        textIsWhole = false
        text.removeAll(keepingCapacity: true)
        return event
    }

    private mutating func readText() throws(S3Error) {
        while index < bytes.count, bytes[index] != UInt8(ascii: "<") {
            let byte = bytes[index]
            if open.isEmpty || !textIsWhole {
                guard Self.isBlank(byte) else { throw Self.malformed }
                index += 1
            } else if byte == UInt8(ascii: "&") {
                try readEntity()
            } else {
                text.append(byte)
                index += 1
            }
        }
    }

    private mutating func readEntity() throws(S3Error) {
        // The longest is &#x10FFFF; with a few leading zeros.
        guard let end = bytes[index..<min(index + 14, bytes.count)].firstIndex(of: UInt8(ascii: ";")) else {
            throw Self.malformed
        }
        let body = String(decoding: bytes[(index + 1)..<end], as: UTF8.self)
        index = end + 1
        switch body {
        case "lt": text.append(UInt8(ascii: "<"))
        case "gt": text.append(UInt8(ascii: ">"))
        case "amp": text.append(UInt8(ascii: "&"))
        case "quot": text.append(UInt8(ascii: "\""))
        case "apos": text.append(UInt8(ascii: "'"))
        default:
            let digits = body.dropFirst(body.hasPrefix("#x") ? 2 : 1)
            guard body.hasPrefix("#"), digits.allSatisfy(\.isHexDigit),
                let value = UInt32(digits, radix: body.hasPrefix("#x") ? 16 : 10), value > 0,
                let scalar = Unicode.Scalar(value)
            else { throw Self.malformed }
            text += Array(String(Character(scalar)).utf8)
        }
    }

    private mutating func readName() throws(S3Error) -> Range<Int> {
        let start = index
        while index < bytes.count, index - start <= Self.nameBytesMax {
            let byte = bytes[index]
            guard
                ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
            else { break }
            index += 1
        }
        guard index > start, index - start <= Self.nameBytesMax, !ASCII.isDigit(bytes[start]) else {
            throw Self.malformed
        }
        return start..<index
    }

    private mutating func skipBlanks() {
        while index < bytes.count, Self.isBlank(bytes[index]) { index += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private func matches(_ text: StaticString) -> Bool {
        ASCII.hasPrefix(bytes, index..<bytes.count, text)
    }

    private func find(_ text: StaticString) -> Int? {
        var at = index
        while at < bytes.count {
            if ASCII.hasPrefix(bytes, at..<bytes.count, text) { return at }
            at += 1
        }
        return nil
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\t")
    }
}

extension XMLReader {
    /// Reads the start of the root, which must have this name.
    mutating func root(_ name: StaticString) throws(S3Error) {
        guard case .start(let found)? = try next(), ASCII.equal(found, name) else { throw Self.malformed }
    }

    /// The name of the next child; nil at the end of the parent.
    mutating func child() throws(S3Error) -> String? {
        switch try next() {
        case .start(let name): return String(decoding: name, as: UTF8.self)
        case .end(let text):
            // Text beside no children is text where the schema has none.
            guard text.map({ $0.allSatisfy(Self.isBlank) }) ?? true else { throw Self.malformed }
            return nil
        case nil: throw Self.malformed
        }
    }

    /// The text of the element that was just begun, which must have no children.
    mutating func bytesOfElement() throws(S3Error) -> [UInt8] {
        guard case .end(let text?)? = try next() else { throw Self.malformed }
        return text
    }

    mutating func textOfElement() throws(S3Error) -> String {
        String(decoding: try bytesOfElement(), as: UTF8.self)
    }

    /// Nothing but blanks may follow the root.
    mutating func end() throws(S3Error) {
        guard try next() == nil else { throw Self.malformed }
    }
}
