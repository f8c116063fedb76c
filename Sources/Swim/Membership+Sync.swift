extension Membership {
    // MARK: Comparing views

    /// Two digests that differ after gossip has come to rest differ for good, and the streams settle it. While there
    /// is more to tell than gossip can carry, streams carry it at once.
    mutating func hearSight(_ theirs: Sight, from slot: Int, into outbox: inout [Directive]) {
        paths[slot].health = theirs.health
        paths[slot].viewDigest = theirs.digest
        paths[slot].heardAt = now
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
                isFrameForged = true
                return
            }
            answerOffer(sums, record, to: sender, into: &outbox)
        case .reply(let buckets, let decrees, let entries):
            // A reply is believed from a member, or from anybody while this node looks for its first.
            guard roster.slot(of: sender.handle) != nil || !seeds.isEmpty else {
                counters.unknownSender += 1
                return
            }
            if !seeds.isEmpty { youngUntil = now + 2 * settings.spreadMicros(members: max(64, entries.count)) }
            seeds = []
            let answer = newer(than: entries, in: buckets)
            let missing = self.decrees.inBuckets(Self.marks(buckets), without: decrees)
            for decree in decrees where !isFrameForged { hearDecree(decree, into: &outbox) }
            guard !isFrameForged else { return }
            merge(entries, into: &outbox)
            tell(answer, missing, to: sender, into: &outbox)
        case .tell(let decrees, let entries):
            guard roster.slot(of: sender.handle) != nil else {
                counters.unknownSender += 1
                return
            }
            for decree in decrees where !isFrameForged { hearDecree(decree, into: &outbox) }
            guard !isFrameForged else { return }
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
        // Asked before the record is learned: a newer version of a known member is news, and no newcomer.
        let isNewcomer = roster.slot(of: sender.handle) == nil
        learn(record, into: &outbox)
        guard !isFrameForged else { return }
        guard let slot = roster.slot(of: sender.handle), roster.status(slot) != .expelled else { return }
        guard isNewcomer || syncAnswerBytes < settings.syncAnswerBytesMax else {
            counters.overLimit += 1
            return
        }
        let peer = roster.record(slot)
        var differs = [Bool](repeating: false, count: Frame.bucketCount)
        for bucket in 0..<Frame.bucketCount { differs[bucket] = sums[bucket] != roster.sums[bucket] }
        var slotsOf = [[Int]](repeating: [], count: Frame.bucketCount)
        for slot in 0..<roster.slotCount where isTold(slot) {
            let bucket = Roster.bucket(of: roster.record(slot).id.handle)
            if differs[bucket] { slotsOf[bucket].append(slot) }
        }
        var buckets: [UInt8] = []
        var entries: [Frame.Entry] = []
        var orders: [Decree] = []
        var bytes = 0
        for bucket in 0..<Frame.bucketCount where differs[bucket] {
            buckets.append(UInt8(bucket))
            if decrees.count > 0 {
                let here = decrees.inBuckets(Self.marks([UInt8(bucket)]))
                orders += here
                bytes += here.count * Decree.encodedBytesMax
            }
            for slot in slotsOf[bucket] {
                entries.append(entry(slot))
                let size = 160 + entries[entries.count - 1].accusations.count * Accusation.encodedBytes
                bytes += size
                syncAnswerBytes += size
            }
            if bytes > settings.frameBytes / 2 {
                let frame = Frame.reply(buckets: buckets, decrees: orders, entries: entries)
                outbox.append(.stream(frame.encoded(), to: peer.id, at: peer.endpoint))
                buckets = []
                orders = []
                entries = []
                bytes = 0
            }
        }
        if !buckets.isEmpty || differs.allSatisfy({ !$0 }) {
            let frame = Frame.reply(buckets: buckets, decrees: orders, entries: entries)
            outbox.append(.stream(frame.encoded(), to: peer.id, at: peer.endpoint))
        }
    }

    /// Which of the buckets are named.
    private static func marks(_ buckets: [UInt8]) -> [Bool] {
        var marks = [Bool](repeating: false, count: Frame.bucketCount)
        for bucket in buckets { marks[Int(bucket)] = true }
        return marks
    }

    /// Whether a member is part of syncs: old tombstones and outcasts are not.
    private func isTold(_ slot: Int) -> Bool {
        roster.isTaken(slot) && !roster.hasFaded(slot) && roster.status(slot) != .expelled
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
        let isAsked = Self.marks(buckets)
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
        for slot in 0..<roster.slotCount where isTold(slot) {
            guard isAsked[Roster.bucket(of: roster.record(slot).id.handle)], isKnown[slot] != true else { continue }
            slots.append(slot)
        }
        return slots
    }

    private mutating func tell(
        _ slots: [Int],
        _ orders: [Decree],
        to sender: NodeID,
        into outbox: inout [Directive]
    ) {
        // The frame may have brought the news that its sender is out.
        guard let at = roster.slot(of: sender.handle), roster.status(at) != .expelled else { return }
        let peer = roster.record(at)
        var told: [Decree] = []
        var entries: [Frame.Entry] = []
        var bytes = 0
        func flush() {
            guard !told.isEmpty || !entries.isEmpty else { return }
            let frame = Frame.tell(decrees: told, entries: entries)
            outbox.append(.stream(frame.encoded(), to: peer.id, at: peer.endpoint))
            told = []
            entries = []
            bytes = 0
        }
        for decree in orders {
            told.append(decree)
            bytes += Decree.encodedBytesMax
            if bytes > settings.frameBytes / 2 { flush() }
        }
        for slot in slots where isTold(slot) {
            entries.append(entry(slot))
            bytes += 160 + entries[entries.count - 1].accusations.count * Accusation.encodedBytes
            if bytes > settings.frameBytes / 2 { flush() }
        }
        flush()
    }
}
