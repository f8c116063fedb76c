/// What `x-amz-content-sha256` says about the body.
package enum PayloadClaim: Hashable, Sendable {
    /// `UNSIGNED-PAYLOAD`
    case unsigned
    /// The body has this hash; to be checked when all of it was read.
    case sha256(Digest256)
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]`: aws-chunked, every chunk signed.
    case signedChunks(trailer: Bool)
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: aws-chunked, a checksum behind the last chunk.
    case unsignedChunks

    /// Whether the body is in aws-chunked coding, whatever Content-Encoding says.
    package var isChunked: Bool {
        switch self {
        case .signedChunks, .unsignedChunks: true
        case .unsigned, .sha256: false
        }
    }

    init(_ text: ArraySlice<UInt8>) throws(S3Error) {
        if let digest = Digest256(hex: text) {
            self = .sha256(digest)
            return
        }
        if ASCII.equal(text, "UNSIGNED-PAYLOAD") {
            self = .unsigned
            return
        }
        let value = String(decoding: text.prefix(128), as: UTF8.self)
        switch value {
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": self = .signedChunks(trailer: false)
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": self = .signedChunks(trailer: true)
        case "STREAMING-UNSIGNED-PAYLOAD-TRAILER": self = .unsignedChunks
        case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER":
            throw S3Error.unsupported(.header, "x-amz-content-sha256: \(value)")
        default:
            throw S3Error.argument(
                "x-amz-content-sha256",
                value,
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING form, or a valid sha256 value."
            )
        }
    }
}
