internal import Synchronization

/// Signs requests as a client: for chaos and tests. The other side of `SigV4Verifier`.
package struct S3Signer: Sendable {
    package let accessKey: String
    private let secret: String
    package let region: String
    /// Kept by all copies: the key of a day costs more than a signature with it.
    private let day = Day()

    private final class Day: Sendable {
        let known = Mutex<(day: [UInt8], key: HMACKey)?>(nil)
    }

    package init(accessKey: String, secret: String, region: String) {
        self.accessKey = accessKey
        self.secret = secret
        self.region = region
    }

    /// Adds `x-amz-date`, `x-amz-content-sha256` and `Authorization` to the headers, which must hold Host.
    ///
    /// `target` is path and query, percent-encoded as it will be sent; `payload` the value of `x-amz-content-sha256`;
    /// `now` is in seconds since 1970. Every header that is there is signed. Returns what signs an aws-chunked body.
    @discardableResult
    package func sign(
        method: String,
        target: String,
        headers: inout [(String, String)],
        payload: String,
        now: UInt64
    ) throws(S3Error) -> ChunkSigner {
        let date = S3Date.basic(seconds: now)
        headers.append(("x-amz-date", date))
        headers.append(("x-amz-content-sha256", payload))
        let head = try S3Head(method: method, target: target, headers: HeaderTable(headers))
        let names = Set(headers.map { $0.0.lowercased() }).sorted().joined(separator: ";")
        let (signature, key, scope) = signature(head, method, date, names, payload)
        headers.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope), SignedHeaders=\(names), Signature=\(signature.hex)"
            )
        )
        return ChunkSigner(key: key, date: Array(date.utf8), scope: Array(scope.utf8), seed: signature)
    }

    /// The target with a signature in its query, good for `expires` seconds. `headers` are those that the client will
    /// have to send with the same values, beside Host.
    package func presign(
        method: String,
        target: String,
        host: String,
        headers: [(String, String)] = [],
        expires: UInt64,
        now: UInt64
    ) throws(S3Error) -> String {
        let date = S3Date.basic(seconds: now)
        let table = headers + [("host", host)]
        let names = Set(table.map { $0.0.lowercased() }).sorted().joined(separator: ";")
        let scope = "\(date.prefix(8))/\(region)/s3/aws4_request"
        let mark = target.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
        let encode = { PercentCoding.encode($0, keepSlash: false) }
        let full =
            target + mark + "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=\(encode("\(accessKey)/\(scope)"))"
            + "&X-Amz-Date=\(date)&X-Amz-Expires=\(expires)&X-Amz-SignedHeaders=\(encode(names))"
        let head = try S3Head(method: method, target: full, headers: HeaderTable(table))
        let (signature, _, _) = signature(head, method, date, names, "UNSIGNED-PAYLOAD")
        return full + "&X-Amz-Signature=\(signature.hex)"
    }

    private func signature(
        _ head: S3Head,
        _ method: String,
        _ date: String,
        _ names: String,
        _ payload: String
    ) -> (Digest256, HMACKey, String) {
        let canonical = CanonicalRequest.bytes(
            head,
            signedHeaders: Array(names.utf8),
            payload: Array(payload.utf8),
            path: .normalized,
            method: method
        )
        let scope = "\(date.prefix(8))/\(region)/s3/aws4_request"
        let text = CanonicalRequest.stringToSign(canonical, date: Array(date.utf8), scope: Array(scope.utf8))
        let key = key(of: Array(date.utf8.prefix(8)))
        return (key.authenticate(text), key, scope)
    }

    private func key(of date: [UInt8]) -> HMACKey {
        day.known.withLock { known in
            if let known, known.day == date { return known.key }
            let key = HMACKey.signing(secret: secret, day: date, region: region)
            known = (date, key)
            return key
        }
    }
}
