extension Membership {
    // MARK: Sending

    /// Composes a datagram and fills what is left of its budget with rumors.
    ///
    /// - Parameter first: a member whose news must be in this datagram, because the receiver is whom it is about, or
    ///   because it holds something wrong.
    mutating func send(
        _ message: Message,
        to slot: Int,
        first: Int?,
        into outbox: inout [Directive]
    ) {
        var writer = ByteWriter(capacity: rumors.isEmpty && decreeRumors.isEmpty ? 64 : settings.bodyBytes)
        Codec.encode(message, into: &writer)
        switch message {
        case .ping, .ack, .gossip: appendRumors(first: first, into: &writer)
        case .ask, .relayPing, .relayAck, .vouch, .nack: break
        }
        precondition(writer.count <= settings.bodyBytes, "a datagram is within its budget")
        let peer = roster.record(slot)
        outbox.append(.send(writer.bytes, to: peer.id, at: peer.endpoint))
    }

    private mutating func appendRumors(first: Int?, into writer: inout ByteWriter) {
        let room = settings.bodyBytes
        if !decreeRumors.isEmpty { appendDecrees(into: &writer) }
        if let first {
            let text = textFor(first, isBrief: false)
            if writer.count + text.count <= room { writer.put(text) }
        }
        guard !rumors.isEmpty else { return }
        var walk = rumors.walk(examinedMax: 12)
        while let slot = rumors.next(&walk) {
            if slot != first {
                let text = textFor(slot, isBrief: walk.tellings < Self.briefTellings)
                guard writer.count + text.count <= room else {
                    rumors.pass(&walk)
                    continue
                }
                writer.put(text)
            }
            rumors.accept(slot, &walk)
        }
        rumors.end(walk, transmits: settings.transmits(members: memberCount))
        if rumors.isEmpty {
            texts = Pages(absent: [])
            briefTexts = Pages(absent: [])
        }
    }

    /// Decrees go before everything else, and leave half of the datagram to the news of members.
    private mutating func appendDecrees(into writer: inout ByteWriter) {
        var walk = decreeRumors.walk(examinedMax: 8)
        while let index = decreeRumors.next(&walk) {
            let decree = decrees[index]
            guard writer.count + 1 + decree.encodedBytes <= settings.bodyBytes / 2 else {
                decreeRumors.pass(&walk)
                continue
            }
            Codec.encode(.decree(decree), into: &writer)
            decreeRumors.accept(index, &walk)
        }
        decreeRumors.end(walk, transmits: settings.transmits(members: memberCount))
    }

    /// Tellings of a suspicion that carry its heaviest accusation only. Everybody's wait begins with the first that he
    /// hears, and the rest of the evidence has that whole wait to arrive; so when many die at once, a third of the
    /// bytes spreads what is urgent.
    static var briefTellings: Int { 3 }

    /// Queues the news of a member; the text is written when it is first told.
    mutating func spreadWord(_ slot: Int, tellings: Int = 0) {
        texts[slot] = []
        briefTexts[slot] = []
        rumors.add(slot, tellings: tellings)
    }

    /// The newest news of a member as bytes, kept because the same news goes out a dozen times and more.
    private mutating func textFor(_ slot: Int, isBrief: Bool) -> [UInt8] {
        let known = isBrief ? briefTexts[slot] : texts[slot]
        if !known.isEmpty { return known }
        let record = roster.record(slot)
        var writer = ByteWriter(capacity: 320)
        if roster.status(slot) != .alive, let suspicion = cases[slot] {
            let evidence = Array(bundle(suspicion).prefix(isBrief ? 1 : Codec.accusationsMax))
            let rumor = Rumor.suspicion(target: record.id.handle, version: record.version, evidence)
            Codec.encode(rumor, into: &writer)
        } else {
            Codec.encode(.record(record), into: &writer)
        }
        if isBrief { briefTexts[slot] = writer.bytes } else { texts[slot] = writer.bytes }
        return writer.bytes
    }

    /// The heaviest accusations that together make a full case: more would be bytes without effect.
    private func bundle(_ suspicion: Suspicion) -> [Accusation] {
        let sorted = suspicion.accusations.sorted {
            $0.weight != $1.weight ? $0.weight > $1.weight : $0.accuser < $1.accuser
        }
        var chosen: [Accusation] = []
        var phi = 0.0
        for accusation in sorted {
            if chosen.count >= 3, phi >= settings.deadPhi, roster.zoneCount < 2 { break }
            chosen.append(accusation)
            phi += accusation.phi
        }
        return chosen
    }

    // MARK: The gossip tick

    /// Starts the tick when there is something to tell; it stops by itself.
    mutating func startGossip() {
        guard !isGossiping, hasTalk else { return }
        isGossiping = true
        deadlines.add(.gossip, at: now + random.spread(settings.gossipMicros))
    }

