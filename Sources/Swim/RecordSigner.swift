/// The node's pen, and its eye for the hands of others. Mesh implements it with libsodium.
///
/// Ed25519 and BLAKE2b live outside because the machine imports nothing; the simulator lends a fake of the same sizes.
/// Every call is a pure function of its arguments and of the node's key.
package protocol RecordSigner: Sendable {
    /// The name that belongs to a public key (BLAKE2b-128).
    func name(of key: PublicKey) -> NodeID

    /// Signs as this node.
    func sign(_ bytes: [UInt8]) -> Signature

    func isValid(_ signature: Signature, of bytes: [UInt8], by key: PublicKey) -> Bool

    /// Whether the admin key of this mesh signed this.
    func isAdmin(_ signature: Signature, of bytes: [UInt8]) -> Bool

    /// What only asker and target can compute about a nonce, one of them being this node: the proof of life that a
    /// relay can withhold but not invent. It must differ when the two change places, or a relay could have the asker
    /// itself make the answer that it waits for.
    func token(nonce: UInt64, asker: NodeID, target: NodeID) -> UInt64

    /// 64 bits of BLAKE2b over a member's description.
    func digest(of bytes: [UInt8]) -> UInt64
}
