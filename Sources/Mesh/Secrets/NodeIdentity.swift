internal import CSodium
package import Swim

/// Who this node is: an Ed25519 key pair (RFC 8032). The node's name is the hash of the public half.
package struct NodeIdentity: Sendable, CustomReflectable {
    package static let seedBytes = 32
    package static let publicKeyBytes = 32
    package static let signatureBytes = 64

    package let publicKey: [UInt8]
    package let id: NodeID
    private let secretKey: [UInt8]

    /// A new identity, never seen before.
    package init() {
        self.init(seed: SecureRandom.bytes(Self.seedBytes))!
    }

    /// The identity that `seed` stands for; nil unless it has `seedBytes` bytes.
    package init?(seed: [UInt8]) {
        guard seed.count == Self.seedBytes else { return nil }
        Sodium.require()
        var publicKey = [UInt8](repeating: 0, count: Self.publicKeyBytes)
        var secretKey = [UInt8](repeating: 0, count: 64)
        precondition(crypto_sign_seed_keypair(&publicKey, &secretKey, seed) == 0, "Ed25519 takes every seed")
        self.publicKey = publicKey
        self.secretKey = secretKey
        self.id = Self.name(of: publicKey)
    }

    /// What must be kept, and kept secret, to be the same node again. libsodium's secret key begins with it.
    package var seed: Secret { Secret(bytes: Array(secretKey.prefix(Self.seedBytes))) }

    package var customMirror: Mirror { Mirror(self, children: ["id": id.description]) }

    package func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Self.signatureBytes)
        let failed = crypto_sign_detached(&signature, nil, message, UInt64(message.count), secretKey)
        precondition(failed == 0, "Ed25519 signs every message")
        return signature
    }

    /// Whether the owner of `publicKey` signed `message`. Wrong lengths are a no, not a trap.
    package static func verify(_ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8]) -> Bool {
        guard signature.count == signatureBytes, publicKey.count == publicKeyBytes else { return false }
        Sodium.require()
        return crypto_sign_verify_detached(signature, message, UInt64(message.count), publicKey) == 0
    }

    /// The name of the node with this public key: its 16-byte BLAKE2b hash.
    package static func name(of publicKey: [UInt8]) -> NodeID {
        let hash = Blake2b.hash(publicKey, bytes: 16)
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return NodeID(high: word(hash[0..<8]), low: word(hash[8..<16]))
    }
}
