package import Swim

/// The proof that a node was let in: a token's body, which the admin signed, and the node's key, which the token
/// signed.
///
/// It holds no secret and can be shown to anybody. It is worth nothing to another node, because the handshake that
/// carries it proves the key that it names: `token body 2+n | public key 32 | signature by T 64`.
package struct Admission: Sendable, Equatable {
    static let encodedBytesMax = 2 + TokenBody.encodedBytesMax + 96

    let body: TokenBody
    package let publicKey: [UInt8]
    private let signature: [UInt8]

    init(body: TokenBody, publicKey: [UInt8], pair: SigningKey) {
        self.body = body
        self.publicKey = publicKey
        signature = pair.sign(Self.signed(body.bytes, publicKey))
    }

    /// Reads an admission whose signatures all fit; what they are worth is for `verify` to say.
    package init(_ bytes: [UInt8]) throws(TokenError) {
        var reader = ByteReader(bytes)
        let length = Int(reader.word16())
        guard bytes.count <= Self.encodedBytesMax, length <= TokenBody.encodedBytesMax else { throw .damaged }
        let body = reader.array(length)
        publicKey = reader.array(NodeIdentity.publicKeyBytes)
        signature = reader.array(NodeIdentity.signatureBytes)
        guard !reader.failed, reader.remaining == 0 else { throw .damaged }
        self.body = try TokenBody(body)
        let signed = Self.signed(body, publicKey)
        guard NodeIdentity.verify(signature, of: signed, by: self.body.tokenPublicKey) else { throw .forged }
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.put(UInt16(truncatingIfNeeded: body.bytes.count))
        writer.put(body.bytes)
        writer.put(publicKey)
        writer.put(signature)
        return writer.bytes
    }

    package var id: NodeID { NodeIdentity.name(of: publicKey) }

    package var epoch: UInt32 { body.epoch }

    package var zone: String? { body.zone }

    /// Unix seconds.
    package var expiresAt: Int64 { body.expiresAt }

    /// The node that this mesh let in. With `now`, in Unix seconds, only while the token is valid: that is asked when
    /// it comes in, not when it shows later how it did.
    package func verify(adminPublicKey: [UInt8], now: Int64? = nil) throws(TokenError) -> NodeID {
        guard body.adminPublicKey == adminPublicKey else { throw .otherMesh }
        if let now, now >= body.expiresAt { throw .expired }
        return id
    }

    private static func signed(_ body: [UInt8], _ publicKey: [UInt8]) -> [UInt8] {
        Array("meshd-admission-1".utf8) + body + publicKey
    }
}
