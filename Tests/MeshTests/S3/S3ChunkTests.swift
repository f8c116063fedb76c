import NIOCore
import Testing

@testable import Mesh

@Suite struct S3ChunkTests {
    static let signer = S3Signer(
        accessKey: "AKIAIOSFODNN7EXAMPLE",
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region: "us-east-1"
    )

    struct Coded {
        var signature: VerifiedSignature
        var headers: HeaderTable
        var body: [UInt8]
        var decoded: [UInt8]
    }

    func coded(_ mode: String, _ pieces: [[UInt8]], checksum: String = "x-amz-checksum-crc32:y/Q5Jg==") throws -> Coded
    {
        let isSigned = !mode.contains("UNSIGNED")
        let hasTrailer = mode.hasSuffix("TRAILER")
        var headers = [
            ("host", "s3.amazonaws.com"), ("x-amz-decoded-content-length", String(pieces.reduce(0) { $0 + $1.count })),
        ]
        if hasTrailer { headers.append(("x-amz-trailer", "x-amz-checksum-crc32")) }
        let chain = try Self.signer.sign(
            method: "PUT",
            target: "/b/k",
            headers: &headers,
            payload: mode,
            now: 1_369_353_600
        )
        let head = try S3Head(method: "PUT", target: "/b/k", headers: HeaderTable(headers))
        let verifier = SigV4Verifier(region: "us-east-1")
        let signature = try verifier.verify(
            try verifier.claim(head, now: 1_369_353_600),
            head,
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        )
        var encoder = ChunkEncoder(isSigned ? chain : nil)
        var body: [UInt8] = []
        for piece in pieces where !piece.isEmpty { body += encoder.chunk(piece) }
        body += encoder.chunk([])
        let colon = checksum.firstIndex(of: ":") ?? checksum.startIndex
        let line = (String(checksum[..<colon]), String(checksum[checksum.index(after: colon)...]))
        body += encoder.trailer(hasTrailer ? [line] : [])
        return Coded(signature: signature, headers: head.headers, body: body, decoded: pieces.flatMap { $0 })
    }

    /// Feeds the body in pieces of `step` bytes and returns the payload and the checksum of the trailer.
    func decode(_ coded: Coded, _ body: [UInt8], step: Int) throws(S3Error) -> ([UInt8], ChecksumValue?) {
        var decoder = try ChunkDecoder(coded.signature, coded.headers)
        var out: [ByteBuffer] = []
        var index = 0
        while index < body.count {
            let end = min(index + step, body.count)
            try decoder.decode(ByteBuffer(bytes: body[index..<end]), into: &out)
            index = end
        }
        try decoder.finish()
        return (out.flatMap { Array($0.readableBytesView) }, try decoder.checksum())
    }

    static let modes = [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ]

    @Test("every form comes back whole, however the bytes are cut", arguments: modes)
    func whole(mode: String) throws {
        var random = S3Random(1)
        for pieces in [[], [random.bytes(1)], [random.bytes(5000), random.bytes(17), random.bytes(9000)]] {
            let coded = try coded(mode, pieces)
            for step in [1, 7, 64, 100_000] {
                let (payload, checksum) = try decode(coded, coded.body, step: step)
                #expect(payload == coded.decoded)
                #expect((checksum?.text == "y/Q5Jg==") == mode.hasSuffix("TRAILER"))
            }
        }
    }

    @Test("the documentation's chunk signatures are found")
    func known() throws {
        var headers = [
            ("Host", "s3.amazonaws.com"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "66560"), ("Content-Length", "66824"),
        ]
        var chain = try Self.signer.sign(
            method: "PUT",
            target: "/examplebucket/chunkObject.txt",
            headers: &headers,
            payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            now: 1_369_353_600
        )
        #expect(chain.previous.hex == "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
        let a = SHA256State.hash([UInt8](repeating: UInt8(ascii: "a"), count: 65536))
        #expect(chain.signChunk(a).hex == "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648")
        let b = SHA256State.hash([UInt8](repeating: UInt8(ascii: "a"), count: 1024))
        #expect(chain.signChunk(b).hex == "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497")
        #expect(chain.signChunk(.empty).hex == "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")
    }

    @Test("a cut at any byte is an incomplete body, never success", arguments: modes)
    func truncation(mode: String) throws {
        let coded = try coded(mode, [Array("hello".utf8), Array("world".utf8)])
        for count in 0..<(coded.body.count - 2) {
            #expect(throws: S3Error.self, "\(count)") {
                _ = try decode(coded, Array(coded.body[..<count]), step: 1000)
            }
        }
    }

    @Test("a flipped byte anywhere in a signed body is refused or changes nothing", arguments: modes.prefix(2))
    func flips(mode: String) throws {
        let coded = try coded(mode, [Array("hello".utf8), Array("world".utf8)])
        for index in coded.body.indices {
            var body = coded.body
            body[index] ^= 1
            if let (payload, _) = try? decode(coded, body, step: 50) { #expect(payload == coded.decoded, "\(index)") }
        }
    }

    @Test("garbage is an error value, and never more than was announced comes out", arguments: 0..<20)
    func garbage(seed: UInt64) throws {
        var random = S3Random(seed)
        for mode in Self.modes {
            let coded = try coded(mode, [random.bytes(100), random.bytes(20)])
            for _ in 0..<100 {
                let body = random.mangled(coded.body)
                if let (payload, _) = try? decode(coded, body, step: Int.random(in: 1...200, using: &random)) {
                    #expect(payload.count == 120, "seed \(seed)")
                }
            }
        }
        let unsigned = try coded(Self.modes[2], [[1]])
        for giant in [
            "ffffffffffffffff\r\n", "fffffffffffffffffffff\r\n", String(repeating: "0", count: 5000), "-1\r\n",
        ] {
            #expect(throws: S3Error.self) { _ = try decode(unsigned, Array(giant.utf8), step: 100) }
        }
    }
}
