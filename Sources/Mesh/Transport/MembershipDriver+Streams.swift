internal import Logging
internal import NIOCore
internal import Swim

extension MembershipDriver: ControlStreams.Rules {
    // MARK: Who may speak

    func call(_ peer: NodeID?, link: LinkOffer?) -> (handshake: StreamHandshake, epoch: UInt32)? {
        guard ownExpulsion == nil, let epoch = epochToCall(peer) else { return nil }
        let admission = state.admission.flatMap { try? Admission($0) }
        let handshake = StreamHandshake.initiator(
            identity,
            .member(state.keyring, epoch: epoch),
            link: link,
            admission: admission,
            expecting: peer,
            standing: standing
        )
        return handshake.map { ($0, epoch) }
    }

    func listen() -> StreamHandshake {
        StreamHandshake.responder(
            identity,
            keyring: state.keyring,
            now: WallClock.unixSeconds,
            links: LinkOffer(traffic: 0, versions: settings.linkVersions),
            standing: standing
        )
    }

    /// The epoch in use; after a call that came to nothing the others in turn, because the peer may have slept through
    /// a rotation, or this node.
    private func epochToCall(_ peer: NodeID?) -> UInt32? {
        let failures = failedCalls[peer] ?? 0
        let others = state.keyring.epochs.reversed().filter { $0 != state.keyring.sending }
        let all = [state.keyring.sending] + others
        return all[failures % all.count]
    }

    private var standing: @Sendable (NodeID) -> Standing {
        let driver = NIOLoopBound(self, eventLoop: loop)
        return { peer in
            if driver.value.isExpelled(peer) { return .expelled }
            return driver.value.isMember(peer) ? .member : .stranger
        }
    }

    func didFail(_ peer: NodeID?, epoch: UInt32) {
        guard state.keyring.epochs.count > 1, failedCalls.count < 4_096 || failedCalls[peer] != nil else { return }
        failedCalls[peer, default: 0] &+= 1
    }

    func admits(_ connection: ControlConnection, _ peer: ControlConnection.Peer) -> Bool {
        guard ownExpulsion == nil, !isExpelled(peer.id) else {
            refusedOutcasts += 1
            return false
        }
        if peer.right == .joiner, !connection.isOutbound {
            welcome(peer, on: connection)
            return true
        }
        if peer.link != nil { return admitsLink(peer, on: connection) }
        // A stranger that called must show that it was let in; one that this node called proved that it is a member.
        guard connection.isOutbound || isMember(peer.id) || peer.admission != nil else {
            refusedStrangers += 1
            return false
        }
        failedCalls[connection.isOutbound ? connection.expected : peer.id] = nil
        keys.hear(peer.epoch, from: peer.id)
        // Whoever comes with an older epoch slept through a rotation, and is given the newer one without asking.
        if peer.epoch < keys.newest, isMember(peer.id) { give(to: peer.id, holding: peer.epoch, on: connection) }
        return true
    }

    /// Data is for members only, under an epoch that is not over: who was just let in, or slept through a rotation, first
    /// becomes known, or asks for the new secret, on a control stream.
    private func admitsLink(_ peer: ControlConnection.Peer, on connection: ControlConnection) -> Bool {
        guard isMember(peer.id), sealer.keyring.secret(peer.epoch) != nil else {
            refusedStrangers += 1
            return false
        }
        if connection.isOutbound { failedCalls[connection.expected] = nil }
        return true
    }

    // MARK: Data links

    func takeLink(_ socket: LinkSocket) { linkDoor.hand(socket) }

    /// Opens a data link for the node's links.
    func dialLink(
        to peer: NodeID,
        traffic: UInt8,
        _ done: @escaping @Sendable (Result<LinkSocket, LinkFailure>) -> Void
    ) {
        guard ownExpulsion == nil, !isExpelled(peer) else { return done(.failure(.expelled)) }
        let offer = LinkOffer(traffic: traffic, versions: settings.linkVersions)
        let this = NIOLoopBound(self, eventLoop: loop)
        let done: @Sendable (Result<LinkSocket, LinkFailure>) -> Void = { result in
            this.value.noteLink(to: peer, result)
            done(result)
        }
        guard let endpoint = endpoint(of: peer), let streams,
            streams.dialLink(to: peer, at: endpoint, LinkDial(offer: offer, done: done))
        else { return done(.failure(.notConnected)) }
    }

    /// An upgrade that left somebody behind is the operator's business: one line for each time that it begins.
    private func noteLink(to peer: NodeID, _ result: Result<LinkSocket, LinkFailure>) {
        switch result {
        case .success: incompatible.remove(peer)
        case .failure(let failure):
            guard case .incompatible = failure, incompatible.insert(peer).inserted else { return }
            logger.error("\(label(peer)) cannot be asked for data: \(failure)", metadata: ["id": "\(peer)"])
        }
    }

    /// Gives a newcomer what it needs to be a member. That others know it is for it to bring about.
    private func welcome(_ peer: ControlConnection.Peer, on connection: ControlConnection) {
        let seen = connection.remote
        let welcome = Welcome(state: state, endpoint: membership.ownRecord.endpoint, seen: seen)
        streams?.answer(.welcome, welcome.bytes, on: connection)
        logger.notice(
            "a node was admitted",
            metadata: ["id": "\(peer.id)", "address": "\(seen.map(\.description) ?? "")"]
        )
    }

    // MARK: What they say

    func take(_ kind: StreamKind, _ body: [UInt8], from connection: ControlConnection) {
        guard let peer = connection.peer, peer.right == .member, !isExpelled(peer.id) else {
            return connection.end(.peer)
        }
        // With an epoch whose time is over, a member may ask for the new one and nothing else.
        let isOver = sealer.keyring.secret(peer.epoch) == nil
        switch kind {
        case .keyRequest: hearKeyRequest(body, from: peer.id, on: connection)
        case .keyAnswer: hearKeyAnswer(body, from: peer.id, on: connection)
        case _ where isOver: connection.end(.peer)
        case .swim: if !takeFrame(body, from: peer.id) { connection.end(.frame) }
        case .question: answer(body, from: peer.id, on: connection)
        case .answer: requests.hear(body, from: peer.id)
        case .welcome: connection.end(.frame)
        }
    }
}
