extension Membership {
    // MARK: Merging

    mutating func merge(_ entries: [Frame.Entry], into outbox: inout [Directive]) {
        for entry in entries where entry.status.isPresent || isUnknownGrave(entry) {
            learn(entry.record, into: &outbox)
            guard !isFrameForged else { return }
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
            let sound = entry.accusations.filter {
                !isTooNew($0.accuser) && isSound($0, target: handle, version: version)
            }
            var suspicion = Suspicion(version: version, since: now)
            for accusation in sound {
                _ = join(accusation, into: &suspicion)
            }
            // One member's word buries nobody, at a newcomer either.
            guard suspicion.accusations.count >= deathQuorum,
                evidence(suspicion) >= settings.suspectPhi
            else { return }
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
}
