extension Membership {
    // MARK: Records of others

    /// Takes a record, if it is newer than what is held and signed by its subject. True when anything changed.
    @discardableResult
    mutating func learn(_ claimed: Record, into outbox: inout [Directive]) -> Bool {
        guard decrees.outlaws(claimed.id.handle) == nil else {
            counters.outcasts += 1
            return false
        }
        guard let slot = roster.slot(of: claimed.id.handle) else { return meet(claimed, into: &outbox) }
        let held = roster.record(slot)
        guard held.version < claimed.version else {
            // Another record of this very version of this node comes from a life whose generation was lost.
            guard slot == own, held.version == claimed.version, held.signature != claimed.signature,
                let record = proved(claimed)
            else { return false }
            reclaim(record, into: &outbox)
            return true
        }
        guard let record = proved(claimed), record.id == held.id, record.key == held.key else {
            counters.forged += 1
            isFrameForged = true
            return false
        }
        if slot == own {
            reclaim(record, into: &outbox)
            return true
        }
        let from = roster.status(slot)
        // A refutation is counted by how far the incarnation went: a missed one counts too.
        let isSameLife = held.version.generation == record.version.generation
        if record.flags.contains(.refuting) {
            let times = isSameLife ? Int(record.version.incarnation - held.version.incarnation) : 1
            damping.refuted(slot, times: times, now: now, loss: lossEstimate, settings: settings)
        }
        if from == .suspect, isSameLife, record.flags.contains(.refuting), let suspicion = cases[slot] {
            blame(suspicion.accusations)
        }
        cases[slot] = nil
        silences.end(slot)
        let to: Status = record.isLeaving ? .left : .alive
        roster.set(slot, record: record, status: to)
        if from.isPresent != to.isPresent { acquaintance.note(slot, isPresent: to.isPresent) }
        spreadWord(slot)
        recentRecords += 1
        if to == .left {
            if from.isPresent {
                bury(slot, as: .left, into: &outbox)
            } else {
                gone.add(slot, since: now)
                noteChange(slot, from: from, into: &outbox)
            }
            return true
        }
        if !from.isPresent {
            gone.remove(slot)
            probes.add(slot, random: &random)
            if from == .dead {
                counters.returns += 1
                damping.returned(slot, now: now, settings: settings)
                // If one can come back, a partition may have healed: the other dead are asked at once.
                reunionUntil = now + settings.reunionMicros
            }
        }
        noteChange(slot, from: from, into: &outbox)
        judgeUsable(slot, into: &outbox)
        want(slot)
        return true
    }

    /// A member that was not known.
    private mutating func meet(_ claimed: Record, into outbox: inout [Directive]) -> Bool {
        guard roster.count < settings.membersMax else {
            counters.overLimit += 1
            return false
        }
        guard let record = proved(claimed) else {
            counters.forged += 1
            isFrameForged = true
            return false
        }
        let status: Status = record.isLeaving ? .left : .alive
        let slot = roster.add(record, status: status)
        acquaintance.meet(slot, isPresent: status.isPresent, now: now)
        if !status.isPresent { isUnusable[slot] = true }
        if status.isPresent {
            strangerUntil[slot] = now + max(5_000_000, 2 * settings.spreadMicros(members: memberCount))
            probes.add(slot, random: &random)
        } else {
            gone.add(slot, since: now)
        }
        spreadWord(slot)
        recentRecords += 1
        noteChange(slot, from: nil, into: &outbox)
        if status.isPresent { outbox.append(.event(.usable(record.id, true))) }
        want(slot)
        return true
    }

    /// The record with its full name, when the key gives the claimed handle and signed all of it.
    private func proved(_ claimed: Record) -> Record? {
        var record = claimed
        record.id = signer.name(of: claimed.key)
        guard record.id.handle == claimed.id.handle,
            signer.isValid(record.signature, of: record.signedBytes, by: record.key)
        else { return nil }
        return record
    }

    // MARK: This node's own record

    /// Signs a new version of this node and queues it before everything else.
    mutating func renewSelf(into outbox: inout [Directive], change: (inout Record) -> Void) {
        // An outcast has nothing to say of itself any more.
        guard roster.status(own) != .expelled else { return }
        var record = roster.record(own)
        record.flags.remove(.refuting)
        if record.version.incarnation == .max {
            record.version = Version(generation: record.version.generation + 1, incarnation: 0)
            outbox.append(.persist(generation: record.version.generation))
        } else {
            record.version.incarnation += 1
        }
        change(&record)
        record.signature = signer.sign(record.signedBytes)
        roster.set(own, record: record, status: .alive)
        lastChange = now
        spreadWord(own)
    }

