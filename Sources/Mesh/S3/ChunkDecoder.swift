package import NIOCore

/// Takes aws-chunked coding off a body: bytes in, slices of the payload out, every signature verified.
///
/// The coding wraps each chunk as `size[;chunk-signature=…]\r\n payload \r\n`; a chunk of size 0 ends the payload, then
/// come trailer lines and an empty line. A slice of an unverified chunk is handed out before its signature can be
/// checked (a chunk may be gigabytes long): whoever stores it must forget all if a later call throws or `finish` does.
package struct ChunkDecoder: Sendable {
    /// The longest line between chunks; a signature needs about 90 bytes, a trailer value of SHA-256 about 70.
    package static let lineBytesMax = 1024
    /// More than a PUT may have in all.
    package static let chunkBytesMax: UInt64 = 5 << 30
    package static let trailerLinesMax = 8

    package struct Trailer: Hashable, Sendable {
        /// In lower case.
        package let name: String
        package let value: String
    }

    private enum Stage {
        case header
        case payload(left: UInt64)
        /// The line break behind a chunk's bytes.
        case payloadEnd
        case trailer
        case done
    }

    private var stage = Stage.header
    private var line: [UInt8] = []
    private var signer: ChunkSigner?
    private let wantsTrailer: Bool
    private let announced: [String]
    /// What the signature of the chunk under way must be, and the hash of its bytes so far.
    private var claimed: Digest256?
    private var hash = SHA256State()
    private let decodedLength: UInt64
    package private(set) var received: UInt64 = 0
    /// Trailer lines as they are signed.
    private var trailerText: [UInt8] = []
    private var trailerIsProven = false
    package private(set) var trailers: [Trailer] = []

    /// For a verified request whose `payload.isChunked`. Throws when `x-amz-decoded-content-length` is missing or wrong.
    package init(_ signature: VerifiedSignature, _ headers: HeaderTable) throws(S3Error) {
        guard let text = headers.bytes("x-amz-decoded-content-length") else {
            throw S3Error(
                .missingContentLength,
                "You must provide the x-amz-decoded-content-length HTTP header."
            )
        }
        guard let length = ASCII.decimal(text), length <= Self.chunkBytesMax else {
            throw ASCII.decimal(text) == nil
                ? S3Error.argument(
                    "x-amz-decoded-content-length",
                    String(decoding: text, as: UTF8.self),
                    "Not a length."
                ) : S3Error(.entityTooLarge)
        }
        decodedLength = length
        switch signature.payload {
        case .signedChunks(let trailer):
            signer = signature.chunks
            wantsTrailer = trailer
        case .unsignedChunks: wantsTrailer = true
        case .unsigned, .sha256: preconditionFailure("the body is not chunked")
        }
        announced = (headers.string("x-amz-trailer") ?? "").split(separator: ",").map {
            $0.trimmingPrefix { $0 == " " }.lowercased()
        }
    }

    /// How long the payload says it is.
    package var length: UInt64 { decodedLength }

    /// Takes all of `bytes` and appends slices of the payload that share its storage.
    package mutating func decode(_ bytes: ByteBuffer, into slices: inout [ByteBuffer]) throws(S3Error) {
        var bytes = bytes
        while bytes.readableBytes > 0 {
            switch stage {
            case .header:
                if try readLine(&bytes) { try beginChunk() }
            case .payload(let left):
                let count = Int(min(UInt64(bytes.readableBytes), left))
                guard let slice = bytes.readSlice(length: count) else { throw S3Error(.internalError) }
                if claimed != nil { slice.withUnsafeReadableBytes { hash.update($0) } }
                received += UInt64(count)
                slices.append(slice)
                stage = UInt64(count) == left ? .payloadEnd : .payload(left: left - UInt64(count))
                if UInt64(count) == left { try proveChunk() }
            case .payloadEnd:
                if try readLine(&bytes) {
                    guard line.isEmpty else { throw Self.malformed("a chunk is longer than it said") }
                    stage = .header
                }
            case .trailer:
                if try readLine(&bytes) { try takeTrailer() }
            case .done:
                throw Self.malformed("there are bytes behind the last chunk")
            }
        }
    }

    /// To be called when the body has ended: throws unless all of it came.
    package mutating func finish() throws(S3Error) {
        if case .trailer = stage, line.isEmpty, !wantsTrailer || trailerIsProven || !trailers.isEmpty {
            // Some clients leave out the empty line at the very end.
            try endTrailer()
        }
        guard case .done = stage else {
            throw S3Error(
                .incompleteBody,
                "The request body terminated unexpectedly",
                [.init("ReceivedBytes", String(received)), .init("ExpectedBytes", String(decodedLength))]
            )
        }
    }

    /// The checksum of the trailer, for `ChecksumRequest.verify`.
    package func checksum() throws(S3Error) -> ChecksumValue? {
        for trailer in trailers {
            guard let algorithm = ChecksumAlgorithm(header: Array(trailer.name.utf8)) else { continue }
            guard let value = ChecksumValue(algorithm, text: trailer.value.utf8) else {
                throw S3Error(.invalidRequest, "Value for \(trailer.name) trailing header is invalid.")
            }
            return value
        }
        return nil
    }

    // MARK: Lines

    /// Collects a line; true when it is whole, without its line break.
    private mutating func readLine(_ bytes: inout ByteBuffer) throws(S3Error) -> Bool {
        if lineIsTaken {
            line.removeAll(keepingCapacity: true)
            lineIsTaken = false
        }
        let view = bytes.readableBytesView
        let end = view.firstIndex(of: UInt8(ascii: "\n"))
        let piece = view[..<(end ?? view.endIndex)]
        guard line.count + piece.count <= Self.lineBytesMax else { throw Self.malformed("a line is over 1024 bytes") }
        line.append(contentsOf: piece)
        bytes.moveReaderIndex(forwardBy: piece.count + (end == nil ? 0 : 1))
        guard end != nil else { return false }
        lineIsTaken = true
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return true
    }

    private var lineIsTaken = false

    private mutating func beginChunk() throws(S3Error) {
        let semicolon = line.firstIndex(of: UInt8(ascii: ";")) ?? line.count
        guard (1...16).contains(semicolon) else { throw Self.malformed("a chunk has no size") }
        var size: UInt64 = 0
        for byte in line[..<semicolon] {
            guard let digit = Hex.value(byte) else { throw Self.malformed("a chunk's size is no hexadecimal number") }
            size = size << 4 | UInt64(digit)
        }
        guard size <= decodedLength - received else {
            throw S3Error(
                .incompleteBody,
                "The body holds more bytes than x-amz-decoded-content-length says",
                [.init("ExpectedBytes", String(decodedLength))]
            )
        }
        if signer != nil {
            let mark = Array(";chunk-signature=".utf8)
            let rest = line[semicolon...]
            guard rest.starts(with: mark), let digest = Digest256(hex: rest.dropFirst(mark.count)) else {
                throw Self.malformed("a chunk has no signature")
            }
            claimed = digest
            hash = SHA256State()
        }
        if size > 0 {
            stage = .payload(left: size)
            return
        }
        guard received == decodedLength else {
            throw S3Error(
                .incompleteBody,
                "You did not provide the number of bytes specified by x-amz-decoded-content-length",
                [.init("ReceivedBytes", String(received)), .init("ExpectedBytes", String(decodedLength))]
            )
        }
        try proveChunk()
        stage = .trailer
    }

    private mutating func proveChunk() throws(S3Error) {
        guard let claimed else { return }
        self.claimed = nil
        guard let computed = signer?.signChunk(hash.finish()), computed.equalsInConstantTime(claimed) else {
            throw S3Error(.signatureDoesNotMatch)
        }
    }

    private mutating func takeTrailer() throws(S3Error) {
        if line.isEmpty {
            try endTrailer()
            return
        }
        guard wantsTrailer, let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            throw S3Error(.malformedTrailer)
        }
        let name = line[..<colon].map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
        let value = ASCII.trimmed(line[(colon + 1)...])
        if ASCII.equal(name[...], "x-amz-trailer-signature") {
            guard !trailerIsProven, let digest = Digest256(hex: value), var signer else {
                throw S3Error(.malformedTrailer)
            }
            guard signer.signTrailer(trailerText).equalsInConstantTime(digest) else {
                throw S3Error(.signatureDoesNotMatch)
            }
            trailerIsProven = true
            return
        }
        guard !trailerIsProven, trailers.count < Self.trailerLinesMax else { throw S3Error(.malformedTrailer) }
        let text = String(decoding: name, as: UTF8.self)
        guard announced.contains(text) else {
            throw S3Error(.malformedTrailer, "The trailer \(text) was not announced by x-amz-trailer.")
        }
        trailerText += name + [UInt8(ascii: ":")] + value + [UInt8(ascii: "\n")]
        trailers.append(Trailer(name: text, value: String(decoding: value, as: UTF8.self)))
    }

    private mutating func endTrailer() throws(S3Error) {
        if signer != nil && wantsTrailer && !trailerIsProven {
            throw S3Error(.malformedTrailer, "The trailer has no signature.")
        }
        guard trailers.count >= (wantsTrailer ? announced.count : 0) else {
            throw S3Error(.malformedTrailer, "A trailer that x-amz-trailer announces did not come.")
        }
        stage = .done
    }

    private static func malformed(_ what: String) -> S3Error {
        S3Error(.invalidRequest, "The aws-chunked body is malformed: \(what).")
    }
}

