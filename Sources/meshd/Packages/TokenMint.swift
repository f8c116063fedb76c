import Mesh

/// Makes join tokens of what a node knows and the admin key: the one way, whoever asks.
struct TokenMint {
    /// A quarter of a year: a token that outlives its purpose is a key under the mat.
    private static let expiresMillis: ClosedRange<UInt64> = 1_000...(90 * 86_400_000)
    static let addressesMax = 8

    let key: AdminKey
    let material: TokenMaterial

    /// The meaning of a duration such as `24h`; nil when a token cannot last so long, or so short.
    static func millis(of text: String) -> UInt64? {
        SettingKind.millis(of: text).flatMap { expiresMillis.contains($0) ? $0 : nil }
    }

    static func areAddresses(_ texts: [String]) -> Bool {
        texts.count <= addressesMax && texts.allSatisfy { SeedAddress(parsing: $0) != nil }
    }

    /// - Parameters:
    ///   - addresses: where newcomers knock; the node's own when there is none.
    ///   - expiresMillis: from now on.
    func token(expiresMillis: UInt64, zone: String?, addresses: [String]) throws(MeshError) -> JoinToken {
        guard Hex.encode(key.publicKey) == material.adminPublicKey else {
            throw .badToken("this admin key is not that of the node's mesh")
        }
        guard let secret = Hex.decode(material.secret.utf8) else {
            throw .badToken("what the node tells of its mesh is not understood")
        }
        do {
            return try JoinToken.make(
                adminKey: key,
                addresses: (addresses.isEmpty ? material.addresses : addresses).compactMap { SeedAddress(parsing: $0) },
                zone: zone,
                expiresAt: Int64((JSON.nowMillis() + expiresMillis) / 1_000),
                epoch: material.epoch,
                secret: Secret(bytes: secret)
            )
        } catch { throw .badToken(error.description) }
    }
}
