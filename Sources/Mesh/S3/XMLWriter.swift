package import NIOCore

/// Writes a response document straight into a buffer: no tree, no strings in between.
///
/// Names are trusted (they are our own words), text is escaped. Control characters that XML 1.0 cannot carry are written
/// as numeric references, as S3 does; a client that wants to be safe asks for `encoding-type=url`.
package struct XMLWriter: ~Copyable {
    package static let namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

    private var buffer: ByteBuffer

    /// Takes the buffer's storage; `finish` gives it back.
    package init(_ buffer: inout ByteBuffer) {
        self.buffer = buffer
        buffer = ByteBuffer()
        self.buffer.writeStaticString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
    }

    package consuming func finish() -> ByteBuffer { buffer }

    package mutating func open(_ name: String) {
        var name = name
        name.withUTF8 { name in
            _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: name.count + 2) { out in
                out[0] = UInt8(ascii: "<")
                Self.copy(UnsafeRawBufferPointer(name), out, 1)
                out[name.count + 1] = UInt8(ascii: ">")
                return name.count + 2
            }
        }
    }

    /// A root element with S3's namespace.
    package mutating func openRoot(_ name: String) {
        buffer.writeInteger(UInt8(ascii: "<"))
        buffer.writeString(name)
        buffer.writeString(" xmlns=\"\(Self.namespace)\">")
    }

    package mutating func close(_ name: String) {
        var name = name
        name.withUTF8 { name in
            _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: name.count + 3) { out in
                out[0] = UInt8(ascii: "<")
                out[1] = UInt8(ascii: "/")
                Self.copy(UnsafeRawBufferPointer(name), out, 2)
                out[name.count + 2] = UInt8(ascii: ">")
                return name.count + 3
            }
        }
    }

    private static func copy(_ from: UnsafeRawBufferPointer, _ to: UnsafeMutableRawBufferPointer, _ at: Int) {
        guard let source = from.baseAddress, let target = to.baseAddress else { return }
        (target + at).copyMemory(from: source, byteCount: from.count)
    }

    package mutating func element(_ name: String, _ text: some StringProtocol) {
        open(name)
        self.text(text)
        close(name)
    }

    package mutating func text(_ text: some StringProtocol) {
        var text = String(text)
        text.withUTF8 { self.text($0) }
    }

    package mutating func element(_ name: String, bytes: [UInt8], urlEncoded: Bool = false) {
        open(name)
        bytes.withUnsafeBufferPointer { urlEncoded ? self.urlEncoded($0) : text($0) }
        close(name)
    }

    package mutating func element(_ name: String, _ value: Bool) {
        element(name, value ? "true" : "false")
    }

    package mutating func element(_ name: String, _ value: some FixedWidthInteger) {
        open(name)
        buffer.writeString(String(value))
        close(name)
    }

    /// A time as S3 writes it in documents: `2026-01-02T03:04:05.000Z`.
    package mutating func element(_ name: String, millis: UInt64) {
        open(name)
        S3Date.writeISO(millis: millis, into: &buffer)
        close(name)
    }

    package mutating func optional(_ name: String, _ text: String?) {
        if let text { element(name, text) }
    }

    /// An entity tag, in quotes as S3 writes it.
    package mutating func quoted(_ name: String, _ tag: String) {
        open(name)
        buffer.writeStaticString("&quot;")
        buffer.writeString(tag)
        buffer.writeStaticString("&quot;")
        close(name)
    }

    /// The longest escape takes six bytes, so that much is reserved once and filled by pointer.
    private mutating func text(_ bytes: UnsafeBufferPointer<UInt8>) {
        _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count * 6) { out in
            var count = 0
            for byte in bytes {
                guard Self.needsEscape(byte) else {
                    out[count] = byte
                    count += 1
                    continue
                }
                let escape: StaticString =
                    switch byte {
                    case UInt8(ascii: "<"): "&lt;"
                    case UInt8(ascii: ">"): "&gt;"
                    case UInt8(ascii: "&"): "&amp;"
                    case UInt8(ascii: "\""): "&quot;"
                    default: "&#x"
                    }
                Self.copy(
                    UnsafeRawBufferPointer(start: escape.utf8Start, count: escape.utf8CodeUnitCount),
                    out,
                    count
                )
                count += escape.utf8CodeUnitCount
                guard escape.utf8CodeUnitCount == 3 else { continue }
                if byte >= 16 {
                    out[count] = Hex.lower(byte >> 4)
                    count += 1
                }
                out[count] = Hex.lower(byte & 15)
                out[count + 1] = UInt8(ascii: ";")
                count += 2
            }
            return count
        }
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"), UInt8(ascii: "\""): true
        default: byte < 0x20 || byte == 0x7F
        }
    }

    private mutating func urlEncoded(_ bytes: UnsafeBufferPointer<UInt8>) {
        _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count * 3) { out in
            var count = 0
            for byte in bytes {
                if PercentCoding.isUnreserved(byte) || byte == UInt8(ascii: "/") {
                    out[count] = byte
                    count += 1
                } else {
                    out[count] = UInt8(ascii: "%")
                    out[count + 1] = Hex.upper(byte >> 4)
                    out[count + 2] = Hex.upper(byte & 15)
                    count += 3
                }
            }
            return count
        }
    }
}
