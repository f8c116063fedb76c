internal import CCrypto
internal import CSodium
package import NIOCore

/// One direction of a data link: records sealed in order, each with the number of its place as the nonce, as
/// `StreamCipher` does for frames, but from buffer to buffer and with the cipher that both ends chose.
///
/// A record of the link's plaintext is at most 64 KiB, sealed once. Its tag binds the record's place; what is lost,
/// repeated, moved or changed does not open, and nothing after it does. 2^48 records, 16 EiB, are far below what either
/// cipher bears under one key, and no connection gets there.
///
/// Owned by one event loop.
package final class RecordCipher {
    package static let tagBytes = 16
    /// Of plaintext in one record.
    package static let recordBytesMax = 64 << 10
    private static let placesMax: UInt64 = 1 << 48

    private let suite: RecordSuite
    private let isSealing: Bool
    private let key: [UInt8]
    /// OpenSSL's state with the expanded key; nil for the cipher of libsodium. Its AES is more than twice as fast as
    /// libsodium's, because it interleaves the cipher with the hash.
    private let aes: OpaquePointer?
    private var place: UInt64 = 0
    private var isBroken = false
    /// Numbers are written over its end.
    private var nonce: [UInt8]

    init(key: Secret, suite: RecordSuite, isSealing: Bool) {
        Sodium.require()
        precondition(key.count == 32, "both ciphers take keys of 32 bytes")
        self.suite = suite
        self.isSealing = isSealing
        self.key = key.revealedBytes
        switch suite {
        case .xChaCha20Poly1305:
            nonce = [UInt8](repeating: 0, count: XChaCha.nonceBytes)
            aes = nil
        case .aes256GCM:
            nonce = [UInt8](repeating: 0, count: 12)
            guard let context = EVP_CIPHER_CTX_new() else { preconditionFailure("no memory for a cipher") }
            let done =
                isSealing
                ? EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, self.key, nonce)
                : EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, self.key, nonce)
            precondition(done == 1, "libcrypto has AES-256-GCM")
            aes = context
        }
    }

    deinit {
        if let aes { EVP_CIPHER_CTX_free(aes) }
    }

    /// Appends the sealed record to the buffer, 16 bytes longer than `plain`; false when the cipher's places are used
    /// up, which ends the connection.
    package func seal(_ plain: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) -> Bool {
        precondition(isSealing && plain.count <= Self.recordBytesMax, "a record is sealed by its sender, in one piece")
        guard !isBroken, take() else { return false }
        let count = plain.count + Self.tagBytes
        var isDone = false
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
            isDone = seal(plain, to: room.baseAddress!.assumingMemoryBound(to: UInt8.self))
            return isDone ? count : 0
        }
        return isDone
    }

    /// Appends the plaintext of a record to the buffer; false for one that is not the next, and for all after it.
    package func open(_ sealed: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) -> Bool {
        precondition(!isSealing, "a record is opened by its receiver")
        guard !isBroken, sealed.count >= Self.tagBytes, sealed.count <= Self.recordBytesMax + Self.tagBytes, take()
        else {
            isBroken = true
            return false
        }
        let count = sealed.count - Self.tagBytes
        // One byte more, so that there is an address also for the empty record.
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count + 1) { room in
            isBroken = !open(sealed, to: room.baseAddress!.assumingMemoryBound(to: UInt8.self))
            return isBroken ? 0 : count
        }
        return !isBroken
    }

    /// Moves on to the next place.
    private func take() -> Bool {
        guard place < Self.placesMax else { return false }
        for index in 0..<8 { nonce[nonce.count - 1 - index] = UInt8(truncatingIfNeeded: place >> UInt64(8 * index)) }
        place += 1
        return true
    }

    // MARK: The two ciphers

    private func seal(_ plain: UnsafeRawBufferPointer, to out: UnsafeMutablePointer<UInt8>) -> Bool {
        let bytes = plain.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let aes else {
            return crypto_aead_xchacha20poly1305_ietf_encrypt(
                out,
                nil,
                bytes,
                UInt64(plain.count),
                nil,
                0,
                nil,
                nonce,
                key
            ) == 0
        }
        var written: CInt = 0
        return EVP_EncryptInit_ex(aes, nil, nil, nil, nonce) == 1
            && EVP_EncryptUpdate(aes, out, &written, bytes, CInt(plain.count)) == 1
            && EVP_EncryptFinal_ex(aes, out + plain.count, &written) == 1
            && EVP_CIPHER_CTX_ctrl(aes, EVP_CTRL_AEAD_GET_TAG, CInt(Self.tagBytes), out + plain.count) == 1
    }

    private func open(_ sealed: UnsafeRawBufferPointer, to out: UnsafeMutablePointer<UInt8>) -> Bool {
        let bytes = sealed.baseAddress!.assumingMemoryBound(to: UInt8.self)
        let count = sealed.count - Self.tagBytes
        guard let aes else {
            return crypto_aead_xchacha20poly1305_ietf_decrypt(
                out,
                nil,
                nil,
                bytes,
                UInt64(sealed.count),
                nil,
                0,
                nonce,
                key
            ) == 0
        }
        var written: CInt = 0
        let tag = UnsafeMutableRawPointer(mutating: bytes + count)
        let isOpen =
            EVP_DecryptInit_ex(aes, nil, nil, nil, nonce) == 1
            && EVP_DecryptUpdate(aes, out, &written, bytes, CInt(count)) == 1
            && EVP_CIPHER_CTX_ctrl(aes, EVP_CTRL_AEAD_SET_TAG, CInt(Self.tagBytes), tag) == 1
            && EVP_DecryptFinal_ex(aes, out + count, &written) == 1
        // What was written before the tag was compared is nobody's.
        if !isOpen { sodium_memzero(out, count) }
        return isOpen
    }
}

extension StreamSession {
    /// The ciphers of a data link, from the keys of the handshake: for one use, on the loop that owns the connection.
    package func recordCiphers(_ suite: RecordSuite) -> (sealing: RecordCipher, opening: RecordCipher) {
        (
            RecordCipher(key: sealing.recordKey, suite: suite, isSealing: true),
            RecordCipher(key: opening.recordKey, suite: suite, isSealing: false)
        )
    }
}
