extension Membership {
    package var ownRecord: Record { roster.record(own) }

    /// Everybody in slot order, this node included.
    package func members() -> [Member] {
        (0..<roster.slotCount).filter { roster.isTaken($0) }.map { member($0) }
    }

    package func member(_ id: NodeID) -> Member? {
        guard let slot = roster.slot(of: id.handle), roster.record(slot).id == id else { return nil }
        return member(slot)
    }

    package func status(of id: NodeID) -> Status? {
        guard let slot = roster.slot(of: id.handle), roster.record(slot).id == id else { return nil }
        return roster.status(slot)
    }

    package func isUsable(_ id: NodeID) -> Bool {
        guard let slot = roster.slot(of: id.handle) else { return false }
        return roster.status(slot).isPresent && !isUnusable[slot]
    }

    /// Eight bytes that are equal on two nodes exactly when their views are, but for a chance of 2^-64.
    package var viewDigest: UInt64 { roster.digest }

    /// Members that take part, this node included.
    package var presentCount: Int { roster.presentCount }

    /// The share of this node's questions that it believes to be lost.
    package var lossBelief: Double { lossEstimate }

    /// Rumors that still wait to be told.
    package var rumorCount: Int { rumors.count }

    /// The evidence for a suspicion or a death.
    package func evidence(against id: NodeID) -> Suspicion? {
        roster.slot(of: id.handle).flatMap { cases[$0] }
    }

    /// A member's own words about itself, empty when none are known.
    package func description(of id: NodeID) -> [UInt8] {
        roster.slot(of: id.handle).map { descriptions[$0] } ?? []
    }

    private func member(_ slot: Int) -> Member {
        let record = roster.record(slot)
        let suspicion = cases[slot]
        let path = paths[slot]
        return Member(
            record: record,
            status: roster.status(slot),
            isUsable: roster.status(slot).isPresent && !isUnusable[slot],
            since: changedAt[slot],
            phi: slot == own ? 0 : phi(slot),
            accusedPhi: suspicion.map { evidence($0) } ?? 0,
            accusers: (suspicion?.accusations ?? []).compactMap { accusation in
                roster.slot(of: accusation.accuser).map { roster.record($0).id }
            },
            flaps: damping.flaps(slot),
            reach: slot == own ? .direct : path.reach,
            roundTripMicros: Micros(path.roundTrip),
            loss: Double(path.loss),
            health: slot == own ? health.score : Int(path.health),
            viewDigest: slot == own ? roster.digest : path.heardAt == .min ? nil : path.viewDigest,
            heardAt: slot == own ? now : path.heardAt == .min ? nil : path.heardAt,
            knownSince: acquaintance.since(slot)
        )
    }

    /// What the members last said of their views, beside this node's: a local answer to whether all agree. Members
    /// that were not heard since this node's view changed are counted apart, for their answer is older than the
    /// question.
    package var agreement: Agreement {
        var agreement = Agreement()
        for slot in 0..<roster.slotCount where roster.isPresent(slot) && slot != own {
            let path = paths[slot]
            if path.heardAt == .min {
                agreement.unheard += 1
            } else if path.viewDigest == roster.digest {
                agreement.agreeing += 1
            } else if path.heardAt < lastChange {
                agreement.outdated += 1
            } else {
                agreement.differing += 1
            }
        }
        return agreement
    }
}
