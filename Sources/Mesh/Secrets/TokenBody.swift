internal import Swim

/// The part of a join token that is no secret, with the admin's signature over it:
/// `version 1 | admin key 32 | token key 32 | expiry 8 | epoch 4 | zone 1+n | addresses 1 + (1+n)… | signature 64`.
struct TokenBody: Sendable, Equatable {
    static let addressesMax = 8
    static let zoneBytesMax = 64
    /// With all addresses and the zone as long as they may be.
    static let encodedBytesMax = 1 + 32 + 32 + 8 + 4 + 65 + 1 + addressesMax * (1 + 255) + 64
    private static let version: UInt8 = 1

    let adminPublicKey: [UInt8]
    /// T, whose secret half is in the token: it signs the keys of those who come in with it.
    let tokenPublicKey: [UInt8]
    /// Unix seconds.
    let expiresAt: Int64
    let epoch: UInt32
    let zone: String?
    let addresses: [SeedAddress]
    /// All of the above and the signature, as made by the admin.
    let bytes: [UInt8]

    /// Makes and signs a body.
    init(
        adminKey: AdminKey,
        tokenPublicKey: [UInt8],
        expiresAt: Int64,
        epoch: UInt32,
        zone: String?,
        addresses: [SeedAddress]
    ) throws(TokenError) {
        guard (1...Self.addressesMax).contains(addresses.count), (zone?.utf8.count ?? 0) <= Self.zoneBytesMax,
            addresses.allSatisfy({ $0.description.utf8.count <= 255 }), expiresAt >= 0, zone?.isEmpty != true
        else { throw .unsuitable }
        var writer = ByteWriter(capacity: 512)
        writer.put(Self.version)
        writer.put(adminKey.publicKey)
        writer.put(tokenPublicKey)
        writer.put(UInt64(expiresAt))
        writer.put(epoch)
        writer.put(text: zone ?? "")
        writer.put(UInt8(addresses.count))
        for address in addresses { writer.put(text: address.description) }
        let signature = adminKey.sign(Self.signed(writer.bytes))
        try self.init(writer.bytes + signature)
    }

    /// Reads a body; refuses one that its own admin key did not sign.
    init(_ bytes: [UInt8]) throws(TokenError) {
        guard bytes.count <= Self.encodedBytesMax else { throw .damaged }
        var reader = ByteReader(bytes)
        let version = reader.byte()
        adminPublicKey = reader.array(NodeIdentity.publicKeyBytes)
        tokenPublicKey = reader.array(NodeIdentity.publicKeyBytes)
        let expiry = reader.word64()
        epoch = reader.word32()
        guard let zone = reader.text(), zone.utf8.count <= Self.zoneBytesMax else { throw .damaged }
        self.zone = zone.isEmpty ? nil : zone
        let count = Int(reader.byte())
        guard (1...Self.addressesMax).contains(count) else { throw .damaged }
        var addresses: [SeedAddress] = []
        for _ in 0..<count {
            guard let text = reader.text(), let address = SeedAddress(parsing: text), address.description == text
            else { throw .damaged }
            addresses.append(address)
        }
        self.addresses = addresses
        let end = reader.position
        let signature = reader.array(NodeIdentity.signatureBytes)
        guard !reader.failed, reader.remaining == 0, version == Self.version, let expiresAt = Int64(exactly: expiry)
        else { throw .damaged }
        self.expiresAt = expiresAt
        self.bytes = bytes
        let signed = Self.signed(Array(bytes[..<end]))
        guard NodeIdentity.verify(signature, of: signed, by: adminPublicKey) else { throw .forged }
    }

    /// The secret of those who hold the token and of those who hold the epoch's secret: what lets the first knock.
    static func joinSecret(of body: [UInt8], epochSecret: Secret) -> Secret {
        let input = Array("meshd-join-1".utf8) + body
        return Secret(bytes: Blake2b.hash(input, bytes: Keyring.secretBytes, key: epochSecret.revealedBytes))
    }

    private static func signed(_ body: [UInt8]) -> [UInt8] { Array("meshd-token-body-1".utf8) + body }
}

extension ByteWriter {
    /// A text of at most 255 bytes, after its length.
    fileprivate mutating func put(text: String) {
        put(UInt8(text.utf8.count))
        put(Array(text.utf8))
    }
}

extension ByteReader {
    /// A text after its length; nil if it is cut short or not UTF-8.
    fileprivate mutating func text() -> String? {
        let bytes = array(Int(byte()))
        return failed ? nil : String(validating: bytes, as: UTF8.self)
    }
}
