extension Membership {
    // MARK: Housekeeping

    /// What one period brings besides its probe.
    mutating func keepHouse(into outbox: inout [Directive]) {
        recentRecords /= 2
        acquaintance.fade(to: now, age: settings.identityMicros)
        if !seeds.isEmpty { greetSeeds(into: &outbox) }
        if !wanted.isEmpty { fetchDescriptions(into: &outbox) }
        let forgetAfter = 2 * health.stretch(settings.periodMicros)
        inquiries.removeAll { $0.phase == .closed && now - $0.verdictAt > forgetAfter }
        if !damping.isEmpty {
            for slot in damping.fade(to: now, settings: settings) where roster.isTaken(slot) {
                judgeUsable(slot, into: &outbox)
            }
        }
        noteIsolation(into: &outbox)
        if now >= recontactAt {
            recontactAt = now + settings.recontactMicros
            forgetOldest(into: &outbox)
            if let slot = pickDead() { contact(slot, version: roster.record(slot).version, into: &outbox) }
        }
    }

    private mutating func noteIsolation(into outbox: inout [Directive]) {
        let isAlone = memberCount > 2 && loss.recentShare > 0.9
        guard isAlone != isIsolated else { return }
        isIsolated = isAlone
        outbox.append(.event(.isolated(isAlone)))
    }

    /// Tombstones leave the digests at half their life and the memory at its end.
    private mutating func forgetOldest(into outbox: inout [Directive]) {
        var over: [Int] = []
        for grave in gone.graves where now - grave.since > settings.deadMicros / 2 {
            if now - grave.since > settings.deadMicros { over.append(grave.slot) } else { roster.fade(grave.slot) }
        }
        for slot in over {
            let id = roster.record(slot).id
            clear(slot)
            descriptions[slot] = []
            describedVersions[slot] = 0
            damping.forget(slot)
            isUnusable[slot] = false
            changedAt[slot] = 0
            contactedAt[slot] = .min
            acquaintance.forget(slot)
            credit.forget(slot)
            roster.remove(slot)
            outbox.append(.event(.forgotten(id)))
        }
    }

    /// Everything that was going on about a member ends: questions, duties, rumors, the case, the grave. What it is,
    /// and the marks that outlast that, are the caller's.
    mutating func clear(_ slot: Int) {
        probes.remove(slot)
        silences.end(slot)
        inquiries.removeAll { $0.slot == slot }
        duties.removeAll { $0.asker == slot || $0.target == slot }
        urgent.removeAll { $0 == slot }
        contacts.removeAll { $0.slot == slot }
        wanted.removeAll { $0.slot == slot }
        rumors.remove(slot)
        texts[slot] = []
        briefTexts[slot] = []
        gone.remove(slot)
        cases[slot] = nil
        paths[slot] = Path()
        strangerUntil[slot] = .min
    }

    private mutating func pickDead() -> Int? {
        guard gone.count > 0 else { return nil }
        for _ in 0..<16 {
            let slot = gone.graves[random.below(gone.count)].slot
            if roster.status(slot) == .dead { return slot }
        }
        return nil
    }

    /// Asks those who were called dead; during a reunion also those whom this node called dead.
    mutating func reunite(into outbox: inout [Directive]) {
        var left = settings.reunionPerTick
        while left > 0, !contacts.isEmpty {
            left -= 1
            let at = random.below(contacts.count)
            contacts.swapAt(at, contacts.count - 1)
            let next = contacts.removeLast()
            guard roster.isTaken(next.slot), roster.record(next.slot).version == next.version else { continue }
            contact(next.slot, version: next.version, into: &outbox)
        }
        guard now < reunionUntil, gone.count > 0 else { return }
        // Everybody does this at once, so each asks for his share: the dead hear about five questions a second
        // between them and the whole mesh for each of them, however many ask.
        let share = min(Double(left), Double(gone.count) / Double(max(1, memberCount)))
        var asks = Int(share)
        if random.unit() < share - Double(asks) { asks += 1 }
        for _ in 0..<asks {
            guard let slot = pickDead() else { return }
            contact(slot, version: roster.record(slot).version, into: &outbox)
        }
    }

    /// A question that tells its target that it is held dead, with its newest known record in case it lost its past.
    private mutating func contact(_ slot: Int, version: Version, into outbox: inout [Directive]) {
        var writer = ByteWriter(capacity: 256)
        let belief = Belief(version: version, status: .dead)
        Codec.encode(.ping(nonce: random.next(), sight, belief), into: &writer)
        Codec.encode(.record(roster.record(slot)), into: &writer)
        let peer = roster.record(slot)
        outbox.append(.send(writer.bytes, to: peer.id, at: peer.endpoint))
    }
}
