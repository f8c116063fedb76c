internal import CSodium

/// An Ed25519 key pair (RFC 8032): the pen of a node, of an admin, or of a join token.
struct SigningKey: Sendable, CustomReflectable {
    let publicKey: [UInt8]
    private let secretKey: [UInt8]

    /// A new pair, never seen before.
    init() {
        self.init(seed: SecureRandom.bytes(NodeIdentity.seedBytes))!
    }

    /// The pair that `seed` stands for; nil unless it has 32 bytes.
    init?(seed: [UInt8]) {
        guard seed.count == NodeIdentity.seedBytes else { return nil }
        Sodium.require()
        var publicKey = [UInt8](repeating: 0, count: NodeIdentity.publicKeyBytes)
        var secretKey = [UInt8](repeating: 0, count: 64)
        precondition(crypto_sign_seed_keypair(&publicKey, &secretKey, seed) == 0, "Ed25519 takes every seed")
        self.publicKey = publicKey
        self.secretKey = secretKey
    }

    /// What must be kept, and kept secret, to have the same pair again. libsodium's secret key begins with it.
    var seed: Secret { Secret(bytes: Array(secretKey.prefix(NodeIdentity.seedBytes))) }

    var customMirror: Mirror { Mirror(self, children: [:]) }

    func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: NodeIdentity.signatureBytes)
        let failed = crypto_sign_detached(&signature, nil, message, UInt64(message.count), secretKey)
        precondition(failed == 0, "Ed25519 signs every message")
        return signature
    }

    /// The secret for key exchange that belongs to this pair.
    var exchangeSecret: Secret {
        var secret = [UInt8](repeating: 0, count: KeyExchange.keyBytes)
        precondition(crypto_sign_ed25519_sk_to_curve25519(&secret, secretKey) == 0, "every secret key converts")
        return Secret(bytes: secret)
    }
}
