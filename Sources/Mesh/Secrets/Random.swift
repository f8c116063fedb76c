internal import CSodium

/// Random bytes and texts from the operating system's generator, fit for keys and tokens.
package enum SecureRandom {
    package static func bytes(_ count: Int) -> [UInt8] {
        Sodium.require()
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            if let base = buffer.baseAddress { randombytes_buf(base, count) }
            filled = count
        }
    }

    package static func word() -> UInt64 {
        bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A new access key id: 20 upper-case characters, as S3 clients expect. 18 of them carry 90 random bits.
    package static func accessKeyID() -> String { "MK" + text(18, of: base32) }

    /// A new secret key: 40 characters, 238 random bits, none of them in need of escaping in a shell or a URL.
    package static func secretKey() -> Secret { Secret(text(40, of: alphanumeric)) }

    /// A new bearer token: 43 characters, 256 random bits.
    package static func token() -> Secret { Secret(text(43, of: alphanumeric)) }

    /// So many decimal digits, each as likely as the others: a code that a person reads and types.
    package static func digits(_ count: Int) -> String { text(count, of: Array("0123456789".utf8)) }

    private static let base32 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
    private static let alphanumeric = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    private static func text(_ count: Int, of alphabet: [UInt8]) -> String {
        Sodium.require()
        let limit = UInt32(alphabet.count)
        return String(decoding: (0..<count).map { _ in alphabet[Int(randombytes_uniform(limit))] }, as: UTF8.self)
    }
}
