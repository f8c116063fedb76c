internal import CSodium
package import Swim

/// Who this node is: an Ed25519 key pair (RFC 8032). The node's name is the hash of the public half.
package struct NodeIdentity: Sendable, CustomReflectable {
    package static let seedBytes = 32
    package static let publicKeyBytes = 32
    package static let signatureBytes = 64

    package let id: NodeID
    private let pair: SigningKey

    /// A new identity, never seen before.
    package init() {
        self.init(pair: SigningKey())
    }

    /// The identity that `seed` stands for; nil unless it has `seedBytes` bytes.
    package init?(seed: [UInt8]) {
        guard let pair = SigningKey(seed: seed) else { return nil }
        self.init(pair: pair)
    }

    private init(pair: SigningKey) {
        self.pair = pair
        self.id = Self.name(of: pair.publicKey)
    }

    package var publicKey: [UInt8] { pair.publicKey }

    /// The public key as the membership machine holds it.
    package var key: PublicKey { PublicKey(bytes: pair.publicKey)! }

    /// What must be kept, and kept secret, to be the same node again.
    package var seed: Secret { pair.seed }

    package var customMirror: Mirror { Mirror(self, children: ["id": id.description]) }

    /// The signature, of `signatureBytes` bytes.
    package func sign(_ message: [UInt8]) -> [UInt8] { pair.sign(message) }

    /// The secret of this node's key exchanges.
    var exchangeSecret: Secret { pair.exchangeSecret }

    /// What this node and the owner of `publicKey` can compute and nobody else; nil for a key that leaves no secret.
    func shared(with publicKey: [UInt8]) -> Secret? {
        KeyExchange.converted(publicKey).flatMap { KeyExchange.shared(exchangeSecret, with: $0) }
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
        return NodeID(high: hash[0..<8].bigEndianWord, low: hash[8..<16].bigEndianWord)
    }
}

extension Sequence<UInt8> {
    /// The first bytes that fit a word, read big end first.
    var bigEndianWord: UInt64 { prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

extension UInt64 {
    /// Its eight bytes, big end first.
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian, Array.init) }
}
