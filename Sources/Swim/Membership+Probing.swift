/// One question to one member, from the ping to the verdict over the round.
struct Inquiry: Sendable {
    enum Phase: UInt8, Sendable {
        /// The ping is out.
        case asked
        /// The relays and the stream are tried.
        case relayed
        /// Judged; remembered because a late answer is still proof of life.
        case closed
    }

    let slot: Int
    let nonce: UInt64
    let version: Version
    let askedAt: Micros
    /// Asked by turn, and not because of an earlier silence.
    let isScheduled: Bool
    /// Asked because others were refused: to see for oneself, so without relays.
    let isJuror: Bool
    var phase: Phase
    /// When the direct answer is overdue, and when the round is over.
    var deadline: Micros
    var verdictAt: Micros
    /// Relays that have not said no.
    var relays: [UInt64] = []
    var wasNacked = false
    var nacks: [Accusation] = []
}

/// A question asked for somebody else.
struct Duty: Sendable {
    let asker: Int
    let askerNonce: UInt64
    let target: Int
    let nonce: UInt64
    let version: Version
    let askedAt: Micros
}

extension Membership {
    private static var inquiriesMax: Int { 32 }
    private static var urgentMax: Int { 64 }

    mutating func beginPeriod(into outbox: inout [Directive]) {
        deadlines.add(.period, at: now + health.stretch(settings.periodMicros))
        keepHouse(into: &outbox)
        guard !hasDeparted else { return }
        if let slot = probes.next(random: &random) { ask(slot, isScheduled: true, into: &outbox) }
        // At most one extra question in a period: load stays O(1) however many are silent.
        while !urgent.isEmpty {
            let slot = urgent.removeFirst()
            guard roster.isPresent(slot), !isAsking(slot) else { continue }
            ask(slot, isScheduled: false, into: &outbox)
            break
        }
    }

    mutating func askSoon(_ slot: Int) {
        guard urgent.count < Self.urgentMax, !urgent.contains(slot) else { return }
        urgent.append(slot)
    }

    private func isAsking(_ slot: Int) -> Bool {
        inquiries.contains { $0.slot == slot && $0.phase != .closed }
    }

    // MARK: A round

    private mutating func ask(
        _ slot: Int,
        isScheduled: Bool,
        isJuror: Bool = false,
        into outbox: inout [Directive]
    ) {
        guard inquiries.count < Self.inquiriesMax, !isAsking(slot) else { return }
        let record = roster.record(slot)
        let patience = patienceMicros(slot)
        let inquiry = Inquiry(
            slot: slot,
            nonce: random.next(),
            version: record.version,
            askedAt: now,
            isScheduled: isScheduled,
            isJuror: isJuror,
            phase: .asked,
            deadline: now + patience,
            verdictAt: now + max(2 * patience, min(4 * patience, health.stretch(settings.periodMicros)))
        )
        inquiries.append(inquiry)
        counters.questions += 1
        deadlines.add(.answer, subject: inquiry.nonce, at: inquiry.deadline)
        let belief = Belief(version: record.version, status: roster.status(slot))
        // A suspect hears the whole case from whoever asks it (Lifeguard's buddy rule).
        let first = belief.status == .suspect ? slot : nil
        send(.ping(nonce: inquiry.nonce, sight, belief), to: slot, first: first, into: &outbox)
    }

    /// How long an answer may take: what 99 of 100 take in that zone, scaled for that member, and stretched by doubt.
    func patienceMicros(_ slot: Int) -> Micros {
        var micros = settings.timeoutMicrosMax
        let zone = roster.record(slot).zone
        if let known = trips.first(where: { $0.zone == zone })?.trips, known.percentile99 > 0 {
            let usual = Double(known.percentile99) * scale(slot, trips: known)
            micros = min(max(Micros(usual) + settings.timeoutMicrosSlack, settings.timeoutMicrosMin), micros)
        }
        return health.stretch(micros)
    }

    /// How much slower than its zone a member answers, once four answers tell.
    func scale(_ slot: Int, trips: RoundTrips) -> Double {
        let path = paths[slot]
        guard path.samples >= 4, trips.median > 0 else { return 1 }
        return min(8, max(0.5, Double(path.roundTrip) / Double(trips.median)))
    }

    mutating func missAnswer(_ entry: Deadlines.Entry, into outbox: inout [Directive]) {
        guard let at = inquiries.firstIndex(where: { $0.nonce == entry.subject }),
            inquiries[at].phase == .asked, inquiries[at].deadline <= now
        else { return }
        let slot = inquiries[at].slot
        guard roster.isPresent(slot) else {
            inquiries.remove(at: at)
            return
        }
        noteSilence(slot, askedAt: inquiries[at].askedAt)
        let relays = inquiries[at].isJuror ? [] : pickRelays(for: slot)
        inquiries[at].phase = .relayed
        inquiries[at].relays = relays.map { roster.record($0).id.handle }
        let nonce = inquiries[at].nonce
        deadlines.add(.verdict, subject: nonce, at: inquiries[at].verdictAt)
        let target = roster.record(slot)
        for relay in relays {
            send(.ask(nonce: nonce, target: target.id.handle), to: relay, first: nil, into: &outbox)
        }
        // A member that never was heard may not know this node: the one that it came through has told nobody yet, and may
        // never do so. Pings of strangers are not answered, so this node says first who it is.
        if paths[slot].heardAt == .min {
            let offer = Frame.offer(sums: roster.sums, own: roster.record(own))
            outbox.append(.stream(offer.encoded(), to: target.id, at: target.endpoint))
        }
        // The stream takes another way through kernel and switches: it tells loss of datagrams from loss of a node.
        outbox.append(.stream(Frame.ping(nonce: nonce).encoded(), to: target.id, at: target.endpoint))
    }

