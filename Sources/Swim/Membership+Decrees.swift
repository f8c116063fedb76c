extension Membership {
    // MARK: Readers

    /// Every decree that this node knows, in the order of arrival.
    package var knownDecrees: [Decree] { decrees.all }

    /// The newest epoch of the mesh secret that any decree began; zero when none did.
    package var newestEpoch: UInt32 { decrees.newestEpoch }

    /// The decree that expelled a member.
    package func expulsion(of id: NodeID) -> Decree? { decrees.outlaws(id.handle) }

    // MARK: Decrees

    /// Takes a decree that the admin key signed, and tells everybody; one that is known changes nothing.
    @discardableResult
    mutating func hearDecree(_ decree: Decree, isCommanded: Bool = false, into outbox: inout [Directive]) -> Bool {
        guard !decrees.contains(decree) else { return false }
        guard signer.isAdmin(decree.signature, of: decree.signedBytes) else {
            counters.forged += 1
            isFrameForged = true
            return false
        }
        guard let (index, term) = decrees.add(decree) else {
            counters.overLimit += 1
            return false
        }
        roster.add(decreeTerm: term)
        decreeRumors.add(index)
        counters.decrees += 1
        lastChange = now
        outbox.append(.keep(decree))
        if let target = decree.target, let slot = roster.slot(of: target.handle), slot != own {
            // The event below makes the driver forget the member's keys, so this is the last word that reaches it.
            // Every node hears the decree, and a handful of them are enough to tell it.
            let chance = Self.farewells / Double(max(1, memberCount))
            if isCommanded || random.unit() < chance { sendNotice(decree, to: slot, into: &outbox) }
        }
        outbox.append(.event(.decreed(decree)))
        if let target = decree.target, let slot = roster.slot(of: target.handle) {
            expel(slot, by: decree, into: &outbox)
        }
        return true
    }

    /// How many nodes tell an expelled member so, on average.
    private static var farewells: Double { 8 }

    private mutating func sendNotice(_ decree: Decree, to slot: Int, into outbox: inout [Directive]) {
        contactedAt[slot] = now
        var writer = ByteWriter(capacity: 256)
        Codec.encode(.gossip(sight), into: &writer)
        Codec.encode(.decree(decree), into: &writer)
        let peer = roster.record(slot)
        outbox.append(.send(writer.bytes, to: peer.id, at: peer.endpoint))
    }

    /// Something came from one who is out: it is not even read. Now and then the sender is told why.
    mutating func refuseOutcast(_ slot: Int, into outbox: inout [Directive]) {
        counters.outcasts += 1
        let told = contactedAt[slot]
        guard told == .min || now - told >= settings.recontactMicros,
            let decree = decrees.outlaws(roster.record(slot).id.handle)
        else { return }
        sendNotice(decree, to: slot, into: &outbox)
    }

    // MARK: The end of a membership

    /// Nothing of the member counts from here on: not its life, not its versions, not its word against others.
    private mutating func expel(_ slot: Int, by decree: Decree, into outbox: inout [Directive]) {
        guard roster.status(slot) != .expelled else { return }
        let handle = roster.record(slot).id.handle
        clear(slot)
        change(slot, to: .expelled, into: &outbox)
        judgeUsable(slot, into: &outbox)
        if slot == own {
            leaveAsOutcast(decree, into: &outbox)
        } else {
            want(slot)
            dropTestimony(of: handle, into: &outbox)
        }
    }

    /// This node is the one that is out. It passes the decree on, since it may have heard it first, and falls silent.
    private mutating func leaveAsOutcast(_ decree: Decree, into outbox: inout [Directive]) {
        seeds = []
        departing = true
        departBy = now + 2 * settings.spreadMicros(members: memberCount) + settings.periodMicros
        hasConfessed = true
        outbox.append(.event(.expelled(decree)))
    }

    /// A node that was started although it is expelled says so once, and sets no deadline any more.
    mutating func confess(into outbox: inout [Directive]) {
        guard !hasConfessed, let decree = decrees.outlaws(roster.record(own).id.handle) else { return }
        hasConfessed = true
        outbox.append(.event(.expelled(decree)))
        outbox.append(.event(.departed))
    }

    /// Whether this node was expelled and has said its last word.
    var isSilenced: Bool { hasDeparted && roster.status(own) == .expelled }

    /// What a witness said is void: suspicions are weighed again without it, and the deaths that it helped to prove
    /// are put to the dead themselves.
    private mutating func dropTestimony(of witness: UInt64, into outbox: inout [Directive]) {
        for slot in 0..<roster.slotCount where roster.isTaken(slot) {
            guard var suspicion = cases[slot], suspicion.weight(of: witness) > 0 else { continue }
            if roster.status(slot) == .dead {
                let contact = Contact(slot: slot, version: roster.record(slot).version)
                if contacts.count < settings.membersMax { contacts.append(contact) }
                continue
            }
            guard roster.status(slot) == .suspect else { continue }
            suspicion.drop(witness)
            texts[slot] = []
            briefTexts[slot] = []
            if suspicion.accusations.isEmpty {
                cases[slot] = nil
                rumors.remove(slot)
                change(slot, to: .alive, into: &outbox)
            } else {
                suspicion.toldPhi = min(suspicion.toldPhi, evidence(suspicion))
                suspicion.deadline = .max
                cases[slot] = suspicion
                setVerdict(slot)
            }
        }
    }
}
