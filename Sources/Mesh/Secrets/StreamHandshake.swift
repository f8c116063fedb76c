package import Swim

/// Three messages that make a stream private and name both ends: the pattern XXpsk0 of the Noise protocol framework,
/// over X25519, XChaCha20-Poly1305 and BLAKE2b.
///
/// ```
/// -> psk, e                  the knock: proves the epoch's secret, or a token made from it
/// <- e, ee, s, es            who answers, readable by the one who knocked only
/// -> s, se, admission        who knocked, readable by the one who answered only
/// ```
/// A joiner whose token was good once and is not any more hears so instead of the second message, and so does the caller
/// of a data link when there is no version that both ends speak: `<- e, ee, why`. What a link offers is in the knock, and
/// what was chosen of it is sealed into the answer: a handshake in which somebody changed either fails.
/// The shared secret is that of the epoch for members, and for joiners one that their token holds and every member can
/// compute. A knock without it is not answered. Static keys are the nodes' Ed25519 keys, in their X25519 form where
/// they are exchanged; a recorded stream stays secret when keys and secrets are stolen later, because both ends use a
/// new key each time.
///
/// A machine without sockets: the driver frames the messages and carries them. After the first error it stays failed.
package struct StreamHandshake: Sendable, CustomReflectable {
    /// The longest message. Anything longer can be refused by its length prefix.
    package static let messageBytesMax = 4_096

    /// With what right this end calls.
    package enum Purpose: Sendable {
        /// Between members; the epoch is usually `keyring.sending`, and an older one when that is not known there.
        case member(Keyring, epoch: UInt32)
        case join(JoinToken)
    }

    /// What to do next: send the reply, if there is one; then, with a session or a refusal, the handshake is over.
    package struct Step: Sendable {
        package var reply: [UInt8]?
        package var session: StreamSession?
        /// Why the other end, which knows the secret of its token, is refused; the reply tells it so.
        package var refusal: HandshakeError?
    }

    enum Stage {
        case awaitsKnock(Keyring, now: Int64)
        case awaitsAnswer(strangerFloor: UInt32)
        case awaitsName(Keyring, now: Int64)
        case over
    }

    let identity: NodeIdentity
    let ephemeral: Secret
    let standing: @Sendable (NodeID) -> Standing
    /// What a listener can do for data links.
    let ownLinks: LinkOffer?
    var stage: Stage
    /// Set from the knock on.
    var transcript: Transcript?
    var knock: Knock?
    var theirEphemeral: [UInt8] = []
    var admission: Admission?
    var terms: LinkTerms?
    var expected: NodeID?
    /// The first message of an initiator.
    package private(set) var opening: [UInt8] = []

    package var customMirror: Mirror { Mirror(self, children: ["identity": identity.id.description]) }

    // MARK: The two ends

    /// The end that calls; send `opening` first. `expecting` names who must answer, so that nobody else learns who
    /// called. With a `link`, which only members ask for, the stream is a data link. nil if the purpose's epoch is not
    /// held.
    package static func initiator(
        _ identity: NodeIdentity,
        _ purpose: Purpose,
        link: LinkOffer? = nil,
        admission: Admission? = nil,
        expecting peer: NodeID? = nil,
        random: (Int) -> [UInt8] = { SecureRandom.bytes($0) },
        standing: @escaping @Sendable (NodeID) -> Standing = { _ in .member }
    ) -> StreamHandshake? {
        var handshake = StreamHandshake(identity, .awaitsAnswer(strangerFloor: 0), random, link, standing)
        handshake.expected = peer
        let knock: Knock
        let secret: Secret
        switch purpose {
        case .member(let keyring, let epoch):
            guard let held = keyring.secret(epoch) else { return nil }
            knock = Knock(tag: keyring.meshID.tag, epoch: epoch, link: link)
            secret = held
            handshake.stage = .awaitsAnswer(strangerFloor: keyring.strangerFloor)
            handshake.admission = admission
            handshake.begin(knock, secret, meshID: keyring.meshID)
        case .join(let token):
            knock = Knock(tag: token.meshID.tag, epoch: token.epoch, tokenBody: token.body.bytes)
            secret = token.joinSecret
            handshake.admission = token.admit(identity)
            handshake.begin(knock, secret, meshID: token.meshID)
        }
        let key = KeyExchange.publicKey(of: handshake.ephemeral)
        handshake.bind(ephemeral: key)
        handshake.opening = knock.encoded + key + handshake.transcript!.seal([])
        return handshake
    }

    /// The end that is called. `now` is in Unix seconds, and judges nothing but the expiry of join tokens. Without
    /// `links` data links are refused.
    package static func responder(
        _ identity: NodeIdentity,
        keyring: Keyring,
        now: Int64,
        links: LinkOffer? = nil,
        random: (Int) -> [UInt8] = { SecureRandom.bytes($0) },
        standing: @escaping @Sendable (NodeID) -> Standing
    ) -> StreamHandshake {
        StreamHandshake(identity, .awaitsKnock(keyring, now: now), random, links, standing)
    }

    private init(
        _ identity: NodeIdentity,
        _ stage: Stage,
        _ random: (Int) -> [UInt8],
        _ links: LinkOffer?,
        _ standing: @escaping @Sendable (NodeID) -> Standing
    ) {
        self.identity = identity
        self.ephemeral = Secret(bytes: random(KeyExchange.keyBytes))
        self.stage = stage
        self.ownLinks = links
        self.standing = standing
    }

    /// Takes the other end's next message.
    package mutating func read(_ message: [UInt8]) throws(HandshakeError) -> Step {
        let current = stage
        stage = .over
        guard message.count <= Self.messageBytesMax else { throw .malformed }
        switch current {
        case .awaitsKnock(let keyring, let now): return try hearKnock(message, keyring, now)
        case .awaitsAnswer(let strangerFloor): return try hearAnswer(message, strangerFloor)
        case .awaitsName(let keyring, let now): return try hearName(message, keyring, now)
        case .over: throw .outOfTurn
        }
    }

    // MARK: What both ends do alike

    mutating func begin(_ knock: Knock, _ secret: Secret, meshID: MeshID) {
        var transcript = Transcript(
            protocolName: "meshd-stream-1 XXpsk0 25519 XChaChaPoly BLAKE2b",
            prologue: meshID.bytes + knock.encoded
        )
        transcript.mix(shared: secret)
        self.transcript = transcript
        self.knock = knock
    }

    /// An ephemeral key was sent; it is mixed into the key too, because the shared secret alone does not change from
    /// one handshake to the next.
    mutating func bind(ephemeral key: [UInt8]) {
        transcript?.mix(key)
        transcript?.mix(key: Secret(bytes: key))
    }

    mutating func exchange(_ secret: Secret, _ publicKey: [UInt8]) throws(HandshakeError) {
        guard let shared = KeyExchange.shared(secret, with: publicKey) else { throw .forged }
        transcript?.mix(key: shared)
    }

    /// The other end's name, which was sealed.
    mutating func name(_ sealed: [UInt8]) throws(HandshakeError) -> (key: PublicKey, exchangeKey: [UInt8]) {
        guard let bytes = transcript?.open(sealed), let key = PublicKey(bytes: bytes),
            let exchangeKey = KeyExchange.converted(bytes)
        else { throw .forged }
        guard bytes != identity.publicKey else { throw .oneself }
        return (key, exchangeKey)
    }
}