    // MARK: Refusals

    /// A stream to the member was refused by its own machine. Beside a datagram without an answer that is no silence
    /// but a word: the process has gone. Without one it is a reason to ask.
    mutating func hearRefusal(of slot: Int, into outbox: inout [Directive]) {
        guard roster.isPresent(slot), !isStranger(slot) else { return }
        let version = roster.record(slot).version
        guard inquiries.contains(where: { $0.slot == slot && $0.phase == .relayed && $0.version == version }) else {
            return lookSoon(at: slot, into: &outbox)
        }
        counters.refusals += 1
        testify(slot, version: version, into: &outbox)
    }

    /// A few of all members look at once, whoever else has the same reason to.
    mutating func lookSoon(at slot: Int, into outbox: inout [Directive]) {
        guard random.unit() * Double(max(1, memberCount)) < settings.jurors, !isAsking(slot) else { return }
        ask(slot, isScheduled: false, isJuror: true, into: &outbox)
    }

    private mutating func noteSilence(_ slot: Int, askedAt: Micros) {
        let zone = roster.record(slot).zone
        let usual = trips.first { $0.zone == zone }?.trips.percentile99 ?? settings.timeoutMicrosMax
        silences.add(slot, askedAt: askedAt, apart: max(usual, 100_000), now: now)
    }

    /// One relay in the target's zone, one in this node's, the rest anywhere: a path that fails for one zone is seen
    /// from another.
    private mutating func pickRelays(for target: Int) -> [Int] {
        var relays: [Int] = []
        let targetZone = roster.record(target).zone
        let ownZone = roster.record(own).zone
        for place in 0..<settings.relays {
            let zone = place == 0 ? targetZone : place == 1 ? ownZone : nil
            var pick: Int?
            for attempt in 0..<24 {
                let slot = random.below(roster.slotCount)
                guard slot != own, slot != target, roster.isTaken(slot), roster.status(slot) == .alive,
                    !relays.contains(slot)
                else { continue }
                if attempt < 12, roster.zoneCount > 1, let zone, roster.record(slot).zone != zone { continue }
                pick = slot
                break
            }
            if let pick { relays.append(pick) }
        }
        return relays
    }

    mutating func judgeRound(_ entry: Deadlines.Entry, into outbox: inout [Directive]) {
        guard let at = inquiries.firstIndex(where: { $0.nonce == entry.subject }),
            inquiries[at].phase == .relayed, inquiries[at].verdictAt <= now
        else { return }
        inquiries[at].phase = .closed
        let inquiry = inquiries[at]
        let slot = inquiry.slot
        guard roster.isPresent(slot), roster.record(slot).version == inquiry.version else { return }
        counters.rounds += 1
        // What is judged is judged with the loss that was known before this round.
        let lossBefore = lossEstimate
        silences.failRound(slot, wasNacked: inquiry.wasNacked, nacks: inquiry.nacks, now: now)
        health.missedRelays(inquiry.relays.count, loss: lossBefore, settings: settings)
        journal.note(.unanswered(phi: phi(slot)), about: roster.record(slot).id, at: now)
        weigh(slot, into: &outbox)
        paths[slot].reach = .none
        recordLoss(inquiry, isMiss: true)
    }

    mutating func recordLoss(_ inquiry: Inquiry, isMiss: Bool) {
        let slot = inquiry.slot
        let weight = Float(max(0.1, 1 / Double(paths[slot].samples + 1)))
        paths[slot].loss += weight * ((isMiss ? 1 : 0) - paths[slot].loss)
        guard inquiry.isScheduled, !isMiss || roster.status(slot) == .alive else { return }
        loss.record(slot, isMiss: isMiss)
    }

    // MARK: Answers

    /// An answer to this node's own nonce from the member itself: proof of life.
    mutating func hearAck(nonce: UInt64, from slot: Int, byStream: Bool) {
        guard let at = inquiries.firstIndex(where: { $0.nonce == nonce && $0.slot == slot }) else {
            if !byStream { counters.stale += 1 }
            return
        }
        let inquiry = inquiries.remove(at: at)
        silences.end(slot)
        paths[slot].reach = byStream ? .stream : .direct
        guard !byStream else {
            recordLoss(inquiry, isMiss: true)
            return
        }
        let roundTrip = now - inquiry.askedAt
        recordRoundTrip(slot, roundTrip)
        if inquiry.phase != .closed {
            recordLoss(inquiry, isMiss: false)
            health.praise()
        }
    }

