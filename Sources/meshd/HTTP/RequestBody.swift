import Mesh
import NIOCore
import NIOHTTP1

/// The bytes of a request's body as the client meant them: out of their transfer codings, their signatures verified.
///
/// `Expect: 100-continue` is answered when the first byte is wanted, so a request that is refused costs no upload.
final class RequestBody {
    /// Documents (XML) are small; S3's largest, a completion of 10,000 parts with checksums, takes about 3 MB.
    static let documentBytesMax = 4 << 20

    private let connection: HTTPConnection
    private let hasBody: Bool
    private let isChunked: Bool
    private var expectsContinue: Bool
    private var isEnded = false
    private(set) var bytesReceived: UInt64 = 0

    /// Bytes of content (decoded), once `prepare` has seen the headers; nil: the client did not say.
    private(set) var length: UInt64?
    /// What the signature covers of the body.
    private(set) var payload = PayloadClaim.unsigned
    private var decoder: ChunkDecoder?
    /// Decoded slices that were not taken yet, last first.
    private var decoded: [ByteBuffer] = []
    /// The checksum that came behind the content.
    private(set) var trailer: ChecksumValue?

    init(connection: HTTPConnection, head: HTTPRequestHead) {
        self.connection = connection
        let declared = head.headers.first(name: "content-length").flatMap { UInt64($0) }
        isChunked = head.headers.contains(name: "transfer-encoding")
        hasBody = isChunked || (declared ?? 0) > 0
        length = declared
        expectsContinue =
            head.version == .http1_1
            && head.headers.first(name: "expect")?.lowercased() == "100-continue"
    }

    /// Whether nothing of this body can come any more.
    var isConsumed: Bool { isEnded || !hasBody }

    /// Whether the client still waits for leave to send a body that has no bytes.
    var owesContinue: Bool { expectsContinue && !hasBody }

    /// Takes up what the signature says of the payload. To be called once, before the first read.
    func prepare(_ signature: VerifiedSignature, _ headers: HeaderTable) throws(S3Error) {
        payload = signature.payload
        if isChunked { length = nil }
        guard payload.isChunked else { return }
        let decoder = try ChunkDecoder(signature, headers)
        length = decoder.length
        self.decoder = decoder
    }

    /// The next bytes of content, never empty; nil at the end, when length and signatures were found right.
    func next() async throws -> ByteBuffer? {
        while true {
            if let ready = decoded.popLast() { return ready }
            if isEnded { return nil }
            try await continueIfAsked()
            guard let raw = try await connection.nextBody() else {
                isEnded = true
                try finishDecoding()
                continue
            }
            bytesReceived += UInt64(raw.readableBytes)
            guard decoder != nil else { return raw }
            try decoder?.decode(raw, into: &decoded)
            decoded.reverse()
        }
    }

    /// The whole content of a small document.
    func document() async throws -> ByteBuffer {
        if let length, length > UInt64(Self.documentBytesMax) { throw S3Error(.maxMessageLengthExceeded) }
        var all = ByteBuffer()
        while var bytes = try await next() {
            guard all.readableBytes + bytes.readableBytes <= Self.documentBytesMax else {
                throw S3Error(.maxMessageLengthExceeded)
            }
            all.writeBuffer(&bytes)
        }
        return all
    }

    /// Drops the rest of a body that nobody wants, if all of it is here: then the connection can go on. Who swaps by
    /// conditions is refused often, with small bodies, and a new connection costs both sides more.
    func dropIfHere() {
        guard !isConsumed, let dropped = connection.dropArrivedBody() else { return }
        bytesReceived += UInt64(dropped)
        isEnded = true
    }

    private func finishDecoding() throws(S3Error) {
        try decoder?.finish()
        trailer = try decoder?.checksum()
    }

    private func continueIfAsked() async throws {
        guard expectsContinue else { return }
        expectsContinue = false
        try await connection.write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
    }
}
