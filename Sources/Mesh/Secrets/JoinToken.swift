internal import CSodium
internal import Swim

/// What a person copies from one node to the next so that it may join: who the mesh is, where it can be found, until
/// when, and the secrets that prove all this on both sides.
///
/// The text is `meshd1.` and base64url of `seed of T 32 | join secret 32 | body`. Whoever holds it can join until it
/// expires, is withdrawn by an expulsion, or its epoch is over, so it is a secret as a whole.
package struct JoinToken: Sendable, CustomStringConvertible, CustomReflectable {
    package static let prefix = "meshd1."
    /// Longer than the longest token.
    package static let textBytesMax = 4_096

    let body: TokenBody
    private let pair: SigningKey
    let joinSecret: Secret

    private init(body: TokenBody, pair: SigningKey, joinSecret: Secret) {
        self.body = body
        self.pair = pair
        self.joinSecret = joinSecret
    }

    /// Mints a token. `secret` is that of `epoch`; `expiresAt` is in Unix seconds. Refuses as `.unsuitable`.
    package static func make(
        adminKey: AdminKey,
        addresses: [SeedAddress],
        zone: String? = nil,
        expiresAt: Int64,
        epoch: UInt32,
        secret: Secret,
        tokenSeed: Secret? = nil
    ) throws(TokenError) -> JoinToken {
        guard let pair = tokenSeed.map({ SigningKey(seed: $0.revealedBytes) }) ?? SigningKey() else {
            throw .unsuitable
        }
        let body = try TokenBody(
            adminKey: adminKey,
            tokenPublicKey: pair.publicKey,
            expiresAt: expiresAt,
            epoch: epoch,
            zone: zone,
            addresses: addresses
        )
        let joinSecret = TokenBody.joinSecret(of: body.bytes, epochSecret: secret)
        return JoinToken(body: body, pair: pair, joinSecret: joinSecret)
    }

    /// Reads a pasted text; white space around it is forgiven. Whether it has expired is for the caller to ask.
    package init(parsing text: String) throws(TokenError) {
        let trimmed = text.drop(while: \.isWhitespace)
        guard trimmed.hasPrefix(Self.prefix) else { throw .notAToken }
        let end = trimmed.lastIndex { !$0.isWhitespace } ?? trimmed.startIndex
        let encoded = Array(trimmed[...end].dropFirst(Self.prefix.count).utf8)
        guard encoded.count <= Self.textBytesMax, let bytes = Self.decoded(encoded) else { throw .damaged }
        var reader = ByteReader(bytes)
        let seed = reader.array(NodeIdentity.seedBytes)
        let secret = reader.array(Keyring.secretBytes)
        guard !reader.failed, let pair = SigningKey(seed: seed) else { throw .damaged }
        let body = try TokenBody(Array(bytes[reader.position...]))
        guard body.tokenPublicKey == pair.publicKey else { throw .damaged }
        self.init(body: body, pair: pair, joinSecret: Secret(bytes: secret))
    }

    /// The line to paste. A secret.
    package var text: String {
        let bytes = pair.seed.revealedBytes + joinSecret.revealedBytes + body.bytes
        return Self.prefix + Self.encoded(bytes)
    }

    package var adminPublicKey: [UInt8] { body.adminPublicKey }

    package var meshID: MeshID { MeshID(adminPublicKey: body.adminPublicKey) }

    package var addresses: [SeedAddress] { body.addresses }

    package var zone: String? { body.zone }

    package var epoch: UInt32 { body.epoch }

    /// Unix seconds.
    package var expiresAt: Int64 { body.expiresAt }

    /// Whether it is over at this time, in Unix seconds.
    package func isExpired(at seconds: Int64) -> Bool { seconds >= body.expiresAt }

    package var description: String {
        "join token of mesh \(meshID), epoch \(epoch), expires at \(expiresAt), \(addresses.map(\.description))"
    }

    package var customMirror: Mirror { Mirror(self, children: ["description": description]) }

    /// The proof that the node with this key came in with this token.
    package func admit(_ identity: NodeIdentity) -> Admission {
        Admission(body: body, publicKey: identity.publicKey, pair: pair)
    }

    // MARK: Base64

    private static func encoded(_ bytes: [UInt8]) -> String {
        Sodium.require()
        let variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING
        var text = [CChar](repeating: 0, count: sodium_base64_encoded_len(bytes.count, variant))
        sodium_bin2base64(&text, text.count, bytes, bytes.count, variant)
        return String(decoding: text.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Strict: one text for each sequence of bytes, and nothing else in it.
    private static func decoded(_ text: [UInt8]) -> [UInt8]? {
        Sodium.require()
        var bytes = [UInt8](repeating: 0, count: text.count)
        var count = 0
        let characters = text.map { CChar(bitPattern: $0) }
        let variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING
        let failed = sodium_base642bin(
            &bytes,
            bytes.count,
            characters,
            characters.count,
            nil,
            &count,
            nil,
            variant
        )
        guard failed == 0, count > 0 else { return nil }
        return Array(bytes.prefix(count))
    }
}