    private mutating func recordRoundTrip(_ slot: Int, _ micros: Micros) {
        let zone = roster.record(slot).zone
        if let at = trips.firstIndex(where: { $0.zone == zone }) {
            trips[at].trips.record(micros)
        } else if trips.count < 16 {
            trips.append((zone, RoundTrips()))
            trips[trips.count - 1].trips.record(micros)
        }
        let samples = paths[slot].samples
        let weight: Float = samples == 0 ? 1 : 0.2
        paths[slot].roundTrip += weight * (Float(micros) - paths[slot].roundTrip)
        if samples < .max { paths[slot].samples = samples + 1 }
    }

    // MARK: Relaying

    mutating func takeDuty(nonce: UInt64, target handle: UInt64, from asker: Int, into outbox: inout [Directive]) {
        guard let target = roster.slot(of: handle), target != own, roster.status(target) != .expelled else { return }
        let taken = duties.count { $0.asker == asker }
        guard duties.count < settings.dutiesMax, taken < settings.dutiesPerAsker else {
            counters.overLimit += 1
            return
        }
        counters.relayed += 1
        let duty = Duty(
            asker: asker,
            askerNonce: nonce,
            target: target,
            nonce: random.next(),
            version: roster.record(target).version,
            askedAt: now
        )
        duties.append(duty)
        deadlines.add(.duty, subject: duty.nonce, at: now + patienceMicros(target))
        let message = Message.relayPing(
            nonce: duty.nonce,
            asker: roster.record(asker).id.handle,
            askerNonce: nonce
        )
        send(message, to: target, first: nil, into: &outbox)
    }

    mutating func answerRelay(
        nonce: UInt64,
        asker: UInt64,
        askerNonce: UInt64,
        from relay: Int,
        into outbox: inout [Directive]
    ) {
        // A relay that has not heard of an expulsion must not carry this node's word to an outcast.
        guard let asking = roster.slot(of: asker), roster.status(asking) != .expelled else { return }
        let token = signer.token(
            nonce: askerNonce,
            asker: roster.record(asking).id,
            target: roster.record(own).id
        )
        send(.relayAck(nonce: nonce, token: token), to: relay, first: nil, into: &outbox)
    }

    mutating func hearRelayAck(nonce: UInt64, token: UInt64, from slot: Int, into outbox: inout [Directive]) {
        guard let at = duties.firstIndex(where: { $0.nonce == nonce && $0.target == slot }) else { return }
        let duty = duties.remove(at: at)
        silences.end(slot)
        send(.vouch(nonce: duty.askerNonce, token: token), to: duty.asker, first: nil, into: &outbox)
    }

    mutating func giveUpDuty(_ entry: Deadlines.Entry, into outbox: inout [Directive]) {
        guard let at = duties.firstIndex(where: { $0.nonce == entry.subject }) else { return }
        let duty = duties.remove(at: at)
        guard roster.isPresent(duty.target), roster.record(duty.target).version == duty.version else { return }
        noteSilence(duty.target, askedAt: duty.askedAt)
        var accusation: Accusation?
        if settings.nacks, health.score < settings.healthMute, !isStranger(duty.target) {
            let believed = max(lossEstimate, settings.phiGate ? loss.recentShare : 0)
            let phi = -Logarithm.base10(max(believed, 0.01)) / Double(1 + health.score)
            accusation = accuse(duty.target, version: duty.version, phi: phi)
        }
        let nack = Message.nack(nonce: duty.askerNonce, version: duty.version, accusation)
        send(nack, to: duty.asker, first: nil, into: &outbox)
    }

    mutating func hearVouch(nonce: UInt64, token: UInt64, from relay: Int) {
        guard let at = inquiries.firstIndex(where: { $0.nonce == nonce }) else { return }
        let slot = inquiries[at].slot
        guard inquiries[at].relays.contains(roster.record(relay).id.handle),
            token == signer.token(nonce: nonce, asker: roster.record(own).id, target: roster.record(slot).id)
        else {
            counters.forged += 1
            return
        }
        let inquiry = inquiries.remove(at: at)
        silences.end(slot)
        paths[slot].reach = .relay
        if inquiry.phase == .relayed { recordLoss(inquiry, isMiss: true) }
    }

    mutating func hearNack(nonce: UInt64, version: Version, _ accusation: Accusation?, from relay: Int) {
        let handle = roster.record(relay).id.handle
        guard let at = inquiries.firstIndex(where: { $0.nonce == nonce }), inquiries[at].phase == .relayed,
            let place = inquiries[at].relays.firstIndex(of: handle)
        else { return }
        // Each relay is heard once; its name is taken off the list of those still expected.
        inquiries[at].relays.remove(at: place)
        guard !isTooNew(handle) else {
            counters.discounted += 1
            return
        }
        inquiries[at].wasNacked = true
        guard settings.nacks, let accusation, accusation.accuser == handle, version == inquiries[at].version else {
            return
        }
        let target = roster.record(inquiries[at].slot).id.handle
        guard isSound(accusation, target: target, version: version) else {
            counters.forged += 1
            return
        }
        inquiries[at].nacks.append(accusation)
    }
}
