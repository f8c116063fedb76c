internal import Synchronization
package import Swim

/// The node's pen and its eye for the hands of others, with libsodium: Ed25519 and BLAKE2b.
///
/// It remembers the keys that it saw a valid signature of, so that the machine can name a peer where it needs a secret
/// shared with it. The memory is bounded, and a key that falls out of it is learned again from its next signature.
package final class MeshSigner: RecordSigner {
    private let identity: NodeIdentity
    private let adminPublicKey: [UInt8]
    private let known: Mutex<KnownKeys>

    package init(identity: NodeIdentity, adminPublicKey: [UInt8]) {
        self.identity = identity
        self.adminPublicKey = adminPublicKey
        known = Mutex(KnownKeys(limit: 65_536))
    }

    package func name(of key: PublicKey) -> NodeID { NodeIdentity.name(of: key.bytes) }

    package func sign(_ bytes: [UInt8]) -> Signature {
        Signature(bytes: identity.sign(bytes))!
    }

    package func isValid(_ signature: Signature, of bytes: [UInt8], by key: PublicKey) -> Bool {
        let publicKey = key.bytes
        guard NodeIdentity.verify(signature.bytes, of: bytes, by: publicKey) else { return false }
        learn(key)
        return true
    }

    /// Whether the mesh's admin signed this.
    package func isAdmin(_ signature: Signature, of bytes: [UInt8]) -> Bool {
        NodeIdentity.verify(signature.bytes, of: bytes, by: adminPublicKey)
    }

    /// 64 bits that only asker and target can compute. It does not depend on the epoch, so that a question which is on
    /// its way during a rotation is not lost; and it does on who asks, or a relay could have the asker itself answer.
    package func token(nonce: UInt64, asker: NodeID, target: NodeID) -> UInt64 {
        let peer = asker == identity.id ? target : asker
        var writer = ByteWriter(capacity: 64)
        writer.put(Array("meshd-token-1".utf8))
        writer.put(nonce)
        for id in [asker, target] {
            writer.put(id.high)
            writer.put(id.low)
        }
        let shared = known.withLock { $0.shared(with: peer, identity: identity) }
        // Nobody can guess what is made from our own seed: a token for a stranger fits nothing.
        return Blake2b.word(writer.bytes, key: (shared ?? identity.seed).revealedBytes)
    }

    package func digest(of bytes: [UInt8]) -> UInt64 { Blake2b.word(bytes) }

    /// Remembers a key that was verified elsewhere, as in a handshake or in a snapshot of our own.
    package func learn(_ key: PublicKey) {
        known.withLock { $0.learn(key) { self.name(of: $0) } }
    }

    /// The key behind a name, if it was seen.
    package func key(of id: NodeID) -> PublicKey? {
        known.withLock { $0.key(of: id) }
    }
}
