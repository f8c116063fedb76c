internal import NIOCore

/// What travels inside the records of a link.
/// `payload length 4 | kind 1 | method 1 | zero 2 | id 8 | limit 4 | payload`, big end first.
struct LinkFrame {
    enum Kind: UInt8 {
        /// The caller asks; the limit is how many milliseconds it waits.
        case request = 1
        case answer = 2
        /// The answer that there is none: nobody serves the method.
        case refusal = 3
        /// The caller does not wait any more.
        case cancel = 4
        /// "Are you there?", and a sign of life, which also comes unasked.
        case ping = 5
        case pong = 6
    }

    static let headBytes = 20
    /// The longest payload: a row of an object with 10,000 parts and their checksums has room.
    static let payloadBytesMax = 2 << 20

    var kind: Kind
    var method: UInt8 = 0
    var id: UInt64 = 0
    var limitMillis: UInt32 = 0
    var payload = ByteBuffer()

    func writeHead(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(
            UInt32(payload.readableBytes),
            kind.rawValue,
            method,
            0 as UInt16,
            id,
            limitMillis
        )
    }

    /// Reads a head that is there as a whole; nil for one that is none. The payload comes later.
    static func readHead(from buffer: inout ByteBuffer) -> (frame: LinkFrame, payloadBytes: Int)? {
        guard
            let (length, kind, method, zero, id, limit) = buffer.readMultipleIntegers(
                as: (UInt32, UInt8, UInt8, UInt16, UInt64, UInt32).self
            ), length <= payloadBytesMax, zero == 0, let kind = Kind(rawValue: kind)
        else { return nil }
        return (LinkFrame(kind: kind, method: method, id: id, limitMillis: limit), Int(length))
    }
}
