import NIOCore

/// The head of an answer, serialised as it is built: a status line, then one line for each header.
///
/// Every answer's length is known before it is sent, so there is no transfer coding to choose and no object per header.
struct ResponseHead {
    private(set) var bytes: ByteBuffer
    let status: Int

    init(status: Int) {
        self.status = status
        bytes = ByteBufferAllocator().buffer(capacity: 768)
        bytes.writeStaticString("HTTP/1.1 ")
        bytes.writeString(String(status))
        bytes.writeInteger(UInt8(ascii: " "))
        bytes.writeStaticString(Self.reason(status))
        bytes.writeStaticString("\r\n")
    }

    mutating func add(_ name: StaticString, _ value: String) {
        bytes.writeStaticString(name)
        bytes.writeStaticString(": ")
        write(value.utf8)
        bytes.writeStaticString("\r\n")
    }

    mutating func add(_ name: StaticString, _ value: some BinaryInteger) {
        bytes.writeStaticString(name)
        bytes.writeStaticString(": ")
        bytes.writeString(String(value))
        bytes.writeStaticString("\r\n")
    }

    mutating func add(_ name: StaticString, constant value: StaticString) {
        bytes.writeStaticString(name)
        bytes.writeStaticString(": ")
        bytes.writeStaticString(value)
        bytes.writeStaticString("\r\n")
    }

    /// A header whose name comes from a client (`x-amz-meta-…`).
    mutating func add(name: String, value: String) {
        write(name.utf8)
        bytes.writeStaticString(": ")
        write(value.utf8)
        bytes.writeStaticString("\r\n")
    }

    /// The head with its closing empty line.
    consuming func finished() -> ByteBuffer {
        bytes.writeStaticString("\r\n")
        return bytes
    }

    /// Control characters would let a stored value end the header and begin another one.
    private mutating func write(_ text: String.UTF8View) {
        if text.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
            bytes.writeBytes(text.lazy.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 })
        } else {
            bytes.writeBytes(text)
        }
    }

    private static func reason(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 204: "No Content"
        case 206: "Partial Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 416: "Range Not Satisfiable"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 507: "Insufficient Storage"
        default: "Status"
        }
    }
}
