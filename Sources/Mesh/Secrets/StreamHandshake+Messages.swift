internal import Swim

extension StreamHandshake {
    private static let sealedKeyBytes = NodeIdentity.publicKeyBytes + XChaCha.tagBytes
    /// Shorter than any answer.
    private static let refusalBytes = KeyExchange.keyBytes + 1 + XChaCha.tagBytes
    private static let linkRefusalBytes = KeyExchange.keyBytes + 3 + XChaCha.tagBytes
    private static let termsBytes = 2

    /// The responder hears the first message. What costs little is asked first: nobody without the secret makes this
    /// node compute a signature or an exchange.
    mutating func hearKnock(_ message: [UInt8], _ keyring: Keyring, _ now: Int64) throws(HandshakeError) -> Step {
        var reader = ByteReader(message)
        let knock = try Knock(from: &reader)
        theirEphemeral = reader.array(KeyExchange.keyBytes)
        let proof = reader.array(XChaCha.tagBytes)
        guard !reader.failed, reader.remaining == 0 else { throw .malformed }
        guard knock.tag == keyring.meshID.tag else { throw .otherMesh }
        guard let epochSecret = keyring.secret(knock.epoch) else { throw .epoch }
        let secret = knock.tokenBody.map { TokenBody.joinSecret(of: $0, epochSecret: epochSecret) } ?? epochSecret
        begin(knock, secret, meshID: keyring.meshID)
        bind(ephemeral: theirEphemeral)
        guard transcript?.open(proof) == [] else { throw .secret }
        if let tokenBody = knock.tokenBody, let why = try judge(tokenBody, knock, keyring, now) {
            return try refuse(.token(why), telling: [why == .expired ? 1 : 2])
        }
        if let offer = knock.link {
            guard let ownLinks else { throw .malformed }
            terms = ownLinks.terms(for: offer)
            guard terms != nil else {
                let (low, high) = (ownLinks.versions.lowerBound, ownLinks.versions.upperBound)
                return try refuse(.incompatible(offer.versions), telling: [3, low, high])
            }
        }

        let key = KeyExchange.publicKey(of: ephemeral)
        bind(ephemeral: key)
        try exchange(ephemeral, theirEphemeral)
        let sealedKey = transcript!.seal(identity.publicKey)
        try exchange(identity.exchangeSecret, theirEphemeral)
        let reply = key + sealedKey + transcript!.seal(terms.map { [$0.version, $0.suite.rawValue] } ?? [])
        stage = .awaitsName(keyring, now: now)
        return Step(reply: reply, session: nil)
    }

    /// Why a token, whose secret was proved, lets nobody in any more; nil when it does. Throws for one that the admin
    /// never made.
    private func judge(
        _ tokenBody: [UInt8],
        _ knock: Knock,
        _ keyring: Keyring,
        _ now: Int64
    ) throws(HandshakeError) -> TokenError? {
        do throws(TokenError) {
            let body = try TokenBody(tokenBody)
            guard body.adminPublicKey == keyring.adminPublicKey else { throw .otherMesh }
            guard body.epoch == knock.epoch else { throw .damaged }
            guard body.epoch >= keyring.strangerFloor else { return .withdrawn }
            return now < body.expiresAt ? nil : .expired
        } catch {
            throw .token(error)
        }
    }

    // MARK: A refusal that is told

    /// Without it a joiner could not tell a token that is over from a door that is crowded, nor the caller of a link an
    /// old version from a dead node. It names nobody.
    private mutating func refuse(_ why: HandshakeError, telling reason: [UInt8]) throws(HandshakeError) -> Step {
        let key = KeyExchange.publicKey(of: ephemeral)
        bind(ephemeral: key)
        try exchange(ephemeral, theirEphemeral)
        return Step(reply: key + transcript!.seal(reason), refusal: why)
    }

    /// The initiator hears why it is refused.
    private mutating func hearRefusal(_ message: [UInt8]) throws(HandshakeError) -> HandshakeError {
        theirEphemeral = Array(message.prefix(KeyExchange.keyBytes))
        bind(ephemeral: theirEphemeral)
        try exchange(ephemeral, theirEphemeral)
        guard let why = transcript?.open(Array(message.dropFirst(KeyExchange.keyBytes))) else { throw .forged }
        if why.count == 3, why[0] == 3, why[1] <= why[2] { return .incompatible(why[1]...why[2]) }
        return .token(why == [1] ? .expired : .withdrawn)
    }