/// Wraps a body in aws-chunked coding, as clients send it: for tests.
package struct ChunkEncoder: Sendable {
    private var signer: ChunkSigner?

    /// Without a signer: `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    package init(_ signer: ChunkSigner?) { self.signer = signer }

    /// One chunk; an empty one ends the payload and must be followed by `trailer`.
    package mutating func chunk(_ payload: [UInt8]) -> [UInt8] {
        var out = Array(String(payload.count, radix: 16).utf8)
        if let digest = signer?.signChunk(SHA256State.hash(payload)) {
            out += Array(";chunk-signature=\(digest.hex)".utf8)
        }
        out += Array("\r\n".utf8)
        guard !payload.isEmpty else { return out }
        return out + payload + Array("\r\n".utf8)
    }

    /// The end of the body: trailer lines if there are any, and the empty line.
    package mutating func trailer(_ lines: [(name: String, value: String)]) -> [UInt8] {
        var out: [UInt8] = []
        for line in lines { out += Array("\(line.name):\(line.value)\r\n".utf8) }
        if !lines.isEmpty, let digest = signer?.signTrailer(lines.flatMap { Array("\($0.name):\($0.value)\n".utf8) }) {
            out += Array("x-amz-trailer-signature:\(digest.hex)\r\n".utf8)
        }
        return out + Array("\r\n".utf8)
    }
}
