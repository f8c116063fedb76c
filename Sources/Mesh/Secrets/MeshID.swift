/// The name of a mesh: the BLAKE2b-256 hash of its admin's public key.
package struct MeshID: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes.
    package let bytes: [UInt8]

    package init(adminPublicKey: [UInt8]) {
        bytes = Blake2b.hash(adminPublicKey, bytes: 32)
    }

    /// The first four bytes: what tells datagrams of one mesh from those of another before any key is touched.
    package var tag: UInt32 { UInt32(truncatingIfNeeded: bytes.prefix(4).bigEndianWord) }

    /// 64 hexadecimal digits.
    package var description: String { Hex.encode(bytes) }
}
