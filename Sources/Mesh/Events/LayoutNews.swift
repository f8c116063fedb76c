package import Swim

/// What is new between two layouts, as events. Pure: each sentence has a test.
package enum LayoutNews {
    /// - Parameter before: nil when this node had none.
    package static func drafts(_ before: Layout?, _ now: Layout, name: (NodeID) -> String) -> [EventDraft] {
        guard let before else {
            return [EventDraft(.layout, .note, "this node goes by layout epoch \(now.epoch)")]
        }
        guard now.epoch != before.epoch || now.lineage != before.lineage else { return [] }
        var drafts: [EventDraft] = []
        if now.lineage != before.lineage {
            let text = "a lost majority was given up: the layout begins anew with epoch \(now.epoch)"
            drafts.append(EventDraft(.layout, .warning, text))
        }
        func add(_ node: NodeID, _ text: String, _ severity: MeshEvent.Severity = .note) {
            let named = name(node)
            drafts.append(EventDraft(.layout, severity, "\(named) \(text), epoch \(now.epoch)", about: named))
        }
        for member in now.members where now.member(member.node) == member {
            guard let former = before.member(member.node) else {
                add(member.node, "gets a place in the layout")
                continue
            }
            if former.storeID != member.storeID {
                add(member.node, "comes back with another store: what it held is copied to it again", .warning)
            }
            if former.state != member.state {
                switch member.state {
                case .active: add(member.node, "holds its share again")
                case .draining: add(member.node, "is drained: it gives its share to others")
                case .leaving: add(member.node, "is removed: it gives its share to others")
                }
            }
            if former.weight != member.weight {
                add(member.node, "gets the weight \(member.weight) instead of \(former.weight)")
            }
            if former.zone != member.zone { add(member.node, "is in zone \(member.zone) instead of \(former.zone)") }
        }
        for member in before.members where now.member(member.node) == nil && before.member(member.node) == member {
            add(member.node, "has no place in the layout any more")
        }
        func aim(_ entry: BucketSpread, _ layout: Layout) -> Spread {
            layout.span(of: entry.bucket, base: entry.base).next
        }
        if now.isJoint {
            // Mentions that go are of buckets that are gone.
            let changed = now.spreads.filter { $0.next != aim($0, before) }
            let moved = Set(changed.filter { $0.next.pool != aim($0, before).pool }.map(\.bucket))
            if !moved.isEmpty {
                let verb = moved.count == 1 ? "moves" : "move"
                let buckets = Wording.count(moved.count, "bucket", "buckets")
                let text = "\(buckets) \(verb) to other nodes, epoch \(now.epoch)"
                drafts.append(EventDraft(.layout, .note, text))
            }
            if changed.contains(where: { !moved.contains($0.bucket) }) {
                drafts.append(EventDraft(.layout, .note, "numbers of copies of buckets change, epoch \(now.epoch)"))
            }
        } else if !before.isJoint, now.spreads.contains(where: { !before.spreads.contains($0) }) {
            drafts.append(EventDraft(.layout, .note, "numbers of copies of buckets change, epoch \(now.epoch)"))
        }
        if now.isJoint, now.next != before.next {
            let copies = LayoutMovement(now).movedCopies
            let many = Wording.count(copies, "copy of a partition", "copies of partitions")
            // Where only buckets move, that was said.
            if copies > 0 || now.spreads == before.spreads {
                drafts.append(EventDraft(.layout, .note, "data moves: \(many), epoch \(now.epoch)"))
            }
        } else if before.isJoint, !now.isJoint {
            drafts.append(EventDraft(.layout, .note, "the change is over: nothing moves, epoch \(now.epoch)"))
        }
        return drafts
    }
}
