extension Membership {
    // MARK: Whose word counts

    /// Whether an identity is too new to be a witness, present or gone. Where most are that new, nobody is; and this
    /// node trusts its own eyes at any age.
    func isTooNew(_ accuser: UInt64) -> Bool {
        guard settings.identityAge, let slot = roster.slot(of: accuser), slot != own else { return false }
        return acquaintance.isYoung(slot, now: now, age: settings.identityMicros) && !areMostNew
    }

    private var areMostNew: Bool { 2 * youngCount > memberCount }

    private var youngCount: Int { acquaintance.youngCount(now: now, age: settings.identityMicros) }

    /// How many members are too new to be witnesses: none in a mesh where most are new.
    private var newcomers: Int { settings.identityAge && !areMostNew ? youngCount : 0 }

    /// Distinct accusers that a death needs. Who cannot be a witness does not raise the number.
    var deathQuorum: Int { settings.quorum(members: memberCount - newcomers) }

    /// Whether these witnesses can make a suspect of a member that is none: one of them must not have been refuted
    /// again and again lately. Two or three nodes have no second witness, and need every word.
    mutating func mayRaise(_ accusations: [Accusation], against slot: Int) -> Bool {
        guard settings.accuserDiscount, memberCount >= 4, roster.status(slot) != .suspect else { return true }
        // Versions that follow each other quickly look to others like as many refutations. One word can wait.
        if slot == own, accusations.count == 1, isRecent(answeredAt) {
            counters.discounted += 1
            return false
        }
        let hasCredit = accusations.contains { accusation in
            guard let accuser = roster.slot(of: accusation.accuser), accuser != own else { return true }
            return credit.isGood(accuser, now: now, settings: settings)
        }
        if !hasCredit { counters.discounted += 1 }
        return hasCredit
    }

    /// A suspicion was refuted: it costs its author credit when nobody else shared it.
    mutating func blame(_ accusations: [Accusation]) {
        guard settings.accuserDiscount, let only = accusations.first, accusations.count == 1,
            let accuser = roster.slot(of: only.accuser), accuser != own
        else { return }
        credit.refuted(accuser, now: now, settings: settings)
    }
}