    private var hasTalk: Bool {
        if departing { return !hasDeparted }
        guard memberCount > 1 || gone.count > 0 else { return false }
        return !rumors.isEmpty || !decreeRumors.isEmpty || !contacts.isEmpty || (now < reunionUntil && gone.count > 0)
    }

    mutating func gossip(into outbox: inout [Directive]) {
        isGossiping = hasTalk
        guard isGossiping else { return }
        deadlines.add(.gossip, at: now + settings.gossipMicros)
        if !rumors.isEmpty || !decreeRumors.isEmpty {
            var told: [Int] = []
            for _ in 0..<settings.fanout {
                guard let slot = pickPresent(), !told.contains(slot) else { continue }
                told.append(slot)
                send(.gossip(sight), to: slot, first: nil, into: &outbox)
                if rumors.isEmpty, decreeRumors.isEmpty { break }
            }
        }
        reunite(into: &outbox)
        let hasTold = rumors.isEmpty && decreeRumors.isEmpty
        if departing, !hasDeparted, hasTold || otherCount == 0 || now >= departBy {
            hasDeparted = true
            outbox.append(.event(.departed))
        }
    }

    /// A random present member other than this node.
    mutating func pickPresent() -> Int? {
        guard otherCount > 0 else { return nil }
        for _ in 0..<64 {
            let slot = random.below(roster.slotCount)
            if slot != own, roster.isPresent(slot) { return slot }
        }
        return nil
    }

    // MARK: Receiving

    mutating func hear(
        _ message: Message,
        rumors reader: ByteReader,
        from slot: Int,
        into outbox: inout [Directive]
    ) {
        switch message {
        case .ping(let nonce, let sight, let belief):
            hearRumors(reader, into: &outbox)
            // The news may have been that the sender is out.
            guard roster.status(slot) != .expelled else { return }
            let mustTellSelf = hearBelief(belief, into: &outbox)
            // Whoever is held dead or suspect hears so in the answer, and can refute at once.
            let isDoubted = roster.status(slot) != .alive && cases[slot] != nil
            send(
                .ack(nonce: nonce, self.sight),
                to: slot,
                first: mustTellSelf ? own : isDoubted ? slot : nil,
                into: &outbox
            )
            if mustTellSelf, isDoubted { sendObituary(of: slot, into: &outbox) }
            hearSight(sight, from: slot, into: &outbox)
        case .ack(let nonce, let sight):
            hearRumors(reader, into: &outbox)
            hearAck(nonce: nonce, from: slot, byStream: false)
            hearSight(sight, from: slot, into: &outbox)
        case .ask(let nonce, let target):
            takeDuty(nonce: nonce, target: target, from: slot, into: &outbox)
        case .relayPing(let nonce, let asker, let askerNonce):
            answerRelay(nonce: nonce, asker: asker, askerNonce: askerNonce, from: slot, into: &outbox)
        case .relayAck(let nonce, let token):
            hearRelayAck(nonce: nonce, token: token, from: slot, into: &outbox)
        case .vouch(let nonce, let token):
            hearVouch(nonce: nonce, token: token, from: slot)
        case .nack(let nonce, let version, let accusation):
            hearNack(nonce: nonce, version: version, accusation, from: slot)
        case .gossip(let sight):
            hearRumors(reader, into: &outbox)
            hearSight(sight, from: slot, into: &outbox)
        }
    }

    private mutating func hearRumors(_ start: ByteReader, into outbox: inout [Directive]) {
        var reader = start
        while reader.remaining > 0 {
            // Most rumors are old news; they are passed over without reading the rest of them.
            if let peek = Codec.peekRumor(reader), let slot = roster.slot(of: peek.handle),
                isOldNews(slot, peek.isRecord, peek.version) || (!peek.isRecord && holdsAll(of: reader, slot))
            {
                Codec.skipRumor(&reader)
                continue
            }
            switch Codec.decodeRumor(&reader) {
            case .record(let record): learn(record, into: &outbox)
            case .suspicion(let target, let version, let accusations):
                hearSuspicion(of: target, version: version, accusations, into: &outbox)
            case .decree(let decree): hearDecree(decree, into: &outbox)
            case nil: return
            }
        }
    }

    private func isOldNews(_ slot: Int, _ isRecord: Bool, _ version: Version) -> Bool {
        let held = roster.record(slot).version
        if isRecord { return slot == own ? version < held : version <= held }
        return version != held || !roster.status(slot).isPresent
    }

    /// Whether a suspicion holds no accusation that this node does not know, at the version that it holds.
    private func holdsAll(of rumor: ByteReader, _ slot: Int) -> Bool {
        guard slot != own, let suspicion = cases[slot] else { return false }
        return Codec.accusationsAreKnown(rumor) { suspicion.weight(of: $0) }
    }

    /// Tells a member directly what is held against it.
    mutating func sendObituary(of slot: Int, into outbox: inout [Directive]) {
        send(.gossip(sight), to: slot, first: slot, into: &outbox)
    }
}
