import Testing

@testable import Mesh

@Suite struct S3SignatureTests {
    static let now: UInt64 = 1_369_353_600  // 20130524T000000Z
    static let id = "AKIAIOSFODNN7EXAMPLE"
    static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    static let host = ("Host", "examplebucket.s3.amazonaws.com")
    let signer = S3Signer(accessKey: id, secret: secret, region: "us-east-1")
    let verifier = SigV4Verifier(region: "us-east-1")

    func verify(
        _ method: String,
        _ target: String,
        _ headers: [(String, String)],
        now: UInt64 = now,
        secret: String = secret
    ) throws(S3Error) -> VerifiedSignature {
        let head = try S3Head(method: method, target: target, headers: HeaderTable(headers))
        return try verifier.verify(try verifier.claim(head, now: now), head, secret: secret)
    }

    func error(
        _ method: String,
        _ target: String,
        _ headers: [(String, String)],
        now: UInt64 = now,
        secret: String = secret
    ) -> S3Error? {
        do {
            _ = try verify(method, target, headers, now: now, secret: secret)
            return nil
        } catch {
            return error
        }
    }

    @Test("a URL presigned by version 2 takes no parameters of version 4: its signature does not cover the query")
    func mixedVersions() throws {
        let old = "/b/k?AWSAccessKeyId=a&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA=&Expires=1"
        let table = HeaderTable([Self.host])
        #expect(try PresignedV2(S3Head(method: "PUT", target: old, headers: table)) != nil)
        for added in ["X-Amz-Signature=x&x-amz-copy-source=/b/secret", "X-Amz-Algorithm=AWS4-HMAC-SHA256"] {
            let head = try S3Head(method: "PUT", target: "\(old)&\(added)", headers: table)
            #expect(throws: S3Error.self, "\(added)") { try PresignedV2(head) }
        }
    }

