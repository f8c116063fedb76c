import CCrypto

/// Signature Version 2 in the query: the presigned URLs that older clients still make by default in us-east-1.
///
/// Only this form: it names its expiry, so a leaked URL ends by itself, and tools hand it to people. Version 2 in the
/// Authorization header is refused. An HMAC-SHA1 over the method, three headers, the expiry, the `x-amz-` headers and
/// the resource ("Signing and Authenticating REST Requests", S3 developer guide).
package struct PresignedV2: Sendable {
    package let accessKey: String
    private let expires: [UInt8]
    private let signature: [UInt8]

    /// Nil: the request carries no such signature.
    package init?(_ head: S3Head) throws(S3Error) {
        guard head.target.has("AWSAccessKeyId"), !head.headers.contains("authorization") else { return nil }
        // This signature does not cover the query: a parameter of version 4 beside it could add headers of its own.
        guard !head.target.has("X-Amz-Signature"), !head.target.has("X-Amz-Algorithm") else {
            throw S3Error.argument("X-Amz-Signature", "", "Only one auth mechanism allowed; only one may be present.")
        }
        guard let key = try head.target.text("AWSAccessKeyId"), let expires = try head.target.value("Expires"),
            let text = try head.target.value("Signature"), let signature = Base64.decode(text), signature.count == 20
        else {
            throw S3Error(
                .accessDenied,
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
            )
        }
        accessKey = key
        self.expires = expires
        self.signature = signature
    }

    /// Checks expiry and signature; `now` is in seconds since 1970. `domains` are those of virtual-host-style requests.
    package func verify(
        _ head: S3Head,
        secret: String,
        domains: [String],
        now: UInt64
    ) throws(S3Error) -> VerifiedSignature {
        guard let until = ASCII.decimal(expires) else {
            throw S3Error(.accessDenied, "Invalid date (should be seconds since epoch)")
        }
        guard now <= until else {
            throw S3Error(
                .accessDenied,
                "Request has expired",
                [
                    .init("Expires", S3Date.iso(millis: until &* 1000)),
                    .init("ServerTime", S3Date.iso(millis: now * 1000)),
                ]
            )
        }
        let text = try Self.stringToSign(head, expires: expires, domains: domains)
        let computed = Self.hmacSHA1(Array(secret.utf8), text)
        guard CRYPTO_memcmp(computed, signature, 20) == 0 else {
            throw S3Error(
                .signatureDoesNotMatch,
                nil,
                [.init("AWSAccessKeyId", accessKey), .init("StringToSign", String(decoding: text, as: UTF8.self))]
            )
        }
        return VerifiedSignature(accessKey: accessKey, payload: .unsigned, chunks: nil)
    }

    /// Query parameters that are part of the resource, in order of their names.
    private static let subresources: [StaticString] = [
        "acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy",
        "requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding",
        "response-content-language", "response-content-type", "response-expires", "restore", "tagging", "torrent",
        "uploadId", "uploads", "versionId", "versioning", "versions", "website",
    ]

    private static func stringToSign(
        _ head: S3Head,
        expires: [UInt8],
        domains: [String]
    ) throws(S3Error) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        var text = Array(head.method.text.utf8) + [newline]
        text += Array(head.headers.bytes("content-md5") ?? []) + [newline]
        text += Array(head.headers.bytes("content-type") ?? []) + [newline]
        text += expires + [newline]
        var extensions: [String: String] = [:]
        head.headers.forEach(prefix: "x-amz-") { name, value in
            let name = String(decoding: name, as: UTF8.self)
            let value = String(decoding: value, as: UTF8.self)
            extensions[name] = extensions[name].map { "\($0),\(value)" } ?? value
        }
        for (name, value) in extensions.sorted(by: { $0.key < $1.key }) { text += Array("\(name):\(value)\n".utf8) }
        if let bucket = RequestPlace.bucketInHost(head.headers, domains) { text += Array("/\(bucket)".utf8) }
        text += head.target.bytes[head.target.path]
        var mark = UInt8(ascii: "?")
        for name in subresources {
            guard let value = try head.target.value(name) else { continue }
            text.append(mark)
            text += Array("\(name)".utf8)
            if !value.isEmpty { text += [UInt8(ascii: "=")] + value }
            mark = UInt8(ascii: "&")
        }
        return text
    }

    private static func hmacSHA1(_ key: [UInt8], _ text: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 20)
        var count: UInt32 = 0
        HMAC(EVP_sha1(), key, Int32(key.count), text, text.count, &out, &count)
        return out
    }
}
