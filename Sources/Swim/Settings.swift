/// Every number of the protocol, with its reason; validated once, then trusted.
///
/// The switches at the end exist for the ablation: a claim about one rule is a comparison with that rule turned off and
/// everything else equal.
package struct Settings: Sendable, Equatable {
    // MARK: Probing

    /// T: one scheduled probe in each period. A second finds a crash in 1.6 s on average at any size.
    package var periodMicros: Micros = 1_000_000
    /// The bounds of a direct question's patience: below 50 ms a scheduler hiccup counts as silence.
    package var timeoutMicrosMin: Micros = 50_000
    package var timeoutMicrosMax: Micros = 500_000
    /// Slack on top of the measured 99th percentile of the round trip.
    package var timeoutMicrosSlack: Micros = 20_000
    /// k: how many others are asked to try.
    package var relays = 3
    /// How many questions a node relays at once for one asker.
    package var dutiesPerAsker = 2
    package var dutiesMax = 64
    /// R: after that many failed rounds one nack is evidence enough, so that loss delays detection but never stops it.
    package var roundsMax = 6

    // MARK: Gossip

    package var gossipMicros: Micros = 200_000
    /// f: members told per gossip tick while there is anything to tell.
    package var fanout = 3
    /// Bytes of a datagram on the wire: IPv6 promises 1,280, minus 48 of headers, minus room for tunnels.
    package var datagramBytes = 1_200
    /// What sealing adds; the machine never sees a sealed byte, only the sizes.
    package var sealBytes = 46
    /// Frames of a stream sync are cut at this size, so that no peer must buffer a whole large mesh.
    package var frameBytes = 60_000
    /// Longest description that a node may give of itself.
    package var metaBytes = 4_096

    // MARK: Evidence

    /// The φ that makes a suspect, and the φ that makes the wait as short as it gets.
    package var suspectPhi = 4.0
    package var deadPhi = 8.0
    /// What one accuser can weigh at most: half a death sentence.
    package var accuserPhiMax = 4.0
    package var accusersMax = 6
    /// How many of those who hear of a refusal look for themselves, on average: enough for a quorum, at any N.
    package var jurors = 8.0
    /// m: no suspicion is shorter, so that a pause of four seconds kills nobody. Zero is the `fast` profile.
    package var minimumMicros: Micros = 5_000_000
    package var maximumFactor = 4
    /// Identities known for less long weigh nothing as accusers, unless more than half of the members are that new.
    package var identityMicros: Micros = 600_000_000
    /// Who was refuted more often lately cannot raise a suspicion alone: twice at once, and then about every 90 s,
    /// which stays below what makes a member unstable.
    package var refutedMax = 1.5
    /// Loss is never believed to be less, or more, than this.
    package var lossMin = 0.01
    package var lossMax = 0.5
    /// The local health score that forbids originating a suspicion, and its ceiling.
    package var healthMute = 4
    package var healthMax = 8
    /// A timer that fires later than this is a pause of this node, not silence of its peers.
    package var pauseMicros: Micros = 250_000

    // MARK: Memory

    /// How long contact is kept with the dead, so that any partition heals by itself; and how often one is asked.
    package var deadMicros: Micros = 72 * 3_600_000_000
    package var recontactMicros: Micros = 30_000_000
    /// After one came back, the others are asked at this rate per gossip tick for that long: a partition has healed.
    package var reunionPerTick = 5
    package var reunionMicros: Micros = 10_000_000
    package var membersMax = 65_536
    /// Entries of the journal that explains suspicions and deaths.
    package var journalMax = 1_024

    // MARK: Damping

    package var unstableFlaps = 3.0
    package var stableFlaps = 1.0
    package var flapHalfLifeMicros: Micros = 120_000_000
    package var probationMicrosMin: Micros = 30_000_000
    package var probationMicrosMax: Micros = 960_000_000

    // MARK: Anti-entropy

    /// The least wait between two syncs that this node begins, doubled up to five times while they bring no agreement.
    package var syncMicros: Micros = 500_000
    /// Bytes of sync answers in one such span. Newcomers are always answered.
    package var syncAnswerBytesMax = 8_000_000

    // MARK: Switches

    /// A short minimum from the measured spreading time; off is memberlist's 4·log10 N with a maximum of 6 times it.
    package var shortMinimum = true
    package var damping = true
    /// φ over unanswered questions gates suspicion and weighs it; off is plain SWIM with a fixed 1 % loss.
    package var phiGate = true
    /// A relay's signed "no answer here either" counts as evidence.
    package var nacks = true
    /// New identities do not count as witnesses.
    package var identityAge = true
    /// Witnesses that are refuted again and again lose the power to raise a suspicion alone.
    package var accuserDiscount = true

    /// A member whose machine refuses streams is dead sooner than one that is silent: a paused process is never
    /// refused.
    package var refusals = true

    /// Shared by all nodes of a mesh; it keeps outsiders from crafting equal view digests.
    package var digestKey: UInt64 = 0x6d65_7368_6420_7631

    package init() {}

    /// The shortest waits: a crash is final after two spreading times, and so is a pause of four seconds.
    package static var fast: Settings {
        var settings = Settings()
        settings.minimumMicros = 0
        return settings
    }

    /// Patience for links across the world: everything slower, the rules the same.
    package static var wan: Settings {
        var settings = Settings()
        settings.periodMicros = 2_000_000
        settings.gossipMicros = 500_000
        settings.fanout = 4
        settings.minimumMicros = 15_000_000
        settings.timeoutMicrosMax = 1_000_000
        return settings
    }

    /// Bytes that a datagram's body may have before sealing.
    package var bodyBytes: Int { datagramBytes - sealBytes }

    /// Refuses what would break the protocol in silence.
    package func validated() throws(SettingsError) -> Settings {
        func require(_ holds: Bool, _ name: String, _ why: String) throws(SettingsError) {
            if !holds { throw SettingsError(setting: name, reason: why) }
        }
        try require(periodMicros >= 10_000, "periodMicros", "a period is at least 10 ms")
        try require(timeoutMicrosMin > 0, "timeoutMicrosMin", "an answer takes time")
        try require(timeoutMicrosMin <= timeoutMicrosMax, "timeoutMicrosMax", "the bounds are in order")
        try require(4 * timeoutMicrosMax <= 2 * periodMicros, "timeoutMicrosMax", "relays must finish in two periods")
        try require((1...16).contains(relays), "relays", "between 1 and 16 relays are asked")
        try require(roundsMax >= 1, "roundsMax", "at least one round")
        try require(gossipMicros >= 10_000, "gossipMicros", "a gossip tick is at least 10 ms")
        try require((1...16).contains(fanout), "fanout", "between 1 and 16 members are told")
        try require((600...9_000).contains(datagramBytes), "datagramBytes", "one accusation bundle must fit")
        try require((0...256).contains(sealBytes), "sealBytes", "the seal leaves room for a body")
        try require((16_384...1_048_576).contains(frameBytes), "frameBytes", "between 16 KiB and 1 MiB")
        try require((0...8_192).contains(metaBytes), "metaBytes", "at most 8 KiB")
        try require(suspectPhi > 0 && suspectPhi < deadPhi, "deadPhi", "death needs more evidence than suspicion")
        try require(accuserPhiMax > 0 && accuserPhiMax <= 7.5, "accuserPhiMax", "a weight travels in 7 bits")
        try require((1...8).contains(accusersMax), "accusersMax", "a bundle of at most 8 fits a datagram")
        try require(identityMicros >= 0, "identityMicros", "not negative")
        try require(refutedMax >= 1, "refutedMax", "everybody may err once")
        try require(jurors >= 0, "jurors", "not negative")
        try require(minimumMicros >= 0, "minimumMicros", "not negative")
        try require((1...16).contains(maximumFactor), "maximumFactor", "between 1 and 16")
        try require(lossMin > 0 && lossMin < lossMax && lossMax < 1, "lossMin", "0 < lossMin < lossMax < 1")
        try require((1...64).contains(healthMax), "healthMax", "between 1 and 64")
        try require(membersMax >= 2, "membersMax", "a mesh has at least two members")
        try require(stableFlaps < unstableFlaps, "stableFlaps", "below unstableFlaps, or the view would flicker")
        return self
    }

    /// How long a rumor takes to reach everybody: T_g·(log_{f+1} N + ln N / f + 2), about twice what is measured.
    package func spreadMicros(members: Int) -> Micros {
        let n = Double(max(members, 2))
        let rounds =
            Logarithm.base2(n) / Logarithm.base2(Double(fanout + 1)) + Logarithm.natural(n) / Double(fanout) + 2
        return Micros(Double(gossipMicros) * rounds)
    }

    /// The shortest wait between suspicion and death.
    package func minimumMicros(members: Int, loss: Double) -> Micros {
        guard shortMinimum else {
            return Micros(4 * max(1, Logarithm.base10(Double(max(members, 1)))) * Double(periodMicros))
        }
        let spread = Double(2 * spreadMicros(members: members) + 500_000) / (1 - loss)
        return max(minimumMicros, Micros(spread))
    }

    /// The wait when a quorum was refused: no pause has to be outlived, only the word and its refutation must travel.
    package func refusedMicros(members: Int, loss: Double) -> Micros {
        Micros(Double(spreadMicros(members: members) + 500_000) / (1 - loss))
    }

    /// The longest wait between suspicion and death.
    package func maximumMicros(minimum: Micros) -> Micros {
        minimum * Micros(shortMinimum ? maximumFactor : 6)
    }

    /// How often one rumor is sent: ⌈3·ln(N + 1)/ln 4⌉ + 2.
    package func transmits(members: Int) -> Int {
        Int((3 * Logarithm.base2(Double(members + 1)) / 2).rounded(.up)) + 2
    }

    /// Distinct accusers that a death needs: three, or as many as there can be.
    package func quorum(members: Int) -> Int {
        max(1, min(3, members - 2))
    }
}

/// Which setting is refused, and why.
package struct SettingsError: Error, Equatable {
    package let setting: String
    package let reason: String
}
