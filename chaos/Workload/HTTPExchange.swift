import NIOCore
import NIOHTTP1

/// One request as a client means it.
struct HTTPRequest: Sendable {
    enum Body: Sendable {
        case bytes(ByteBuffer)
        /// Made while it is sent, so that no large body is ever held whole.
        case pattern(Pattern, Range<Int>)

        var size: Int {
            switch self {
            case .bytes(let buffer): buffer.readableBytes
            case .pattern(_, let range): range.count
            }
        }
    }

    enum Reception: Sendable {
        /// Keep the body, up to that many bytes.
        case collect(bytesMax: Int)
        /// Compare with what is expected while it arrives, keep nothing of a 200.
        case compare(Pattern)
    }

    var method: HTTPMethod
    /// Path and query, percent-encoded.
    var target: String
    var headers: [(String, String)] = []
    var body = Body.bytes(ByteBuffer())
    var reception = Reception.collect(bytesMax: 16 << 20)
    /// Without an answer by then the outcome is unknown and the connection is given up.
    var secondsMax: Int64 = 30
}

struct HTTPResponse: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body = ByteBuffer()
    var bytesReceived = 0
    /// Where the body first differed from what `compare` expected.
    var firstDifference: Int?

    var text: String { String(buffer: body) }
}

/// Why there was no answer. Whatever was asked may have been done or not.
enum HTTPFailure: Error, Equatable {
    case refused(String)
    case closed
    case timedOut(seconds: Int64)
    case overlong(bytesMax: Int)
    case malformed(String)
}