    /// Answers an accusation: a newer version makes every word against the older one void.
    mutating func refute(into outbox: inout [Directive]) {
        counters.refutations += 1
        refutedAt = now
        renewSelf(into: &outbox) { $0.flags.insert(.refuting) }
        outbox.append(.event(.refuted(roster.record(own).version)))
    }

    /// A newer record of this node, signed by itself, comes from a life whose generation was lost: it starts a life
    /// above that one.
    private mutating func reclaim(_ record: Record, into outbox: inout [Directive]) {
        guard record.version.generation < Version.generationMax else { return }
        let generation = record.version.generation + 1
        outbox.append(.persist(generation: generation))
        renewSelf(into: &outbox) {
            $0.version = Version(generation: generation, incarnation: 0)
            $0.metaVersion = max($0.metaVersion, record.metaVersion &+ 1)
        }
        describedVersions[own] = roster.record(own).metaVersion
        outbox.append(.event(.refuted(roster.record(own).version)))
    }

    /// What somebody who asks this node believes of it. A belief in its death needs no evidence: to answer it costs one
    /// incarnation and spares the mesh a mistake. A version that was just signed cannot be dead anywhere yet, and a
    /// claim that it is gets no answer; else one liar could drive the versions up at will.
    mutating func hearBelief(_ belief: Belief, into outbox: inout [Directive]) -> Bool {
        let version = roster.record(own).version
        guard !departing else { return belief.version < version }
        if belief.version == version, !belief.status.isPresent {
            guard !isRecent(answeredAt), !isRecent(refutedAt) else {
                counters.discounted += 1
                return false
            }
            answeredAt = now
            renewSelf(into: &outbox) { _ in }
            counters.refutations += 1
            outbox.append(.event(.refuted(roster.record(own).version)))
            return true
        }
        return belief.version < version
    }

    /// Within the shortest time in which a suspicion becomes a death.
    func isRecent(_ time: Micros?) -> Bool { time.map { now - $0 < minimumMicros } ?? false }

    // MARK: Descriptions

    mutating func want(_ slot: Int) {
        let record = roster.record(slot)
        guard record.metaVersion > describedVersions[slot] else { return }
        guard wanted.count < settings.membersMax, !wanted.contains(where: { $0.slot == slot }) else { return }
        wanted.append((slot, 0))
    }

    /// Asks for some of the descriptions that are still missing: first anybody, then the subject. Who is gone is
    /// described by those who knew it.
    mutating func fetchDescriptions(into outbox: inout [Directive]) {
        for _ in 0..<min(wanted.count, 16) {
            let (slot, tries) = wanted.removeFirst()
            guard roster.record(slot).metaVersion > describedVersions[slot] else { continue }
            if let from = describer(of: slot, tries: tries) {
                let frame = Frame.askDescription(of: roster.record(slot).id.handle)
                let peer = roster.record(from)
                outbox.append(.stream(frame.encoded(), to: peer.id, at: peer.endpoint))
            }
            if tries < 30 { wanted.append((slot, tries + 1)) }
        }
    }

    /// Who is asked to describe the member at `slot`.
    private mutating func describer(of slot: Int, tries: Int) -> Int? {
        guard roster.isPresent(slot) else { return pickPresent() }
        return tries % 3 == 2 || memberCount < 4 ? slot : pickPresent() ?? slot
    }

    mutating func hearDescription(
        of handle: UInt64,
        metaVersion: UInt32,
        _ bytes: [UInt8],
        into outbox: inout [Directive]
    ) {
        guard let slot = roster.slot(of: handle), slot != own, bytes.count <= settings.metaBytes else { return }
        let record = roster.record(slot)
        guard record.metaVersion == metaVersion, metaVersion > describedVersions[slot] else { return }
        guard signer.digest(of: bytes) == record.metaHash else {
            counters.forged += 1
            return
        }
        descriptions[slot] = bytes
        describedVersions[slot] = metaVersion
        outbox.append(.event(.described(record.id, metaVersion: metaVersion, bytes)))
    }
}
