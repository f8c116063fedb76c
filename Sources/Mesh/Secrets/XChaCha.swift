internal import CSodium

/// XChaCha20-Poly1305 (the IETF form): the one cipher of this room, for datagrams and for streams.
enum XChaCha {
    static let keyBytes = 32
    static let nonceBytes = 24
    static let tagBytes = 16

    /// `header`, then the sealed message, in one buffer. The header is not sealed by this: what of it must be bound
    /// belongs into `bound`.
    static func seal(
        _ message: [UInt8],
        after header: [UInt8] = [],
        key: [UInt8],
        nonce: ArraySlice<UInt8>,
        bound: [UInt8]
    ) -> [UInt8] {
        Sodium.require()
        precondition(key.count == keyBytes && nonce.count == nonceBytes, "keys have 32 bytes, nonces 24")
        let count = header.count + message.count + tagBytes
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            _ = buffer.update(fromContentsOf: header)
            let failed = nonce.withUnsafeBufferPointer { nonce in
                crypto_aead_xchacha20poly1305_ietf_encrypt(
                    // The buffer has room for at least the tag, so it has an address.
                    buffer.baseAddress! + header.count,
                    nil,
                    message,
                    UInt64(message.count),
                    bound,
                    UInt64(bound.count),
                    nil,
                    nonce.baseAddress!,
                    key
                )
            }
            precondition(failed == 0, "every message of this size can be sealed")
            filled = count
        }
    }

    /// The message, or nil if anything was changed. `sealed` and `nonce` may be slices of one datagram.
    static func open(
        _ sealed: ArraySlice<UInt8>,
        key: [UInt8],
        nonce: ArraySlice<UInt8>,
        bound: [UInt8]
    ) -> [UInt8]? {
        guard sealed.count >= tagBytes, nonce.count == nonceBytes, key.count == keyBytes else { return nil }
        Sodium.require()
        var isGenuine = false
        let message = [UInt8](unsafeUninitializedCapacity: sealed.count - tagBytes) { buffer, filled in
            let failed = sealed.withUnsafeBufferPointer { sealed in
                nonce.withUnsafeBufferPointer { nonce in
                    crypto_aead_xchacha20poly1305_ietf_decrypt(
                        buffer.baseAddress,
                        nil,
                        nil,
                        sealed.baseAddress!,
                        UInt64(sealed.count),
                        bound,
                        UInt64(bound.count),
                        nonce.baseAddress!,
                        key
                    )
                }
            }
            isGenuine = failed == 0
            filled = isGenuine ? sealed.count - tagBytes : 0
        }
        return isGenuine ? message : nil
    }
}
