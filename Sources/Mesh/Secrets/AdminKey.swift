package import Swim

/// The key of the mesh's admin: it founds the mesh, mints join tokens, expels and rotates. No daemon needs it to run.
package struct AdminKey: Sendable, CustomReflectable {
    private let pair: SigningKey

    /// The key of a mesh that does not exist yet.
    package init() { pair = SigningKey() }

    /// The key that `seed` stands for; nil unless it has 32 bytes.
    package init?(seed: [UInt8]) {
        guard let pair = SigningKey(seed: seed) else { return nil }
        self.pair = pair
    }

    package var publicKey: [UInt8] { pair.publicKey }

    package var meshID: MeshID { MeshID(adminPublicKey: publicKey) }

    /// What must be kept, and kept secret, to stay the admin.
    package var seed: Secret { pair.seed }

    package var customMirror: Mirror { Mirror(self, children: ["meshID": meshID.description]) }

    /// Signs a statement, whose first bytes must say what kind of statement it is.
    package func sign(_ statement: [UInt8]) -> [UInt8] { pair.sign(statement) }

    /// The same decree, signed: from here on every node of the mesh obeys it, for ever.
    package func sign(_ decree: Decree) -> Decree {
        var decree = decree
        decree.signature = Signature(bytes: sign(decree.signedBytes))!
        return decree
    }

    /// The secret of an epoch. It follows from the key, so that a rotation that is announced through two nodes, or
    /// announced again after a failure, hands out the same secret everywhere.
    package func epochSecret(_ epoch: UInt32) -> Secret {
        var writer = ByteWriter(capacity: 32)
        writer.put(Array("meshd-epoch-1".utf8))
        writer.put(epoch)
        return Secret(bytes: Blake2b.hash(writer.bytes, bytes: Keyring.secretBytes, key: pair.seed.revealedBytes))
    }
}
