import Synchronization

/// Believes a claim or refuses it, and remembers the derived keys of those who come often.
///
/// Cost of one verification: about 600 bytes of SHA-256, one HMAC over two blocks, four small arrays.
package final class SigV4Verifier: Sendable {
    /// Derived keys that are remembered; a day's clients, and small enough (about 300 KiB) to be thrown away whole.
    package static let keysMax = 1024

    package let region: String
    private let keys = Mutex<[Owner: HMACKey]>([:])

    /// The secret is part of the name: a changed secret can never meet the key of the old one.
    private struct Owner: Hashable {
        let accessKey: String
        let secret: String
        let day: [UInt8]
    }

    package init(region: String) { self.region = region }

    /// Throws what is wrong with the claim, `AccessDenied` if there is none. `now` is in seconds since 1970.
    package func claim(_ head: S3Head, now: UInt64) throws(S3Error) -> SigV4Claim {
        try SigV4Claim(head, region: region, now: now)
    }

    /// Checks the claim against the secret of its access key; throws `SignatureDoesNotMatch`.
    package func verify(_ claim: SigV4Claim, _ head: S3Head, secret: String) throws(S3Error) -> VerifiedSignature {
        let key = signingKey(claim, secret)
        var canonical = CanonicalRequest.bytes(
            head,
            signedHeaders: claim.signedHeaders,
            payload: claim.payloadText,
            path: .normalized,
            method: head.method.text
        )
        var text = CanonicalRequest.stringToSign(canonical, date: claim.date, scope: claim.scope)
        if !key.authenticate(text).equalsInConstantTime(claim.signature) {
            let first = (canonical, text)
            canonical = CanonicalRequest.bytes(
                head,
                signedHeaders: claim.signedHeaders,
                payload: claim.payloadText,
                path: .asSent,
                method: head.method.text
            )
            text = CanonicalRequest.stringToSign(canonical, date: claim.date, scope: claim.scope)
            guard key.authenticate(text).equalsInConstantTime(claim.signature) else {
                throw Self.mismatch(claim, canonical: first.0, text: first.1)
            }
        }
        return VerifiedSignature(
            accessKey: claim.accessKey,
            payload: claim.payload,
            chunks: claim.payload.isChunked
                ? ChunkSigner(key: key, date: claim.date, scope: claim.scope, seed: claim.signature) : nil
        )
    }

    private func signingKey(_ claim: SigV4Claim, _ secret: String) -> HMACKey {
        let owner = Owner(accessKey: claim.accessKey, secret: secret, day: claim.day)
        if let known = keys.withLock({ $0[owner] }) { return known }
        let key = HMACKey.signing(secret: secret, day: claim.day, region: region)
        keys.withLock { keys in
            if keys.count >= Self.keysMax { keys.removeAll(keepingCapacity: true) }
            keys[owner] = key
        }
        return key
    }

    private static func mismatch(_ claim: SigV4Claim, canonical: [UInt8], text: [UInt8]) -> S3Error {
        let dump = { (bytes: [UInt8]) in
            bytes.prefix(256).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(separator: " ")
        }
        return S3Error(
            .signatureDoesNotMatch,
            nil,
            [
                .init("AWSAccessKeyId", claim.accessKey),
                .init("StringToSign", String(decoding: text, as: UTF8.self)),
                .init("SignatureProvided", claim.signature.hex),
                .init("StringToSignBytes", dump(text)),
                .init("CanonicalRequest", String(decoding: canonical.prefix(4096), as: UTF8.self)),
            ]
        )
    }
}

/// Who sent a request, proven, and what was said of its body.
package struct VerifiedSignature: Sendable {
    package let accessKey: String
    package let payload: PayloadClaim
    /// For a body in aws-chunked coding: what its chunks are verified with.
    package let chunks: ChunkSigner?
}

/// The chain of chunk signatures, each built on the one before.
package struct ChunkSigner: Sendable {
    private let key: HMACKey
    private let date: [UInt8]
    private let scope: [UInt8]
    private(set) var previous: Digest256

    init(key: HMACKey, date: [UInt8], scope: [UInt8], seed: Digest256) {
        self.key = key
        self.date = date
        self.scope = scope
        previous = seed
    }

    /// The signature of a chunk whose bytes have this hash; it becomes the base of the next.
    package mutating func signChunk(_ hash: Digest256) -> Digest256 {
        var text = start("AWS4-HMAC-SHA256-PAYLOAD\n")
        Digest256.empty.appendHex(to: &text)
        text.append(UInt8(ascii: "\n"))
        hash.appendHex(to: &text)
        previous = key.authenticate(text)
        return previous
    }

    /// The signature of the trailer's canonical lines (`name:value\n` each).
    package mutating func signTrailer(_ lines: [UInt8]) -> Digest256 {
        var text = start("AWS4-HMAC-SHA256-TRAILER\n")
        SHA256State.hash(lines).appendHex(to: &text)
        previous = key.authenticate(text)
        return previous
    }

    private func start(_ name: StaticString) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(320)
        text.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        text.append(contentsOf: date)
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: scope)
        text.append(UInt8(ascii: "\n"))
        previous.appendHex(to: &text)
        text.append(UInt8(ascii: "\n"))
        return text
    }
}
