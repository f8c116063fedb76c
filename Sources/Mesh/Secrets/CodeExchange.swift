/// Two nodes that were told the same short code find out that they were, and share keys from then on: the inviting
/// node begins, the invited one answers.
///
/// CPace agrees on a key, then each end proves that it has it: the inviting one first, so that whoever only guesses at
/// a code has told so before it learns anything.
package struct CodeExchange: Sendable, CustomReflectable {
    package static let sessionBytes = 16
    package static let messageBytes = CPace.messageBytes
    package static let proofBytes = 32
    /// What each end says of itself, at most.
    package static let wordsBytesMax = 512
    private static let channel = Array("meshd invitation 1".utf8)

    /// Drawn by the end that begins.
    package let session: [UInt8]
    /// What the other end is sent.
    package let message: [UInt8]
    private let isInviting: Bool
    private let words: [UInt8]
    private let pace: CPace

    /// - Parameters:
    ///   - words: what this end says of itself in the clear; they are bound, and prove nothing else.
    ///   - session: nil for the end that begins.
    package init?(code: Secret, isInviting: Bool, words: [UInt8], session: [UInt8]? = nil) {
        let session = session ?? SecureRandom.bytes(Self.sessionBytes)
        guard session.count == Self.sessionBytes, words.count <= Self.wordsBytesMax,
            let pace = CPace(code: code, channel: Self.channel, session: session)
        else { return nil }
        (self.session, self.isInviting, self.words, self.pace) = (session, isInviting, words, pace)
        message = pace.message
    }

    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// The keys, if the codes are the same; nothing is proven before the other end's proof was checked. Nil for a
    /// message that no honest end sends.
    package func keys(with other: [UInt8], words heard: [UInt8]) -> CodeKeys? {
        guard heard.count <= Self.wordsBytesMax else { return nil }
        return pace.key(with: other, isInitiator: isInviting, ownWords: words, otherWords: heard)
            .map { CodeKeys(shared: $0, isInviting: isInviting) }
    }
}

/// What two nodes share after they exchanged a code.
package struct CodeKeys: Sendable, CustomReflectable {
    package static let markBytes = 32

    private let isInviting: Bool
    private let shared: Secret

    init(shared: Secret, isInviting: Bool) {
        (self.shared, self.isInviting) = (shared, isInviting)
    }

    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// This end has the key.
    package var proof: [UInt8] { derived(isInviting ? "inviting proof" : "invited proof").revealedBytes }

    /// Whether the other end has it. Takes the same time for every wrong one.
    package func isProof(_ bytes: [UInt8]) -> Bool {
        derived(isInviting ? "invited proof" : "inviting proof").isEqual(to: Secret(bytes: bytes))
    }

    /// By which the invited node knows its inviter later on.
    package var bond: Secret { derived("bond") }

    /// Sealed for the invited node. Called once: the key has one message.
    package func seal(_ message: [UInt8]) -> [UInt8] {
        let nonce = SecureRandom.bytes(XChaCha.nonceBytes)
        return XChaCha.seal(message, after: nonce, key: derived("token").revealedBytes, nonce: nonce[...], bound: [])
    }

    package func open(_ sealed: [UInt8]) -> [UInt8]? {
        guard sealed.count > XChaCha.nonceBytes else { return nil }
        return XChaCha.open(
            sealed[XChaCha.nonceBytes...],
            key: derived("token").revealedBytes,
            nonce: sealed[..<XChaCha.nonceBytes],
            bound: []
        )
    }

    /// Shows that who knows the bond says this word.
    package static func mark(_ word: String, by bond: Secret) -> [UInt8] {
        Blake2b.hash(Array("meshd invitation ".utf8) + Array(word.utf8), bytes: markBytes, key: bond.revealedBytes)
    }

    private func derived(_ purpose: String) -> Secret {
        let input = Array("meshd invitation key: ".utf8) + Array(purpose.utf8)
        return Secret(bytes: Blake2b.hash(input, bytes: 32, key: shared.revealedBytes))
    }
}
