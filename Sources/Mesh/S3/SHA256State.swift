import CCrypto

/// A SHA-256 under way, as a plain value: copying it is how a half-finished HMAC is used again and again.
struct SHA256State: Sendable {
    private var context = SHA256_CTX()

    init() { SHA256_Init(&context) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        SHA256_Update(&context, base, bytes.count)
    }

    mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    consuming func finish() -> Digest256 {
        var digest = Digest256()
        digest.withMutableBytes { _ = SHA256_Final($0.baseAddress?.assumingMemoryBound(to: UInt8.self), &context) }
        return digest
    }

    static func hash(_ bytes: UnsafeRawBufferPointer) -> Digest256 {
        var state = SHA256State()
        state.update(bytes)
        return state.finish()
    }

    static func hash(_ bytes: [UInt8]) -> Digest256 { bytes.withUnsafeBytes { hash($0) } }
}

/// 32 bytes of a hash or signature, in place.
package struct Digest256: Hashable, Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    package init() {}

    /// From exactly 64 hexadecimal digits.
    init?(hex: some Collection<UInt8>) {
        guard hex.count == 64 else { return nil }
        let fast = hex.withContiguousStorageIfAvailable { hex in
            withUnsafeMutableBytes(of: &words) { out in
                var valid = true
                for index in 0..<32 {
                    let high = Hex.value(hex[index * 2])
                    let low = Hex.value(hex[index * 2 + 1])
                    valid = valid && high != nil && low != nil
                    out[index] = (high ?? 0) << 4 | (low ?? 0)
                }
                return valid
            }
        }
        if let fast {
            if !fast { return nil }
            return
        }
        var index = 0
        var high: UInt8 = 0
        let valid = withUnsafeMutableBytes(of: &words) { out in
            for byte in hex {
                guard let digit = Hex.value(byte) else { return false }
                if index & 1 == 0 { high = digit << 4 } else { out[index / 2] = high | digit }
                index += 1
            }
            return true
        }
        if !valid { return nil }
    }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeBytes(of: words, body)
    }

    mutating func withMutableBytes(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        withUnsafeMutableBytes(of: &words, body)
    }

    package var bytes: [UInt8] { withBytes { Array($0) } }

    package var hex: String { withBytes { Hex.encode($0) } }

    func appendHex(to out: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { hex in
            withBytes { bytes in
                for index in 0..<32 {
                    hex[index * 2] = Hex.lower(bytes[index] >> 4)
                    hex[index * 2 + 1] = Hex.lower(bytes[index] & 15)
                }
            }
            out.append(contentsOf: hex)
        }
    }

    /// Takes the same time wherever the two differ.
    func equalsInConstantTime(_ other: Digest256) -> Bool {
        withBytes { a in other.withBytes { b in CRYPTO_memcmp(a.baseAddress, b.baseAddress, 32) == 0 } }
    }

    package static func == (a: Digest256, b: Digest256) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    /// The hash of no bytes.
    package static let empty = SHA256State.hash([])
}

/// A key of HMAC-SHA256 with both of its paddings already hashed: copying those two states saves half of the hashing of
/// a short message.
package struct HMACKey: Sendable {
    private let inner: SHA256State
    private let outer: SHA256State

    init(_ key: UnsafeRawBufferPointer) {
        var block = [UInt8](repeating: 0, count: 64)
        if key.count > 64 {
            block.replaceSubrange(0..<32, with: SHA256State.hash(key).bytes)
        } else {
            block.replaceSubrange(0..<key.count, with: key)
        }
        var inner = SHA256State()
        var outer = SHA256State()
        inner.update(block.map { $0 ^ 0x36 })
        outer.update(block.map { $0 ^ 0x5C })
        self.inner = inner
        self.outer = outer
        block.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, 64) }
    }

    init(_ key: [UInt8]) { self = key.withUnsafeBytes { HMACKey($0) } }

    func authenticate(_ message: UnsafeRawBufferPointer) -> Digest256 {
        var first = inner
        first.update(message)
        let digest = first.finish()
        var second = outer
        digest.withBytes { second.update($0) }
        return second.finish()
    }

    func authenticate(_ message: [UInt8]) -> Digest256 { message.withUnsafeBytes { authenticate($0) } }

    /// SigV4's chain from a secret to the key of one day, region and service.
    static func signing(secret: String, day: [UInt8], region: String) -> HMACKey {
        var key = HMACKey(Array("AWS4".utf8) + Array(secret.utf8))
        for part in [day, Array(region.utf8), Array("s3".utf8), Array("aws4_request".utf8)] {
            key = key.authenticate(part).withBytes { HMACKey($0) }
        }
        return key
    }
}
