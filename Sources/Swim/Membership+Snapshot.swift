extension Membership {
    /// What is worth keeping over a restart. A suspicion is an opinion of the hour and is not kept.
    package func snapshot() -> Snapshot {
        var entries: [Snapshot.Entry] = []
        entries.reserveCapacity(roster.count)
        for slot in 0..<roster.slotCount where roster.isTaken(slot) && slot != own {
            let status = roster.status(slot)
            entries.append(
                Snapshot.Entry(
                    record: roster.record(slot),
                    status: status == .suspect ? .alive : status,
                    ageMicros: gone.since(slot).map { Self.age(now, $0) } ?? 0,
                    knownMicros: Self.age(now, acquaintance.since(slot)),
                    accusations: status == .dead ? cases[slot]?.accusations ?? [] : []
                )
            )
        }
        return Snapshot(own: roster.record(own), decrees: decrees.all, entries: entries)
    }

    /// The same, as `Snapshot` reads it back.
    package func snapshotBytes() -> [UInt8] { snapshot().encoded() }

    private static func age(_ now: Micros, _ since: Micros) -> UInt64 { UInt64(max(0, now - since)) }

    /// Brings back what was kept, when the machine begins. Nothing in a file is believed unsigned; and nobody is alive
    /// because a file says so: those who were are asked like all others.
    mutating func restore(_ kept: [Decree], _ remembered: Snapshot?) {
        for decree in kept + (remembered?.decrees ?? []) {
            guard !decrees.contains(decree), signer.isAdmin(decree.signature, of: decree.signedBytes) else { continue }
            if let (_, term) = decrees.add(decree) { roster.add(decreeTerm: term) }
        }
        var graves: [(slot: Int, entry: Snapshot.Entry)] = []
        for entry in remembered?.entries ?? [] {
            guard let slot = readmit(entry) else { continue }
            if entry.status == .dead { graves.append((slot, entry)) }
        }
        for (slot, entry) in graves { bringEvidence(slot, entry) }
        for slot in 0..<roster.slotCount where roster.isTaken(slot) {
            guard decrees.outlaws(roster.record(slot).id.handle) != nil else { continue }
            clear(slot)
            if roster.isPresent(slot) { acquaintance.note(slot, isPresent: false) }
            roster.set(slot, status: .expelled)
            isUnusable[slot] = true
            if slot != own { want(slot) }
        }
        if roster.status(own) == .expelled {
            departing = true
            hasDeparted = true
        } else if let remembered, !remembered.entries.isEmpty {
            // The others hold an older life of this node; its new one is news, and their news is wanted at once.
            spreadWord(own)
            youngUntil = now + 2 * settings.spreadMicros(members: memberCount)
            startGossip()
        }
    }

    /// The slot of a remembered member, or nothing when it is not to be believed.
    private mutating func readmit(_ entry: Snapshot.Entry) -> Int? {
        let record = entry.record
        guard roster.slot(of: record.id.handle) == nil, roster.count < settings.membersMax,
            entry.ageMicros < UInt64(settings.deadMicros), signer.name(of: record.key) == record.id,
            signer.isValid(record.signature, of: record.signedBytes, by: record.key)
        else { return nil }
        var status = entry.status
        if status == .suspect || status == .expelled { status = .alive }
        if record.isLeaving { status = .left }
        let slot = roster.add(record, status: status)
        acquaintance.remember(
            slot,
            since: now - Micros(min(entry.knownMicros, 1 << 60)),
            isPresent: status.isPresent,
            now: now,
            age: settings.identityMicros
        )
        changedAt[slot] = now - Micros(entry.ageMicros)
        if status.isPresent {
            probes.add(slot, random: &random)
        } else {
            isUnusable[slot] = true
            gone.add(slot, since: now - Micros(entry.ageMicros))
            if entry.ageMicros > UInt64(settings.deadMicros / 2) { roster.fade(slot) }
        }
        want(slot)
        return slot
    }

    private mutating func bringEvidence(_ slot: Int, _ entry: Snapshot.Entry) {
        let record = entry.record
        var suspicion = Suspicion(version: record.version, since: now - Micros(entry.ageMicros))
        for accusation in entry.accusations
        where isSound(accusation, target: record.id.handle, version: record.version) {
            _ = join(accusation, into: &suspicion)
        }
        suspicion.verdictAt = suspicion.since
        if !suspicion.accusations.isEmpty { cases[slot] = suspicion }
    }
}
