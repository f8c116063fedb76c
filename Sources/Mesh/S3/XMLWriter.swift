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
        buffer.writeInteger(UInt8(ascii: "<"))
        buffer.writeString(name)
        buffer.writeInteger(UInt8(ascii: ">"))
    }

    /// A root element with S3's namespace.
    package mutating func openRoot(_ name: String) {
        buffer.writeInteger(UInt8(ascii: "<"))
        buffer.writeString(name)
        buffer.writeString(" xmlns=\"\(Self.namespace)\">")
    }

    package mutating func close(_ name: String) {
        buffer.writeStaticString("</")
        buffer.writeString(name)
        buffer.writeInteger(UInt8(ascii: ">"))
    }

    package mutating func element(_ name: String, _ text: some StringProtocol) {
        open(name)
        var text = String(text)
        text.withUTF8 { self.text($0) }
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

    private mutating func text(_ bytes: UnsafeBufferPointer<UInt8>) {
        var plain = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard Self.needsEscape(byte) else { continue }
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[plain..<index]))
            plain = index + 1
            switch byte {
            case UInt8(ascii: "<"): buffer.writeStaticString("&lt;")
            case UInt8(ascii: ">"): buffer.writeStaticString("&gt;")
            case UInt8(ascii: "&"): buffer.writeStaticString("&amp;")
            case UInt8(ascii: "\""): buffer.writeStaticString("&quot;")
            default: buffer.writeString("&#x\(String(byte, radix: 16));")
            }
        }
        buffer.writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[plain...]))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"), UInt8(ascii: "\""): true
        default: byte < 0x20 || byte == 0x7F
        }
    }

    private mutating func urlEncoded(_ bytes: UnsafeBufferPointer<UInt8>) {
        for byte in bytes {
            if PercentCoding.isUnreserved(byte) || byte == UInt8(ascii: "/") {
                buffer.writeInteger(byte)
            } else {
                buffer.writeInteger(UInt8(ascii: "%"))
                buffer.writeInteger(Hex.upper(byte >> 4))
                buffer.writeInteger(Hex.upper(byte & 15))
            }
        }
    }
}
