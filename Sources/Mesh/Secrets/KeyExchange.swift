internal import CSodium

/// X25519 (RFC 7748), and the way there from Ed25519 keys, so that a node needs one key pair only.
enum KeyExchange {
    static let keyBytes = 32

    /// The public half of an exchange secret.
    static func publicKey(of secret: Secret) -> [UInt8] {
        Sodium.require()
        precondition(secret.count == keyBytes, "an exchange secret has 32 bytes")
        var key = [UInt8](repeating: 0, count: keyBytes)
        precondition(crypto_scalarmult_base(&key, secret.revealedBytes) == 0, "every scalar has a public key")
        return key
    }

    /// What both ends can compute and nobody else; nil for a public key that leaves no secret.
    static func shared(_ secret: Secret, with publicKey: [UInt8]) -> Secret? {
        guard secret.count == keyBytes, publicKey.count == keyBytes else { return nil }
        Sodium.require()
        var product = [UInt8](repeating: 0, count: keyBytes)
        guard crypto_scalarmult(&product, secret.revealedBytes, publicKey) == 0 else { return nil }
        return Secret(bytes: product)
    }

    /// The exchange form of an Ed25519 public key; nil if it is no point of the prime-order group.
    static func converted(_ signingKey: [UInt8]) -> [UInt8]? {
        guard signingKey.count == keyBytes else { return nil }
        Sodium.require()
        var key = [UInt8](repeating: 0, count: keyBytes)
        return crypto_sign_ed25519_pk_to_curve25519(&key, signingKey) == 0 ? key : nil
    }
}
