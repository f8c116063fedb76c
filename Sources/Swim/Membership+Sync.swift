extension Membership {
    // MARK: Comparing views

    /// Two digests that differ after gossip has come to rest differ for good, and the streams settle it. While there
    /// is more to tell than gossip can carry, streams carry it at once.
    mutating func hearSight(_ theirs: Sight, from slot: Int, into outbox: inout [Directive]) {
        paths[slot].health = theirs.health
        guard theirs.digest != roster.digest else {
            lastAgreement = now
            fruitlessSyncs = 0
            return
        }
        guard now >= syncFrom, roster.isPresent(slot), !departing else { return }
        let isSettled = isQuiet && theirs.flags.contains(.quiet)
        let isLate = now - lastAgreement > settings.recontactMicros && now - lastChange > settings.periodMicros
        // Who has just joined catches up with those who join beside it.
        let isYoung = now < youngUntil
        guard isSettled || isLate || isYoung || isFlooded || theirs.flags.contains(.flooded) else { return }
        // A flood of joins is met at full speed; a difference that syncs do not settle is met ever more slowly.
        let doublings = isFlooded || theirs.flags.contains(.flooded) ? 0 : min(fruitlessSyncs, 5)
        syncFrom = now + settings.syncMicros << Micros(doublings)
        fruitlessSyncs += 1
        counters.syncs += 1
        let peer = roster.record(slot)
        let offer = Frame.offer(sums: roster.sums, own: roster.record(own))
        outbox.append(.stream(offer.encoded(), to: peer.id, at: peer.endpoint))
    }

    mutating func greetSeeds(into outbox: inout [Directive]) {
        let offer = Frame.offer(sums: roster.sums, own: roster.record(own)).encoded()
        let here = roster.record(own).endpoint
        for seed in seeds where seed != here { outbox.append(.greet(offer, at: seed)) }
    }

    // MARK: Frames

    mutating func hear(_ frame: Frame, from sender: NodeID, into outbox: inout [Directive]) {
        switch frame {
        case .offer(let sums, let record):
            guard record.id.handle == sender.handle else {
                counters.forged += 1
                return
            }
            answerOffer(sums, record, to: sender, into: &outbox)
        case .reply(let buckets, let entries):
            // A reply is believed from a member, or from anybody while this node looks for its first.
            guard roster.slot(of: sender.handle) != nil || !seeds.isEmpty else {
                counters.unknownSender += 1
                return
            }
            if !seeds.isEmpty { youngUntil = now + 2 * settings.spreadMicros(members: max(64, entries.count)) }
            seeds = []
            let answer = newer(than: entries, in: buckets)
            merge(entries, into: &outbox)
            tell(answer, to: sender, into: &outbox)
        case .tell(let entries):
            guard roster.slot(of: sender.handle) != nil else {
                counters.unknownSender += 1
                return
            }
            merge(entries, into: &outbox)
        case .ping(let nonce):
            guard let slot = roster.slot(of: sender.handle) else { return }
            let peer = roster.record(slot)
            outbox.append(.stream(Frame.ack(nonce: nonce).encoded(), to: peer.id, at: peer.endpoint))
        case .ack(let nonce):
            guard let slot = roster.slot(of: sender.handle) else { return }
            hearAck(nonce: nonce, from: slot, byStream: true)
        case .askDescription(let handle):
            guard let slot = roster.slot(of: handle), let asking = roster.slot(of: sender.handle) else { return }
            guard describedVersions[slot] > 0 else { return }
            let peer = roster.record(asking)
            let answer = Frame.description(
                of: handle,
                metaVersion: describedVersions[slot],
                descriptions[slot]
            )
            outbox.append(.stream(answer.encoded(), to: peer.id, at: peer.endpoint))
        case .description(let handle, let metaVersion, let bytes):
            hearDescription(of: handle, metaVersion: metaVersion, bytes, into: &outbox)
        }
    }

    private mutating func answerOffer(
        _ sums: [UInt64],
        _ record: Record,
        to sender: NodeID,
        into outbox: inout [Directive]
    ) {
        if now - syncAnswersFrom >= settings.syncMicros {
            syncAnswersFrom = now
            syncAnswerBytes = 0
        }
        let isNewcomer = learn(record, into: &outbox)
        guard let slot = roster.slot(of: sender.handle) else { return }
        guard isNewcomer || syncAnswerBytes < settings.syncAnswerBytesMax else {
            counters.overLimit += 1
            return
        }
        let peer = roster.record(slot)
        var differs = [Bool](repeating: false, count: Frame.bucketCount)
        for bucket in 0..<Frame.bucketCount { differs[bucket] = sums[bucket] != roster.sums[bucket] }
        var slotsOf = [[Int]](repeating: [], count: Frame.bucketCount)
        for slot in 0..<roster.slotCount where roster.isTaken(slot) && !roster.hasFaded(slot) {
            let bucket = Roster.bucket(of: roster.record(slot).id.handle)
            if differs[bucket] { slotsOf[bucket].append(slot) }
        }
        var buckets: [UInt8] = []
        var entries: [Frame.Entry] = []
        var bytes = 0
        for bucket in 0..<Frame.bucketCount where differs[bucket] {
            buckets.append(UInt8(bucket))
            for slot in slotsOf[bucket] {
                entries.append(entry(slot))
                let size = 160 + entries[entries.count - 1].accusations.count * Accusation.encodedBytes
                bytes += size
                syncAnswerBytes += size
            }
            if bytes > settings.frameBytes / 2 {
                let frame = Frame.reply(buckets: buckets, entries: entries)
                outbox.append(.stream(frame.encoded(), to: peer.id, at: peer.endpoint))
                buckets = []
                entries = []
                bytes = 0
            }
        }
        if !buckets.isEmpty || differs.allSatisfy({ !$0 }) {
            let frame = Frame.reply(buckets: buckets, entries: entries)
            outbox.append(.stream(frame.encoded(), to: peer.id, at: peer.endpoint))
        }
    }

    private func entry(_ slot: Int) -> Frame.Entry {
        let status = roster.status(slot)
        let age = gone.since(slot).map { UInt64(max(0, now - $0)) } ?? 0
        let evidence = status == .dead ? cases[slot]?.accusations ?? [] : []
        return Frame.Entry(
            record: roster.record(slot),
            status: status == .suspect ? .alive : status,
            ageMicros: age,
            accusations: evidence
        )
    }

    /// What this node holds in those buckets that the other lacks, or holds older.
    private func newer(than entries: [Frame.Entry], in buckets: [UInt8]) -> [Int] {
        var isAsked = [Bool](repeating: false, count: Frame.bucketCount)
        for bucket in buckets { isAsked[Int(bucket)] = true }
        var isKnown: [Int: Bool] = [:]
        for entry in entries {
            guard let slot = roster.slot(of: entry.record.id.handle) else { continue }
            let held = roster.record(slot).version
            let isGone = !roster.status(slot).isPresent
            // A death that only this node knows of is told even at an equal version.
            isKnown[slot] =
                held < entry.record.version
                || (held == entry.record.version && (!isGone || !entry.status.isPresent))
        }
        var slots: [Int] = []
        for slot in 0..<roster.slotCount where roster.isTaken(slot) && !roster.hasFaded(slot) {
            guard isAsked[Roster.bucket(of: roster.record(slot).id.handle)], isKnown[slot] != true else { continue }
            slots.append(slot)
        }
        return slots
    }

    private mutating func tell(_ slots: [Int], to sender: NodeID, into outbox: inout [Directive]) {
        guard let at = roster.slot(of: sender.handle), !slots.isEmpty else { return }
        let peer = roster.record(at)
        var entries: [Frame.Entry] = []
        var bytes = 0
        for slot in slots {
            entries.append(entry(slot))
            bytes += 160 + entries[entries.count - 1].accusations.count * Accusation.encodedBytes
            if bytes > settings.frameBytes / 2 {
                outbox.append(.stream(Frame.tell(entries: entries).encoded(), to: peer.id, at: peer.endpoint))
                entries = []
                bytes = 0
            }
        }
        if !entries.isEmpty {
            outbox.append(.stream(Frame.tell(entries: entries).encoded(), to: peer.id, at: peer.endpoint))
        }
    }

    // MARK: Merging

    private mutating func merge(_ entries: [Frame.Entry], into outbox: inout [Directive]) {
        for entry in entries where entry.status.isPresent || isUnknownGrave(entry) {
            learn(entry.record, into: &outbox)
        }
        for entry in entries where !entry.status.isPresent { mergeDeath(entry, into: &outbox) }
    }

    /// A grave that is new here is learned first as a member, and then buried if the evidence holds; one that is too
    /// old is left to be forgotten.
    private func isUnknownGrave(_ entry: Frame.Entry) -> Bool {
        entry.ageMicros < UInt64(settings.deadMicros / 2)
    }

    private mutating func mergeDeath(_ entry: Frame.Entry, into outbox: inout [Directive]) {
        let handle = entry.record.id.handle
        guard entry.status == .dead, let slot = roster.slot(of: handle), roster.isPresent(slot) else { return }
        let version = entry.record.version
        guard roster.record(slot).version == version else { return }
        if slot == own {
            _ = hearBelief(Belief(version: version, status: .dead), into: &outbox)
            return
        }
        if changedAt[slot] == now, roster.status(slot) == .alive, isFresh(slot) {
            // Met in this very frame: the tombstone is taken over with the evidence that came along.
            let sound = entry.accusations.filter { isSound($0, target: handle, version: version) }
            guard !sound.isEmpty else { return }
            var suspicion = Suspicion(version: version, since: now)
            for accusation in sound {
                let zone = roster.slot(of: accusation.accuser).map { roster.record($0).zone } ?? 0
                _ = suspicion.join(accusation, zone: zone, settings: settings)
            }
            suspicion.verdictAt = now
            cases[slot] = suspicion
            rumors.remove(slot)
            bury(slot, as: .dead, into: &outbox)
            return
        }
        if roster.status(slot) == .suspect {
            hearSuspicion(of: handle, version: version, entry.accusations, into: &outbox)
            return
        }
        // This node holds it alive. It is asked first, with the claim; if it has not refuted some seconds later, the
        // evidence is heard like any other.
        let asked = contactedAt[slot]
        if asked == .min || now - asked > 300_000_000 {
            contactedAt[slot] = now
            if contacts.count < settings.membersMax { contacts.append(Contact(slot: slot, version: version)) }
        } else if now - asked > 10_000_000 {
            hearSuspicion(of: handle, version: version, entry.accusations, into: &outbox)
        }
    }

    /// Whether nothing was ever heard from a member that was met just now.
    private func isFresh(_ slot: Int) -> Bool { paths[slot].samples == 0 && cases[slot] == nil }

    // MARK: Housekeeping

    /// What one period brings besides its probe.
    mutating func keepHouse(into outbox: inout [Directive]) {
        recentRecords /= 2
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
            gone.remove(slot)
            rumors.remove(slot)
            damping.forget(slot)
            silences.end(slot)
            cases[slot] = nil
            isUnusable[slot] = false
            changedAt[slot] = 0
            contactedAt[slot] = .min
            paths[slot] = Path()
            descriptions[slot] = []
            describedVersions[slot] = 0
            contacts.removeAll { $0.slot == slot }
            wanted.removeAll { $0.slot == slot }
            urgent.removeAll { $0 == slot }
            roster.remove(slot)
            outbox.append(.event(.forgotten(id)))
        }
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