    /// The initiator hears who answers, says who it is, and is done.
    mutating func hearAnswer(_ message: [UInt8], _ strangerFloor: UInt32) throws(HandshakeError) -> Step {
        if knock?.tokenBody != nil, message.count == Self.refusalBytes { throw try hearRefusal(message) }
        if knock?.link != nil, message.count == Self.linkRefusalBytes { throw try hearRefusal(message) }
        var reader = ByteReader(message)
        theirEphemeral = reader.array(KeyExchange.keyBytes)
        let sealedKey = reader.array(Self.sealedKeyBytes)
        let proof = reader.array(XChaCha.tagBytes + (knock?.link == nil ? 0 : Self.termsBytes))
        guard !reader.failed, reader.remaining == 0 else { throw .malformed }
        bind(ephemeral: theirEphemeral)
        try exchange(ephemeral, theirEphemeral)
        let (key, exchangeKey) = try name(sealedKey)
        try exchange(ephemeral, exchangeKey)
        guard let chosen = transcript?.open(proof) else { throw .forged }
        if let offer = knock?.link { terms = try agree(on: chosen, of: offer) }
        let peer = NodeIdentity.name(of: key.bytes)
        if let expected, expected != peer { throw .unexpectedPeer }
        try admit(peer, strangerFloor)

        let sealedName = transcript!.seal(identity.publicKey)
        try exchange(identity.exchangeSecret, theirEphemeral)
        let reply = sealedName + transcript!.seal(admission?.bytes ?? [])
        return Step(reply: reply, session: session(peer, key, admission: nil, isInitiator: true))
    }

    /// The listener chooses, but only of what was offered.
    private func agree(on chosen: [UInt8], of offer: LinkOffer) throws(HandshakeError) -> LinkTerms {
        guard chosen.count == Self.termsBytes, offer.versions.contains(chosen[0]),
            let suite = RecordSuite(rawValue: chosen[1]),
            offer.suites.contains(RecordSuite.Offer(rawValue: 1 << suite.rawValue))
        else { throw .malformed }
        return LinkTerms(traffic: offer.traffic, version: chosen[0], suite: suite)
    }

    /// The responder hears who knocked.
    mutating func hearName(_ message: [UInt8], _ keyring: Keyring, _ now: Int64) throws(HandshakeError) -> Step {
        var reader = ByteReader(message)
        let sealedKey = reader.array(Self.sealedKeyBytes)
        guard !reader.failed, let knock else { throw .malformed }
        let payload = reader.array(reader.remaining)
        let (key, exchangeKey) = try name(sealedKey)
        try exchange(ephemeral, exchangeKey)
        guard let shown = transcript?.open(payload) else { throw .forged }
        let peer = NodeIdentity.name(of: key.bytes)
        try admit(peer, keyring.strangerFloor)
        do throws(TokenError) {
            admission = shown.isEmpty ? nil : try Admission(shown)
            if let admission {
                guard admission.publicKey == key.bytes else { throw .notYours }
                _ = try admission.verify(
                    adminPublicKey: keyring.adminPublicKey,
                    now: knock.tokenBody == nil ? nil : now
                )
            }
            // A joiner shows the admission that follows from the very token it knocked with.
            guard knock.tokenBody == nil || admission?.body.bytes == knock.tokenBody else { throw .notYours }
        } catch {
            throw .token(error)
        }
        return Step(reply: nil, session: session(peer, key, admission: admission, isInitiator: false))
    }

    /// Both ends refuse the expelled, and those they never heard of with an epoch that was superseded: who was expelled,
    /// or whoever the keys were rotated for, might call under a new name, or wait under one where it is called.
    private func admit(_ peer: NodeID, _ strangerFloor: UInt32) throws(HandshakeError) {
        switch standing(peer) {
        case .expelled: throw .expelled
        case .stranger where (knock?.epoch ?? 0) < strangerFloor: throw .stranger
        case .member, .stranger: break
        }
    }

    private func session(
        _ peer: NodeID,
        _ key: PublicKey,
        admission: Admission?,
        isInitiator: Bool
    ) -> StreamSession {
        let (first, second) = transcript!.split()
        return StreamSession(
            peer: peer,
            key: key,
            right: knock!.tokenBody == nil ? .member : .joiner,
            epoch: knock!.epoch,
            admission: admission,
            link: terms,
            sealing: isInitiator ? first : second,
            opening: isInitiator ? second : first
        )
    }
}
