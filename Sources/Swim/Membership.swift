/// Who is alive, decided from datagrams, frames and time: SWIM (Das, Gupta and Motivala, 2002) with Lifeguard's local
/// health, where φ over unanswered questions weighs every accusation.
///
/// Each period a node asks one member from a shuffled list. When no answer comes in the time that answers usually take,
/// it asks k others, in different zones, to try, and tries the stream itself. What stays unanswered is weighed: each
/// silence is worth as many decades as it is unlikely for a living member, so a lossy network needs more of them.
/// Enough weight makes a suspect, and the accusation travels signed. The suspect refutes by signing a newer version of
/// itself; when it does not in time, everybody concludes its death for himself from the same evidence.
///
/// Every ping and ack carries eight bytes of view digest. Views that still differ when gossip has come to rest are
/// synced bucket by bucket over a stream. The dead are asked again for three days, so any partition heals by itself.
///
/// The operator's decrees, signed with the admin key, are told before everything else, kept for ever, and part of the
/// digest. Who is expelled by one is out at once and at every version.
///
/// The machine has no socket, clock, lock, task or global chance: a driver hands in what arrived and when, obeys the
/// directives, and calls `advance` at `nextDeadline`. Nothing here iterates over a hashed collection, so one seed and
/// one input give one output.
package struct Membership: Sendable {
    package let settings: Settings
    let signer: any RecordSigner
    var random: Random
    package internal(set) var roster: Roster
    /// This node's own slot.
    let own: Int
    var rumors = Rumors()
    /// What the operator decreed, and which of it is still worth telling, by its index.
    var decrees: Decrees
    var decreeRumors = Rumors()
    /// The encoded news of those in the queue.
    var texts = Pages<[UInt8]>(absent: [])
    var briefTexts = Pages<[UInt8]>(absent: [])
    var probes = ProbeList()
    var deadlines = Deadlines()
    package internal(set) var counters = Counters()
    package internal(set) var journal: Journal

    // Questions and evidence.
    var inquiries: [Inquiry] = []
    var duties: [Duty] = []
    var silences = Silences()
    var loss = Loss()
    package internal(set) var health = LocalHealth()
    var trips: [(zone: UInt64, trips: RoundTrips)] = []
    var paths = Pages<Path>(absent: Path())
    /// Members to ask again in the next period, first in, first out.
    var urgent: [Int] = []
    /// Looked up by slot and never walked.
    var cases: [Int: Suspicion] = [:]
    /// Whose accusations count.
    var acquaintance: Acquaintance
    var credit = Credit()
    /// When this node last answered a mere claim of its death, and when it last spoke up at all against anything.
    var answeredAt: Micros?
    var refutedAt: Micros?
    /// No verdict falls before this time, after a pause of this node.
    var verdictsFrom: Micros = .min
    var isIsolated = false

    // Memory.
    var gone = Gone()
    var damping = Damping()
    /// Members whose usable bit is off though they are present.
    var isUnusable = Pages<Bool>(absent: false)
    /// Until when a member that was just met need not know this node.
    var strangerUntil = Pages<Micros>(absent: .min)
    var changedAt = Pages<Micros>(absent: 0)
    /// Those whom a sync called dead while this node holds them alive: asked first, doubted later.
    var contacts: [Contact] = []
    var contactedAt = Pages<Micros>(absent: .min)
    var recontactAt: Micros
    var reunionUntil: Micros = .min

    // Anti-entropy and talk.
    var seeds: [Endpoint] = []
    var youngUntil: Micros = .min
    var isGossiping = false
    var lastChange: Micros
    var lastAgreement: Micros
    var syncFrom: Micros
    /// Syncs begun without agreement since; each doubles the wait for the next.
    var fruitlessSyncs = 0
    var syncAnswerBytes = 0
    /// Records learned, halved with each period.
    var recentRecords = 0
    var syncAnswersFrom: Micros
    var descriptions = Pages<[UInt8]>(absent: [])
    var describedVersions = Pages<UInt32>(absent: 0)
    var wanted: [(slot: Int, tries: Int)] = []
    /// Something in the frame that is being read bears a signature that does not hold.
    var isFrameForged = false
    var departing = false
    var hasDeparted = false
    /// Whether the driver was told that this node is expelled.
    var hasConfessed = false
    /// A goodbye that cannot be told in time is not waited for.
    var departBy: Micros = .max
    var now: Micros

    /// What the paths to one member taught.
    struct Path: Sendable {
        var roundTrip: Float = 0
        var loss: Float = 0
        var samples: UInt16 = 0
        var health: UInt8 = 0
        var reach = Member.Reach.unknown
        /// What the member last said of its whole view, and when; never before `.min`.
        var viewDigest: UInt64 = 0
        var heardAt: Micros = .min
    }

    struct Contact: Sendable {
        let slot: Int
        let version: Version
    }

    /// - Parameters:
    ///   - own: this node as it wants to be known; the machine signs it.
    ///   - known: members that are known from the start, or nobody.
    ///   - decrees: all that was kept; those that the admin key did not sign are left out.
    ///   - remembered: what an earlier life of this node knew. Its members are known again and asked as ever.
    ///   - seed: the only source of chance.
    package init(
        settings: Settings,
        own record: Record,
        known: Roster? = nil,
        decrees: [Decree] = [],
        remembered: Snapshot? = nil,
        signer: any RecordSigner,
        seed: UInt64,
        now: Micros
    ) {
        self.settings = settings
        journal = Journal(limit: settings.journalMax)
        self.signer = signer
        random = Random(seed: seed)
        roster = known ?? Roster(digestKey: settings.digestKey)
        self.decrees = Decrees(digestKey: settings.digestKey)
        acquaintance = Acquaintance(
            now: now,
            slotsAtBirth: roster.slotCount,
            presentAtBirth: max(0, roster.presentCount - 1)
        )
        var record = record
        record.signature = signer.sign(record.signedBytes)
        if let slot = roster.slot(of: record.id.handle) {
            own = slot
            if roster.record(slot) != record { roster.set(slot, record: record, status: .alive) }
        } else {
            own = roster.add(record, status: .alive)
        }
        self.now = now
        lastChange = now
        lastAgreement = now
        syncFrom = now
        syncAnswersFrom = now
        recontactAt = now
        for slot in 0..<roster.slotCount where slot != own && roster.isTaken(slot) {
            if roster.status(slot).isPresent {
                probes.add(slot, random: &random)
            } else {
                gone.add(slot, since: now)
            }
        }
        recontactAt = now + random.spread(settings.recontactMicros)
        restore(decrees, remembered)
        deadlines.add(.period, at: now + random.spread(settings.periodMicros))
    }

    // MARK: The three doors

    /// When `advance` wants to be called next.
    package var nextDeadline: Micros { deadlines.next }

    /// Takes one opened datagram from a proved sender. A bad one is counted and changes nothing.
    package mutating func receive(
        _ body: [UInt8],
        from sender: NodeID,
        at now: Micros,
        into outbox: inout [Directive]
    ) {
        observe(now)
        guard let slot = roster.slot(of: sender.handle), roster.record(slot).id == sender, slot != own else {
            counters.unknownSender += 1
            return
        }
        guard !isSilenced else { return }
        guard roster.status(slot) != .expelled else {
            refuseOutcast(slot, into: &outbox)
            return
        }
        guard let (message, rumors) = Codec.decode(body) else {
            counters.malformed += 1
            return
        }
        hear(message, rumors: rumors, from: slot, into: &outbox)
        startGossip()
    }

    /// Takes one frame of a control stream whose handshake proved the sender. False when a record or a decree in it was
    /// forged, and the rest was not read: no honest node passes such a thing on, and each costs a look at a signature.
    @discardableResult
    package mutating func receiveFrame(
        _ bytes: [UInt8],
        from sender: NodeID,
        at now: Micros,
        into outbox: inout [Directive]
    ) -> Bool {
        observe(now)
        guard !isSilenced else { return true }
        guard decrees.outlaws(sender.handle) == nil else {
            counters.outcasts += 1
            return true
        }
        guard let frame = Frame.decode(bytes) else {
            counters.malformed += 1
            return true
        }
        isFrameForged = false
        hear(frame, from: sender, into: &outbox)
        startGossip()
        return !isFrameForged
    }

    /// Takes the news that a stream to a member could not be opened because its machine refused it, or that an open one
    /// was broken off: in either case the process may have gone.
    package mutating func streamFailed(
        to peer: NodeID,
        isRefused: Bool,
        at now: Micros,
        into outbox: inout [Directive]
    ) {
        observe(now)
        guard settings.refusals, let slot = roster.slot(of: peer.handle), roster.record(slot).id == peer, slot != own,
            roster.isPresent(slot)
        else { return }
        if isRefused { hearRefusal(of: slot, into: &outbox) } else { lookSoon(at: slot, into: &outbox) }
        startGossip()
    }

    /// Lets everything happen that is due.
    package mutating func advance(to now: Micros, into outbox: inout [Directive]) {
        observe(now)
        while let entry = deadlines.take(at: now) {
            if isSilenced {
                confess(into: &outbox)
                continue
            }
            switch entry.purpose {
            case .period: beginPeriod(into: &outbox)
            case .gossip: gossip(into: &outbox)
            case .answer: missAnswer(entry, into: &outbox)
            case .verdict: judgeRound(entry, into: &outbox)
            case .duty: giveUpDuty(entry, into: &outbox)
            case .suspicion: judge(entry, into: &outbox)
            }
        }
        startGossip()
    }

    package mutating func command(_ command: Command, at now: Micros, into outbox: inout [Directive]) {
        observe(now)
        guard !isSilenced else { return }
        switch command {
        case .decree(let decree): hearDecree(decree, isCommanded: true, into: &outbox)
        case .join(let endpoints):
            seeds = Array(endpoints.prefix(16))
            greetSeeds(into: &outbox)
        case .leave:
            guard !departing else { return }
            departing = true
            departBy = now + 2 * settings.spreadMicros(members: memberCount) + settings.periodMicros
            renewSelf(into: &outbox) { $0.flags = .leaving }
        case .move(let endpoint):
            renewSelf(into: &outbox) { $0.endpoint = endpoint }
        case .describe(let bytes):
            guard bytes.count <= settings.metaBytes else {
                counters.overLimit += 1
                return
            }
            descriptions[own] = bytes
            let digest = signer.digest(of: bytes)
            renewSelf(into: &outbox) {
                $0.metaVersion += 1
                $0.metaHash = digest
            }
            describedVersions[own] = roster.record(own).metaVersion
        }
        startGossip()
    }

    // MARK: Time

    /// Takes the time, and finds out whether this node slept through one of its own deadlines. Then the silence of the
    /// others was its own: questions get the time back, and no verdict falls for a period.
    private mutating func observe(_ time: Micros) {
        // What was noticed once is not noticed again by the next of the datagrams that piled up.
        let lag = time - max(now, deadlines.next)
        now = max(now, time)
        guard lag > settings.pauseMicros else { return }
        counters.pauses += 1
        silences.shift(by: lag)
        health.doubt(settings: settings)
        verdictsFrom = now + settings.periodMicros
        for index in inquiries.indices where inquiries[index].phase != .closed {
            inquiries[index].deadline = now + settings.timeoutMicrosMax
            inquiries[index].verdictAt = now + 2 * settings.timeoutMicrosMax
            deadlines.add(
                inquiries[index].phase == .asked ? .answer : .verdict,
                subject: inquiries[index].nonce,
                at: inquiries[index].phase == .asked ? inquiries[index].deadline : inquiries[index].verdictAt
            )
        }
    }

    // MARK: Numbers that the rules share

    var memberCount: Int { roster.presentCount }

    /// Present members other than this node.
    var otherCount: Int { memberCount - (roster.isPresent(own) ? 1 : 0) }

    var lossEstimate: Double { loss.estimate(settings) }

    var minimumMicros: Micros {
        settings.minimumMicros(members: memberCount, loss: settings.phiGate ? lossEstimate : 0)
    }

    /// Nothing left to tell, and long enough ago that the others have heard it.
    var isQuiet: Bool {
        rumors.isEmpty && decreeRumors.isEmpty && now - lastChange > 2 * settings.spreadMicros(members: memberCount)
    }

    /// More records to tell than gossip carries within a spreading time. Deaths do not count: a sync does not spread
    /// them, every node concludes them for itself.
    var isFlooded: Bool { rumors.count > 48 && recentRecords > 48 }

    var sight: Sight {
        var flags: Sight.Flags = []
        if isQuiet { flags.insert(.quiet) }
        if isFlooded { flags.insert(.flooded) }
        return Sight(
            digest: roster.digest,
            flags: flags,
            health: UInt8(truncatingIfNeeded: health.score)
        )
    }
}

extension Random {
    /// A random part of a span, so that nodes started together do not act together.
    mutating func spread(_ micros: Micros) -> Micros { Micros(unit() * Double(micros)) }
}