    @Test(
        "the examples of the AWS documentation sign and verify",
        arguments: [
            (
                "GET", "/test.txt", [("Range", "bytes=0-9")], "",
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            ),
            (
                "PUT", "/test$file.text",
                [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                "Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
            ),
            ("GET", "/?lifecycle", [], "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            (
                "GET", "/?max-keys=2&prefix=J", [], "",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
            ),
        ]
    )
    func known(method: String, target: String, extra: [(String, String)], body: String, signature: String) throws {
        var headers = extra + [Self.host]
        let payload = SHA256State.hash(Array(body.utf8))
        try signer.sign(method: method, target: target, headers: &headers, payload: payload.hex, now: Self.now)
        #expect(headers.last?.1.hasSuffix(signature) == true)
        #expect(try verify(method, target, headers).payload == .sha256(payload))
        var tight = headers
        tight[tight.count - 1].1 = headers[headers.count - 1].1.replacing(", ", with: ",")
        #expect(try verify(method, target, tight).accessKey == Self.id)
    }

    @Test("the documentation's presigned URL verifies until it expires")
    func presigned() throws {
        let target = try signer.presign(
            method: "GET",
            target: "/test.txt",
            host: Self.host.1,
            expires: 86_400,
            now: Self.now
        )
        #expect(target.hasSuffix("aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"))
        #expect(try verify("GET", target, [Self.host], now: Self.now + 86_400).payload == .unsigned)
        let late = error("GET", target, [Self.host], now: Self.now + 86_401)
        #expect(late?.code == .accessDenied && late?.message == "Request has expired")
        #expect(error("GET", target, [Self.host], now: Self.now - 901)?.code == .accessDenied)
        #expect(error("PUT", target, [Self.host])?.code == .signatureDoesNotMatch)
        let longer = target.replacing("Expires=86400", with: "Expires=86500")
        #expect(error("GET", longer, [Self.host])?.code == .signatureDoesNotMatch)
        let week = target.replacing("Expires=86400", with: "Expires=604801")
        #expect(error("GET", week, [Self.host])?.code == .authorizationQueryParametersError)
        #expect(error("GET", target + "&x-id=a", [Self.host])?.code == .signatureDoesNotMatch)
    }

    @Test("odd keys, queries and header values verify in every spelling")
    func spellings() throws {
        for (target, sent) in [
            ("/b/odd%20%2B%25%26%3D%C3%BC/k", "/b/odd%20%2b%25%26=%c3%bc/k"), ("/b//a/../b/", "/b//a/../b/"),
            ("/b/a%28b%29?x=1&a=%20b&a=&c", "/b/a(b)?a=+b&c=&x=1&a"),
        ] {
            var headers = [Self.host, ("x-amz-meta-a", "  one   two\t three "), ("X-Amz-Meta-A", "b")]
            try signer.sign(
                method: "GET",
                target: target,
                headers: &headers,
                payload: "UNSIGNED-PAYLOAD",
                now: Self.now
            )
            #expect(try verify("GET", sent, headers).accessKey == Self.id, "\(sent)")
        }
    }

    @Test("each wrong claim is refused with its own code")
    func refusals() throws {
        var headers = [Self.host]
        try signer.sign(method: "GET", target: "/b", headers: &headers, payload: "UNSIGNED-PAYLOAD", now: Self.now)
        #expect(error("GET", "/b", headers) == nil)
        #expect(error("GET", "/b", headers, secret: "other")?.code == .signatureDoesNotMatch)
        #expect(error("GET", "/b", headers, now: Self.now + 901)?.code == .requestTimeTooSkewed)
        #expect(error("GET", "/b", headers, now: Self.now - 901)?.code == .requestTimeTooSkewed)
        #expect(error("GET", "/b", headers + [("x-amz-acl", "private")])?.code == .accessDenied)
        #expect(error("GET", "/b", [Self.host])?.code == .accessDenied)
        #expect(error("GET", "/b", [Self.host, ("Authorization", "AWS a:b")])?.code == .invalidRequest)
        // A URL presigned by version 2 is no claim of version 4; PresignedV2 is asked before.
        #expect(error("GET", "/b?AWSAccessKeyId=a&Signature=b&Expires=1", [Self.host])?.code == .accessDenied)
        #expect(error("GET", "/b", [Self.host, ("Authorization", "Basic a")])?.code == .invalidArgument)
        let noHash = headers.filter { $0.0 != "x-amz-content-sha256" }
        // Without the header the body counts as empty, which is not what was signed here.
        #expect(error("GET", "/b", noHash)?.code == .signatureDoesNotMatch)
        let noDate = headers.filter { $0.0 != "x-amz-date" }
        #expect(error("GET", "/b", noDate)?.code == .accessDenied)
        for (payload, code) in [
            ("nonsense", S3ErrorCode.invalidArgument), ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", .notImplemented),
        ] {
            var headers = [Self.host]
            try signer.sign(method: "GET", target: "/b", headers: &headers, payload: payload, now: Self.now)
            #expect(error("GET", "/b", headers)?.code == code)
        }
        var foreign = [Self.host]
        try S3Signer(accessKey: Self.id, secret: Self.secret, region: "xx-1").sign(
            method: "GET",
            target: "/b",
            headers: &foreign,
            payload: "UNSIGNED-PAYLOAD",
            now: Self.now
        )
        let elsewhere = error("GET", "/b", foreign)
        #expect(elsewhere?.code == .authorizationHeaderMalformed)
        #expect(elsewhere?.details.first == .init("Region", "us-east-1"))
    }

    @Test("a mangled signature is an error value, never a trap and never believed", arguments: 0..<20)
    func garbage(seed: UInt64) throws {
        var random = S3Random(seed)
        var headers = [Self.host]
        try signer.sign(method: "GET", target: "/b/k", headers: &headers, payload: "UNSIGNED-PAYLOAD", now: Self.now)
        let presigned = try signer.presign(
            method: "GET",
            target: "/b/k",
            host: Self.host.1,
            expires: 100,
            now: Self.now
        )
        for _ in 0..<200 {
            var bad = headers
            let good = bad[bad.count - 1].1
            bad[bad.count - 1].1 = String(decoding: random.mangled(Array(good.utf8)), as: UTF8.self)
            // The access key is not under the signature: it only says whose secret to take.
            let believed = try? verify("GET", "/b/k", bad)
            let signature = good.suffix(64).lowercased()
            #expect(believed == nil || bad[bad.count - 1].1.lowercased().contains(signature), "seed \(seed)")
            guard let target = try? RequestTarget(random.mangled(Array(presigned.utf8))) else { continue }
            let head = S3Head(method: .get, target: target, headers: HeaderTable([Self.host]))
            if let claim = try? verifier.claim(head, now: Self.now) {
                _ = try? verifier.verify(claim, head, secret: Self.secret)
            }
        }
        let giant = String(repeating: "Credential=/,", count: 4000)
        #expect(error("GET", "/b", [Self.host, ("Authorization", "AWS4-HMAC-SHA256 " + giant)]) != nil)
    }
}
