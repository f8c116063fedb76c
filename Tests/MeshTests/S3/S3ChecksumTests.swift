import Testing

@testable import Mesh

@Suite struct S3ChecksumTests {
    func digest(_ algorithm: ChecksumAlgorithm, _ pieces: [[UInt8]]) -> BodyDigest.Result {
        let digest = BodyDigest(checksum: algorithm, sha256: true)
        for piece in pieces { piece.withUnsafeBytes { digest.update($0) } }
        return digest.finish()
    }

    @Test(
        "known answers of every algorithm",
        arguments: [
            (ChecksumAlgorithm.crc32, "cbf43926"), (.crc32c, "e3069283"), (.crc64nvme, "ae8b14860a799888"),
            (.sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (.sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ]
    )
    func known(algorithm: ChecksumAlgorithm, hex: String) {
        let result = digest(algorithm, [Array("1234".utf8), [], Array("56789".utf8)])
        #expect(result.checksum.map { Hex.encode($0.bytes) } == hex)
        #expect(Hex.encode(result.md5) == "25f9e794323b453885f5181f1b624d0b")
        #expect(result.sha256?.hex == "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225")
        #expect(result.size == 9)
    }

    @Test("pieces of any size give the checksum of the whole, and CRCs of parts join to it")
    func pieces() {
        var random = S3Random(5)
        for _ in 0..<30 {
            let whole = random.bytes(Int.random(in: 0...70_000, using: &random))
            let cut = Int.random(in: 0...whole.count, using: &random)
            let parts = [Array(whole[..<cut]), Array(whole[cut...])]
            for algorithm in ChecksumAlgorithm.allCases {
                let expected = digest(algorithm, [whole]).checksum
                #expect(digest(algorithm, parts).checksum == expected)
                guard algorithm.allows(.fullObject) else { continue }
                let joined = ChecksumValue.multipart(
                    algorithm,
                    .fullObject,
                    parts: parts.map { (digest(algorithm, [$0]).checksum, UInt64($0.count)) }
                )
                #expect(joined == expected, "\(algorithm) \(cut) of \(whole.count)")
            }
        }
    }

    @Test("a composite goes over the parts' checksums and names their number")
    func composite() {
        let parts: [[UInt8]] = [Array("12345".utf8), Array("6789".utf8)]
        for algorithm in ChecksumAlgorithm.allCases {
            let values = parts.map { (value: digest(algorithm, [$0]).checksum, size: UInt64($0.count)) }
            let joined = ChecksumValue.multipart(algorithm, .composite, parts: values)
            guard algorithm.allows(.composite) else {
                #expect(joined == nil)
                continue
            }
            let over = digest(algorithm, values.compactMap { $0.value?.bytes }).checksum
            #expect(joined?.bytes == over?.bytes && joined?.text.hasSuffix("-2") == true)
            #expect(joined.flatMap { ChecksumValue(algorithm, text: Array($0.text.utf8)) } == joined)
        }
    }

    @Test("headers ask for one checksum, and a wrong value is found")
    func requests() throws {
        func code(_ headers: [(String, String)]) -> S3ErrorCode? {
            do {
                _ = try ChecksumRequest(HeaderTable(headers))
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code([("content-md5", "short")]) == .invalidDigest)
        #expect(code([("x-amz-checksum-crc32", "AAAA")]) == .invalidRequest)
        #expect(code([("x-amz-checksum-md5", "AAAA")]) == .notImplemented)
        #expect(code([("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-crc32c", "AAAAAA==")]) == .invalidRequest)
        #expect(code([("x-amz-trailer", "x-other")]) == .invalidRequest)
        #expect(
            code([("x-amz-checksum-algorithm", "SHA1"), ("x-amz-checksum-type", "FULL_OBJECT")]) == .invalidRequest
        )
        #expect(code([("x-amz-checksum-algorithm", "MD7")]) == .invalidRequest)
        let body = digest(.crc32, [Array("123456789".utf8)])
        let good = try ChecksumRequest(
            HeaderTable([("x-amz-checksum-crc32", "y/Q5Jg=="), ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")])
        )
        try good.verify(body, payload: .unsigned)
        #expect(throws: S3Error.self) { try good.verify(digest(.crc32, [[1]]), payload: .unsigned) }
        #expect(throws: S3Error.self) { try good.verify(body, payload: .sha256(Digest256())) }
    }

    @Test("base 64 is strict and comes back")
    func base64() {
        var random = S3Random(9)
        for count in 0..<70 {
            let bytes = random.bytes(count)
            #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
        }
        for bad in ["A", "AB==C", "AB=", "A===", "AB*=", "AR=="] { #expect(Base64.decode(bad.utf8) == nil, "\(bad)") }
    }
}
