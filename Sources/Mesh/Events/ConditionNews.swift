/// What is new between two looks of a node at itself, as events: its disk, its checksums, its repair. Pure.
package enum ConditionNews {
    /// - Parameter before: nil for the first look, of which only trouble is news.
    package static func drafts(_ before: NodeCondition?, _ now: NodeCondition) -> [EventDraft] {
        disk(before, now) + checksums(before, now) + repair(before?.repair, now.repair)
    }

    private static func disk(_ before: NodeCondition?, _ now: NodeCondition) -> [EventDraft] {
        var drafts: [EventDraft] = []
        if let failure = now.failure, before?.failure != failure {
            drafts.append(EventDraft(.disk, .error, "the store has failed: \(failure)"))
        }
        let wasReadOnly = before?.isReadOnly ?? false
        if now.isReadOnly, !wasReadOnly {
            let text = "the disk is too full for writes: \(Wording.bytes(now.freeBytes)) are free"
            drafts.append(EventDraft(.disk, .error, text))
        } else if wasReadOnly, !now.isReadOnly {
            drafts.append(EventDraft(.disk, .note, "there is space again: \(Wording.bytes(now.freeBytes)) are free"))
        }
        return drafts
    }

    private static func checksums(_ before: NodeCondition?, _ now: NodeCondition) -> [EventDraft] {
        let more = now.corruptions - min(now.corruptions, before?.corruptions ?? 0)
        guard more > 0 else { return [] }
        let many = Wording.count(more, "checksum was", "checksums were")
        return [EventDraft(.scrub, .error, "\(many) wrong: bytes went bad on the disk; `meshd doctor` names them")]
    }

    private static func repair(_ before: RepairReport?, _ now: RepairReport?) -> [EventDraft] {
        guard let now else { return [] }
        var drafts: [EventDraft] = []
        if now.isPaused != (before?.isPaused ?? false) {
            let text = now.isPaused ? "repair and movement are paused" : "repair and movement go on"
            drafts.append(EventDraft(.repair, now.isPaused ? .warning : .note, text))
        }
        drafts += comparisons(before, now) + backlogs(before, now)
        let lost = grown("bodies_unobtainable", before, now)
        if lost > 0 {
            let many = Wording.count(lost, "object was", "objects were")
            drafts.append(EventDraft(.repair, .error, "\(many) found of which no node has the bytes"))
        }
        let refused = grown("bodies_refused", before, now)
        if refused > 0 {
            let many = Wording.count(refused, "body was", "bodies were")
            drafts.append(EventDraft(.repair, .warning, "\(many) fetched that did not fit their checksum"))
        }
        let was = before?.wanted ?? 0
        if was == 0, now.wanted > 0 {
            let many = Wording.count(now.wanted, "object is", "objects are")
            drafts.append(EventDraft(.repair, .note, "\(many) here without their bytes: they are fetched from others"))
        } else if was > 0, now.wanted == 0 {
            drafts.append(EventDraft(.repair, .note, "all bytes that were wanted are here"))
        }
        if let movement = now.movement, !movement.isDone, !movement.waitsFor.isEmpty,
            before?.movement?.waitsFor != movement.waitsFor
        {
            let text = "movement waits for \(Wording.list(movement.waitsFor))"
            drafts.append(EventDraft(.repair, .warning, text))
        }
        return drafts
    }

    private static func grown(_ counter: String, _ before: RepairReport?, _ now: RepairReport) -> UInt64 {
        let (was, present) = (before?.counters[counter] ?? 0, now.counters[counter] ?? 0)
        return present - min(present, was)
    }

    /// Equal copies are no news.
    private static func comparisons(_ before: RepairReport?, _ now: RepairReport) -> [EventDraft] {
        now.comparisons.compactMap { comparison in
            let former = before?.comparisons.first { $0.peer == comparison.peer }
            guard former?.atMillis != comparison.atMillis else { return nil }
            if let failure = comparison.failure {
                guard former?.failure != failure else { return nil }
                let text = "a comparison with \(comparison.name) ended early: \(failure)"
                return EventDraft(.repair, .warning, text, about: comparison.name)
            }
            guard comparison.rowsPulled + comparison.rowsPushed > 0 else { return nil }
            let (came, went) = (Wording.count(comparison.rowsPulled, "row", "rows"), comparison.rowsPushed)
            let text = "a comparison with \(comparison.name) found differences: \(came) came, \(went) went"
            return EventDraft(.repair, .note, text, about: comparison.name)
        }
    }

    private static func backlogs(_ before: RepairReport?, _ now: RepairReport) -> [EventDraft] {
        let were = Set((before?.hints ?? []).filter { $0.objects > 0 }.map(\.peer))
        let are = now.hints.filter { $0.objects > 0 }
        return are.filter { !were.contains($0.peer) }.map { backlog in
            EventDraft(.repair, .note, backlog.sentence, about: backlog.name)
        }
            + were.filter { peer in !are.contains { $0.peer == peer } }.sorted().map { peer in
                let name = before?.hints.first { $0.peer == peer }?.name ?? String(peer.prefix(8))
                return EventDraft(.repair, .note, "nothing waits for \(name) any more", about: name)
            }
    }
}
