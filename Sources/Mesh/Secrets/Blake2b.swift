internal import CSodium

/// BLAKE2b (RFC 7693): the hash behind node names and tokens.
package enum Blake2b {
    /// The digest of `input`, 16 to 64 bytes long, with an optional key of at most 64 bytes.
    package static func hash(_ input: [UInt8], bytes: Int, key: [UInt8] = []) -> [UInt8] {
        Sodium.require()
        precondition((16...64).contains(bytes) && key.count <= 64, "BLAKE2b digests have 16 to 64 bytes")
        var digest = [UInt8](repeating: 0, count: bytes)
        let failed = crypto_generichash(
            &digest,
            bytes,
            input,
            UInt64(input.count),
            key.isEmpty ? nil : key,
            key.count
        )
        precondition(failed == 0, "BLAKE2b cannot fail on lengths that were checked")
        return digest
    }

    /// The first 64 bits of the 128-bit digest; libsodium makes no shorter one.
    static func word(_ input: [UInt8], key: [UInt8] = []) -> UInt64 {
        hash(input, bytes: 16, key: key).bigEndianWord
    }
}
