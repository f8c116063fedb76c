internal import Swim

extension DatagramSealer {
    /// The smallest question, and the smallest that leaves room for another in its answer.
    private static let questionBytesMin = overheadBytes + nonceBytes
    private static let questionBytesFull = overheadBytes + 2 * nonceBytes

    /// Opens one datagram. `now` is monotonic time in microseconds, for round trips and for asking again only.
    package mutating func open(_ datagram: [UInt8], now: Int64) -> Opened {
        do throws(Refusal) {
            let delivery = try admit(datagram, now: now)
            if delivery.body != nil { counters.opened += 1 }
            return .accepted(delivery)
        } catch {
            counters[error] += 1
            return .refused(error)
        }
    }

    private mutating func admit(_ datagram: [UInt8], now: Int64) throws(Refusal) -> Delivery {
        guard datagram.count >= Self.overheadBytes else { throw .short }
        guard datagram.count <= Self.datagramBytesMax else { throw .oversized }
        let header = try DatagramHeader(reading: datagram)
        guard header.tag == keyring.meshID.tag else { throw .otherMesh }
        guard let epoch = keyring.epoch(lowByte: header.epoch) else { throw .epoch }
        guard let peer = peers[header.sender] else { throw .unknownSender }
        try peer.glance(boot: header.boot, counter: header.counter)
        guard let key = peers[header.sender]?.key(epoch, ring: keyring, identity: identity),
            let body = XChaCha.open(
                datagram[DatagramHeader.bytes...],
                key: key,
                nonce: datagram[DatagramHeader.boundBytes..<DatagramHeader.bytes],
                bound: DatagramHeader.bound(datagram, receiver: identity.id.handle)
            )
        else { throw .forged }
        peers[header.sender]?.mark(boot: header.boot, counter: header.counter)
        var delivery = Delivery(sender: peer.id)
        switch header.kind {
        case .body:
            if peer.isProved(header.boot) {
                delivery.body = body
            } else {
                delivery.reply = try hold(body, header, bytes: datagram.count, now: now)
            }
        case .question:
            delivery.reply = try answer(body, header, bytes: datagram.count, now: now)
        case .answer:
            try hear(body, header, bytes: datagram.count, now: now, into: &delivery)
        }
        return delivery
    }

    // MARK: Unproved boots

    /// Keeps a body until its boot is proved, and asks for the proof if it was not asked for just now.
    private mutating func hold(
        _ body: [UInt8],
        _ header: DatagramHeader,
        bytes: Int,
        now: Int64
    ) throws(Refusal) -> [UInt8]? {
        guard bytes >= Self.questionBytesMin else { throw .unproved }
        let open = peers[header.sender]?.question
        let mayAsk = open.map { now - $0.askedAt >= Self.askAgainMicros } ?? true
        let fresh = SealedPeer.Held(boot: header.boot, body: body, at: now)
        var question = open ?? SealedPeer.Question(nonce: freshNonce(), askedAt: now, held: nil)
        if let held = question.held {
            // The first of a burst is the one that waits, unless it is old, or of an older life.
            guard header.boot > held.boot || mayAsk else { throw .unproved }
            question.held = fresh
            counters[.unproved] += 1
            counters.held += 1
        } else if hasRoom(now: now) {
            question.held = fresh
            heldCount += 1
            counters.held += 1
        }
        if mayAsk { question.askedAt = now }
        peers[header.sender]?.question = question
        return mayAsk ? ask(question.nonce, header.sender, bytes: min(bytes, Self.questionBytesFull)) : nil
    }

    /// Whether one more body may wait. When all places are taken, those that waited too long are cleared away, at most
    /// once in that time.
    private mutating func hasRoom(now: Int64) -> Bool {
        if heldCount >= Self.heldMax, sweptAt <= now - Self.heldMicrosMax {
            sweptAt = now
            for (handle, peer) in peers {
                guard let held = peer.question?.held, now - held.at > Self.heldMicrosMax else { continue }
                peers[handle]?.question?.held = nil
                heldCount -= 1
                counters[.unproved] += 1
            }
        }
        return heldCount < Self.heldMax
    }

    // MARK: Questions and answers

    /// Answers a question of a peer. It proves nothing of the peer but that it can seal, so the answer is no longer
    /// than the question; if there is room it asks in return, so that two strangers need one exchange less.
    private mutating func answer(
        _ body: [UInt8],
        _ header: DatagramHeader,
        bytes: Int,
        now: Int64
    ) throws(Refusal) -> [UInt8]? {
        guard body.count >= Self.nonceBytes else { throw .malformed }
        var reply = Array(body.prefix(Self.nonceBytes))
        if body.count >= 2 * Self.nonceBytes, peers[header.sender]?.isProved(header.boot) == false {
            var question =
                peers[header.sender]?.question
                ?? SealedPeer.Question(nonce: freshNonce(), askedAt: now, held: nil)
            question.askedAt = now
            reply += question.nonce
            peers[header.sender]?.question = question
            counters.challenged += 1
        }
        reply += [UInt8](repeating: 0, count: body.count - reply.count)
        counters.answered += 1
        return seal(.answer, reply, to: header.sender)
    }

    /// Takes the answer to one of our questions: its boot is alive now, and what waited for that is handed out.
    private mutating func hear(
        _ body: [UInt8],
        _ header: DatagramHeader,
        bytes: Int,
        now: Int64,
        into delivery: inout Delivery
    ) throws(Refusal) {
        guard body.count >= Self.nonceBytes else { throw .malformed }
        let nonce = Array(body.prefix(Self.nonceBytes))
        let question = peers[header.sender]?.question
        let probe = probes.firstIndex { $0.peer == header.sender && $0.nonce == nonce }
        guard question?.nonce == nonce || probe != nil else { throw .unasked }
        if let probe {
            let asked = probes.remove(at: probe)
            delivery.echo = Delivery.Echo(nonce: nonce, rttMicros: now - asked.askedAt, datagramBytes: bytes)
        }
        peers[header.sender]?.prove(boot: header.boot, counter: header.counter)
        peers[header.sender]?.question = nil
        if let held = question?.held {
            heldCount -= 1
            if held.boot == header.boot, now - held.at <= Self.heldMicrosMax {
                delivery.body = held.body
                counters.released += 1
            } else {
                counters[.unproved] += 1
            }
        }
        let back = Array(body.dropFirst(Self.nonceBytes).prefix(Self.nonceBytes))
        if back.count == Self.nonceBytes, back.contains(where: { $0 != 0 }) {
            let padding = [UInt8](repeating: 0, count: body.count - Self.nonceBytes)
            counters.answered += 1
            delivery.reply = seal(.answer, back + padding, to: header.sender)
        }
    }
}
