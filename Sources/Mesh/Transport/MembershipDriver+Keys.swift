internal import Logging
internal import NIOCore
internal import Swim

extension MembershipDriver {
    // MARK: Secrets on their way

    /// Lets the machine of the keys do what is due.
    func moveKeys() {
        var out: [KeyTransfer.Directive] = []
        let roster = membership.roster
        var peers: [NodeID] = []
        var absent: [NodeID] = []
        for slot in 0..<roster.slotCount where roster.isTaken(slot) {
            let peer = roster.record(slot).id
            switch roster.status(slot) {
            case .alive, .suspect: if peer != id { peers.append(peer) }
            case .dead: absent.append(peer)
            case .left, .expelled: break
            }
        }
        keys.advance(to: Self.clock(), peers: peers, absent: absent, random: &random, into: &out)
        for directive in out {
            switch directive {
            case .ask(let peer, let epoch):
                guard let endpoint = endpoint(of: peer) else { continue }
                var writer = ByteWriter(capacity: 4)
                writer.put(epoch)
                streams?.send(.keyRequest, writer.bytes, to: peer, at: endpoint)
            case .send(let epoch):
                state.keyring.send(with: epoch, at: WallClock.unixSeconds)
                sealer.update(Self.understood(state.keyring))
                saveState()
                logger.notice("sealing with key epoch \(epoch) from now on")
                settings.news(EventDraft(.keys, .note, "seals with key epoch \(epoch) from now on"))
            }
        }
    }

    func hearKeyRequest(_ body: [UInt8], from peer: NodeID, on connection: ControlConnection) {
        var reader = ByteReader(body)
        let epoch = reader.word32()
        guard !reader.failed, reader.remaining == 0 else { return connection.end(.frame) }
        give(to: peer, holding: epoch, on: connection)
    }

    /// Gives the newest secret to a member that has an older one, with the decree that began it.
    func give(to peer: NodeID, holding epoch: UInt32, on connection: ControlConnection) {
        let verdict = keys.judge(
            holding: epoch,
            isMember: isMember(peer),
            isExpelled: isExpelled(peer),
            at: Self.clock()
        )
        guard case .give(let newest) = verdict, let secret = state.keyring.secret(newest) else { return }
        var writer = ByteWriter(capacity: 256)
        writer.put(newest)
        writer.put((keys.sending >= newest ? 1 : 0) as UInt8)
        writer.put(secret.revealedBytes)
        if let decree = membership.knownDecrees.first(where: { $0.newEpoch == newest }) { writer.put(decree.encoded) }
        streams?.answer(.keyAnswer, writer.bytes, on: connection)
    }

    /// Takes a secret that is missing here, once the administrator's word says that its epoch exists.
    func hearKeyAnswer(_ body: [UInt8], from peer: NodeID, on connection: ControlConnection) {
        var reader = ByteReader(body)
        let epoch = reader.word32()
        let isInUse = reader.byte() == 1
        let secret = Secret(bytes: reader.array(Keyring.secretBytes))
        guard !reader.failed else { return }
        if reader.remaining > 0, let decree = Decree(reader.array(reader.remaining)),
            !membership.knownDecrees.contains(decree)
        {
            guard signer.isAdmin(decree.signature, of: decree.signedBytes) else { return connection.end(.frame) }
            command(.decree(decree))
        }
        guard keys.wants(epoch) else { return }
        guard state.keyring.add(epoch: epoch, secret: secret, at: WallClock.unixSeconds) == .added else { return }
        keys.hear(epoch, from: peer)
        holdKey(epoch, isInUse: isInUse)
    }

    /// A new secret: on disk first, then understood, and used when its time comes.
    private func holdKey(_ epoch: UInt32, isInUse: Bool) {
        saveState(then: { [unowned self] in
            useKey(epoch, isInUse: isInUse)
            moveKeys()
        })
    }

    private func useKey(_ epoch: UInt32, isInUse: Bool) {
        sealer.update(Self.understood(state.keyring))
        keys.hold(epoch, isInUse: isInUse, at: Self.clock())
        logger.notice("holding key epoch \(epoch)")
        settings.news(EventDraft(.keys, .note, "holds key epoch \(epoch)"))
    }

    // MARK: The administrator's word

    /// Takes a decree and, with it, the secret of the epoch that it begins; a random one when none is given. Done when
    /// both are on disk; when they cannot be written, nothing happened.
    func decree(_ decree: Decree, secret given: Secret?) throws(MeshError) -> EventLoopFuture<Void> {
        guard signer.isAdmin(decree.signature, of: decree.signedBytes) else {
            throw .badDecree("the decree is not signed by this mesh's admin key")
        }
        let isKnown = membership.knownDecrees.contains(decree)
        if isKnown, given == nil || !keys.wants(decree.newEpoch) { return loop.makeSucceededVoidFuture() }
        guard isKnown || decree.newEpoch > keys.announced else {
            throw .badDecree("key epoch \(decree.newEpoch) is not newer than \(keys.announced)")
        }
        guard decree.target != id else {
            throw .badDecree("a node does not expel itself: give the decree to another one, or let this one leave")
        }
        let before = state.keyring
        let secret = given ?? Secret(bytes: SecureRandom.bytes(Keyring.secretBytes))
        guard state.keyring.add(epoch: decree.newEpoch, secret: secret, at: WallClock.unixSeconds) == .added else {
            throw .badDecree("the secret of key epoch \(decree.newEpoch) cannot be taken")
        }
        let after = state.keyring
        if !state.decrees.contains(decree) { state.decrees.append(decree) }
        let promise = loop.makePromise(of: Void.self)
        saveState(
            then: { [unowned self] in
                useKey(decree.newEpoch, isInUse: false)
                command(.decree(decree))
                moveKeys()
                promise.succeed()
            },
            failed: { [unowned self] error in
                if !membership.knownDecrees.contains(decree) { state.decrees.removeAll { $0 == decree } }
                if state.keyring == after {
                    state.keyring = before
                } else {
                    state.keyring.withdraw(decree.newEpoch)
                }
                promise.fail(error)
            }
        )
        return promise.futureResult
    }

    /// Forgets the epochs whose time is over; those who slept may still ask with them, see `take`.
    func retireKeys() {
        let understood = Self.understood(state.keyring)
        if understood.epochs != sealer.keyring.epochs { sealer.update(understood) }
    }
}
