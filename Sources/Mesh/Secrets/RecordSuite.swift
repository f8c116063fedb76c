internal import CSodium

/// The ciphers of data links.
///
/// AES-256-GCM is three times as fast as XChaCha20-Poly1305 on processors that have it in hardware, and slow or leaky
/// on others; so it is used where both ends have the instructions.
package enum RecordSuite: UInt8, Sendable, CaseIterable {
    case xChaCha20Poly1305 = 0
    case aes256GCM = 1

    /// A set of suites, as a byte.
    package struct Offer: OptionSet, Sendable, Equatable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let xChaCha = Offer(rawValue: 1 << RecordSuite.xChaCha20Poly1305.rawValue)
        package static let aes = Offer(rawValue: 1 << RecordSuite.aes256GCM.rawValue)

        /// What this machine does well.
        package static let own: Offer = {
            Sodium.require()
            return crypto_aead_aes256gcm_is_available() == 1 ? [.xChaCha, .aes] : .xChaCha
        }()

        var best: RecordSuite? {
            contains(.aes) ? .aes256GCM : contains(.xChaCha) ? .xChaCha20Poly1305 : nil
        }
    }
}
