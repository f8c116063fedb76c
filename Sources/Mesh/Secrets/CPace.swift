internal import CSodium

/// One end of a key agreement by a short code: CPace over ristretto255 with SHA-512, initiator and responder, as
/// draft-irtf-cfrg-cpace says.
///
/// What travels tells a listener nothing of the code. Who takes part learns with each run whether one guess was right,
/// and nothing more: so guesses can be counted, and eight digits are enough.
struct CPace: Sendable, CustomReflectable {
    static let messageBytes = 32
    private static let domain = Array("CPaceRistretto255".utf8)
    /// Of SHA-512: the code and its domain fill the first block, so that its time says nothing of the code.
    private static let hashBlockBytes = 128

    private let session: [UInt8]
    private let scalar: Secret
    /// What the other end is sent.
    let message: [UInt8]

    /// - Parameters:
    ///   - channel: what both ends know of the occasion.
    ///   - session: drawn for this run.
    ///   - scalar: for tests; drawn otherwise.
    init?(code: Secret, channel: [UInt8], session: [UInt8], scalar given: [UInt8]? = nil) {
        Sodium.require()
        let generator = Self.generator(code: code, channel: channel, session: session)
        let scalar = given ?? Self.drawn()
        guard let message = Self.product(scalar, generator) else { return nil }
        self.session = session
        self.scalar = Secret(bytes: scalar)
        self.message = message
    }

    var customMirror: Mirror { Mirror(self, children: [:]) }

    /// What both ends share if their codes are the same; 64 bytes. Nil for a message that no honest end sends.
    ///
    /// - Parameters:
    ///   - ownWords: what this end said beside its message; `otherWords` what it heard. Both are bound.
    func key(with other: [UInt8], isInitiator: Bool, ownWords: [UInt8], otherWords: [UInt8]) -> Secret? {
        guard other.count == Self.messageBytes, let shared = Self.product(scalar.revealedBytes, other) else {
            return nil
        }
        let own = Self.joined([message, ownWords])
        let heard = Self.joined([other, otherWords])
        let head = Self.joined([Self.domain + Array("_ISK".utf8), session, shared])
        return Secret(bytes: Self.sha512(head + (isInitiator ? own + heard : heard + own)))
    }

    // MARK: The group

    static func generator(code: Secret, channel: [UInt8], session: [UInt8]) -> [UInt8] {
        let head = Self.prefixed(code.revealedBytes).count + Self.prefixed(domain).count + 1
        let padding = [UInt8](repeating: 0, count: max(0, hashBlockBytes - head))
        let hash = sha512(joined([domain, code.revealedBytes, padding, channel, session]))
        var element = [UInt8](repeating: 0, count: messageBytes)
        let failed = crypto_core_ristretto255_from_hash(&element, hash)
        precondition(failed == 0, "every 64 bytes lead to an element")
        return element
    }

    /// Nil for what is no element, and where the product is the neutral one: libsodium refuses both.
    private static func product(_ scalar: [UInt8], _ element: [UInt8]) -> [UInt8]? {
        var result = [UInt8](repeating: 0, count: messageBytes)
        guard crypto_scalarmult_ristretto255(&result, scalar, element) == 0 else { return nil }
        return result
    }

    private static func drawn() -> [UInt8] {
        var scalar = [UInt8](repeating: 0, count: messageBytes)
        crypto_core_ristretto255_scalar_random(&scalar)
        return scalar
    }

    private static func sha512(_ bytes: [UInt8]) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: 64)
        crypto_hash_sha512(&hash, bytes, UInt64(bytes.count))
        return hash
    }

    // MARK: Texts

    private static func joined(_ parts: [[UInt8]]) -> [UInt8] { parts.flatMap(prefixed) }

    /// With its length before it, seven bits a byte, the lowest first.
    private static func prefixed(_ bytes: [UInt8]) -> [UInt8] {
        var length: [UInt8] = []
        var rest = bytes.count
        repeat {
            length.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return length + bytes
    }
}
