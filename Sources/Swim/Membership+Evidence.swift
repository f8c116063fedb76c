extension Membership {
    // MARK: This node as a witness

    /// Signs an accusation as this node.
    func accuse(_ slot: Int, version: Version, phi: Double, isRefused: Bool = false) -> Accusation {
        let accuser = roster.record(own).id.handle
        let weight = Accusation.weight(of: min(phi, settings.accuserPhiMax), isRefused: isRefused)
        let bytes = Accusation.signedBytes(
            accuser: accuser,
            target: roster.record(slot).id.handle,
            version: version,
            weight: weight
        )
        return Accusation(accuser: accuser, weight: weight, signature: signer.sign(bytes))
    }

    /// This node's φ for a member, from its own unanswered questions.
    package func phi(_ slot: Int) -> Double {
        let record = roster.record(slot)
        let known = trips.first { $0.zone == record.zone }?.trips ?? RoundTrips()
        let selfFault = settings.phiGate ? loss.recentShare : 0
        return silences.phi(
            slot,
            now: now,
            loss: loss.measured(settings),
            selfFault: selfFault,
            trips: known,
            scale: scale(slot, trips: known)
        )
    }

    /// After a failed round: suspect, add to the case, or ask again.
    mutating func weigh(_ slot: Int, into outbox: inout [Directive]) {
        guard let silence = silences[slot] else { return }
        let phi = phi(slot)
        let nacks = settings.nacks ? silence.nacks : []
        let total = nacks.reduce(phi) { $0 + min($1.phi, settings.accuserPhiMax) }
        let weight = settings.phiGate ? phi / Double(1 + health.score) : settings.accuserPhiMax
        let version = roster.record(slot).version
        if roster.status(slot) == .suspect {
            let mine = accuse(slot, version: version, phi: weight)
            join([mine] + nacks, against: slot, version: version, into: &outbox)
            if caseFor(slot).map({ evidence($0) < settings.deadPhi }) ?? false { askSoon(slot) }
            return
        }
        let isMuted = settings.phiGate && health.score >= settings.healthMute
        guard !isMuted, !isStranger(slot), isEnough(phi: phi, total: total, silence: silence) else {
            askSoon(slot)
            return
        }
        counters.suspicions += 1
        let mine = accuse(slot, version: version, phi: weight)
        join([mine] + nacks, against: slot, version: version, into: &outbox)
        if caseFor(slot).map({ evidence($0) < settings.deadPhi }) ?? false { askSoon(slot) }
    }

    /// Signs that the member's machine refused this node, which makes a suspect at once.
    mutating func testify(_ slot: Int, version: Version, into outbox: inout [Directive]) {
        if roster.status(slot) == .alive { counters.suspicions += 1 }
        let mine = accuse(slot, version: version, phi: settings.accuserPhiMax, isRefused: true)
        join([mine], against: slot, version: version, into: &outbox)
    }

    /// Whether a member was met so lately that it may not know this node yet, and cannot be expected to answer it.
    func isStranger(_ slot: Int) -> Bool {
        guard paths[slot].samples == 0 else { return false }
        return now < strangerUntil[slot]
    }

    private func isEnough(phi: Double, total: Double, silence: Silences.Silence) -> Bool {
        guard settings.phiGate else { return true }
        let isConfirmed = silence.wasNacked || phi >= settings.deadPhi || memberCount < 4
        if silence.rounds >= settings.roundsMax, silence.wasNacked { return phi > 0 }
        return isConfirmed && total >= settings.suspectPhi
    }

    // MARK: The case

    func caseFor(_ slot: Int) -> Suspicion? { cases[slot] }

    func evidence(_ suspicion: Suspicion) -> Double {
        suspicion.phi(zoneCount: roster.zoneCount, settings: settings)
    }

    /// Whether a member that this node knows, and that is not expelled, signed this.
    func isSound(_ accusation: Accusation, target: UInt64, version: Version) -> Bool {
        guard accusation.accuser != target, let accuser = roster.slot(of: accusation.accuser),
            roster.status(accuser) != .expelled
        else { return false }
        let bytes = Accusation.signedBytes(
            accuser: accusation.accuser,
            target: target,
            version: version,
            weight: accusation.weight
        )
        return signer.isValid(accusation.signature, of: bytes, by: roster.record(accuser).key)
    }

    /// A claim from outside: only what is new is verified, and only against the version that this node holds.
    mutating func hearSuspicion(
        of handle: UInt64,
        version: Version,
        _ accusations: [Accusation],
        into outbox: inout [Directive]
    ) {
        guard let slot = roster.slot(of: handle) else { return }
        guard roster.record(slot).version == version else {
            counters.stale += 1
            return
        }
        let known = cases[slot]
        var sound: [Accusation] = []
        for accusation in accusations where (known?.weight(of: accusation.accuser) ?? 0) < accusation.weight {
            // Whose word does not count is not worth a look at his signature.
            if decrees.outlaws(accusation.accuser) != nil {
                counters.outcasts += 1
            } else if isTooNew(accusation.accuser) {
                counters.discounted += 1
            } else if isSound(accusation, target: handle, version: version) {
                sound.append(accusation)
            } else {
                counters.forged += 1
            }
        }
        guard !sound.isEmpty, mayRaise(sound, against: slot) else { return }
        if slot == own {
            guard !departing else { return }
            blame(sound)
            health.doubt(settings: settings)
            refute(into: &outbox)
            return
        }
        guard roster.status(slot).isPresent else { return }
        join(sound, against: slot, version: version, into: &outbox)
    }

    /// Adds one accusation to a case, with the zone that its author stands in; true when it is news.
    func join(_ accusation: Accusation, into suspicion: inout Suspicion) -> Bool {
        let zone = roster.slot(of: accusation.accuser).map { roster.record($0).zone } ?? 0
        return suspicion.join(accusation, zone: zone, settings: settings)
    }

    /// Adds verified accusations, which makes the member a suspect when it was none.
    private mutating func join(
        _ accusations: [Accusation],
        against slot: Int,
        version: Version,
        into outbox: inout [Directive]
    ) {
        guard !accusations.isEmpty else { return }
        var suspicion: Suspicion
        if let known = cases[slot], known.version == version {
            suspicion = known
        } else {
            suspicion = Suspicion(version: version, since: now)
        }
        var isNew = false
        let wasRefused = suspicion.refusals > 0
        for accusation in accusations {
            if join(accusation, into: &suspicion) {
                isNew = true
                if let accuser = roster.slot(of: accusation.accuser) {
                    journal.note(
                        .accused(by: roster.record(accuser).id, phi: accusation.phi),
                        about: roster.record(slot).id,
                        at: now
                    )
                }
            }
        }
        guard isNew else { return }
        let phi = evidence(suspicion)
        cases[slot] = suspicion
        if roster.status(slot) == .alive {
            change(slot, to: .suspect, into: &outbox)
        }
        // What goes beyond a full case shortens nothing, and is not told again.
        let worth = min(phi, settings.deadPhi)
        let refusals = settings.refusals ? min(suspicion.refusals, settings.quorum(members: memberCount)) : 0
        if suspicion.toldPhi == 0 || worth - suspicion.toldPhi >= 1 || refusals > suspicion.toldRefusals {
            let isFirst = suspicion.toldPhi == 0
            suspicion.toldPhi = worth
            suspicion.toldRefusals = refusals
            spreadWord(slot, tellings: isFirst ? 0 : Self.briefTellings)
        }
        cases[slot] = suspicion
        setVerdict(slot)
        if settings.refusals, !wasRefused, suspicion.refusals > 0,
            suspicion.weight(of: roster.record(own).id.handle) == 0
        {
            lookSoon(at: slot, into: &outbox)
        }
    }

    /// Sets the time of the verdict that the evidence asks for, if that is sooner than the one that is set.
    mutating func setVerdict(_ slot: Int) {
        guard var suspicion = cases[slot] else { return }
        let minimum = minimumMicros
        var wait = Suspicion.waitMicros(
            phi: evidence(suspicion),
            minimum: minimum,
            maximum: settings.maximumMicros(minimum: minimum),
            settings: settings
        )
        if settings.refusals, suspicion.refusals >= settings.quorum(members: memberCount) {
            let loss = settings.phiGate ? lossEstimate : 0
            wait = min(wait, settings.refusedMicros(members: memberCount, loss: loss))
        }
        let due = max(now, suspicion.since + wait)
        guard due < suspicion.deadline else { return }
        suspicion.deadline = due
        deadlines.add(.suspicion, subject: UInt64(slot), at: due)
        cases[slot] = suspicion
    }

    /// The wait is over: the case is complete, or it needs more.
    mutating func judge(_ entry: Deadlines.Entry, into outbox: inout [Directive]) {
        let slot = Int(entry.subject)
        guard roster.isTaken(slot), roster.status(slot) == .suspect, var suspicion = cases[slot],
            suspicion.deadline == entry.at
        else { return }
        let maximum = settings.maximumMicros(minimum: minimumMicros)
        let isProved =
            suspicion.accusations.count >= deathQuorum
            && evidence(suspicion) >= settings.suspectPhi
        let isPlain = now - suspicion.since >= maximum && phi(slot) >= settings.deadPhi
        guard now >= verdictsFrom, isProved || isPlain else {
            suspicion.deadline = max(verdictsFrom, now + settings.periodMicros)
            deadlines.add(.suspicion, subject: entry.subject, at: suspicion.deadline)
            cases[slot] = suspicion
            // Too few accusers so far: this node looks for itself.
            askSoon(slot)
            return
        }
        suspicion.verdictAt = now
        cases[slot] = suspicion
        counters.deaths += 1
        bury(slot, as: .dead, into: &outbox)
    }

    mutating func bury(_ slot: Int, as status: Status, into outbox: inout [Directive]) {
        probes.remove(slot)
        silences.end(slot)
        inquiries.removeAll { $0.slot == slot }
        gone.add(slot, since: now)
        change(slot, to: status, into: &outbox)
        judgeUsable(slot, into: &outbox)
    }

    // MARK: Changes

    mutating func change(_ slot: Int, to status: Status, into outbox: inout [Directive]) {
        let from = roster.status(slot)
        roster.set(slot, status: status)
        if from.isPresent != status.isPresent { acquaintance.note(slot, isPresent: status.isPresent) }
        noteChange(slot, from: from, into: &outbox)
    }

    mutating func noteChange(_ slot: Int, from: Status?, into outbox: inout [Directive]) {
        // A new version of the living is no change: people ask since when a member is what it is.
        if from != roster.status(slot) { changedAt[slot] = now }
        if from == nil || from?.isPresent != roster.status(slot).isPresent || roster.status(slot) == .alive {
            lastChange = now
        }
        let record = roster.record(slot)
        // Joins and ordinary news would push out what the journal is for.
        if roster.status(slot) != .alive || from == .suspect || from == .dead {
            let suspicion = cases[slot]
            journal.note(
                .became(
                    roster.status(slot),
                    record.version,
                    phi: suspicion.map { evidence($0) } ?? 0,
                    accusers: suspicion?.accusations.count ?? 0
                ),
                about: record.id,
                at: now
            )
        }
        outbox.append(
            .event(.changed(record.id, from: from, to: roster.status(slot), version: record.version))
        )
    }

    /// Brings the damped bit of a member up to date.
    mutating func judgeUsable(_ slot: Int, into outbox: inout [Directive]) {
        let isUsable = roster.status(slot).isPresent && (!settings.damping || damping.isCalm(slot, now: now))
        guard isUsable == isUnusable[slot] else { return }
        isUnusable[slot] = !isUsable
        outbox.append(.event(.usable(roster.record(slot).id, isUsable)))
    }
}
