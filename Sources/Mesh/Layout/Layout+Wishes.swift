internal import Store
internal import Swim

/// Judges what an operator wants: the layout to propose, or why not.
extension Layout {
    /// The same where a node lets no more than `membersMax` nodes in.
    package func judge(
        _ wish: LayoutWish,
        isForced: Bool,
        around: LayoutSurroundings,
        membersMax: Int
    ) -> WishVerdict {
        let verdict = judge(wish, isForced: isForced, around: around)
        guard case .propose = verdict, targets.count >= membersMax else { return verdict }
        switch wish {
        case .join(let node), .resume(let node):
            guard member(node) == nil else { return verdict }
            return .refused("The mesh has \(targets.count) nodes, and max-nodes allows no more.")
        default: return verdict
        }
    }

    package func judge(_ wish: LayoutWish, isForced: Bool, around: LayoutSurroundings) -> WishVerdict {
        without(around.goneBuckets).judgeLiving(wish, isForced, around)
    }

    /// The same where no bucket is mentioned that is gone.
    private func judgeLiving(_ wish: LayoutWish, _ isForced: Bool, _ around: LayoutSurroundings) -> WishVerdict {
        let verdict = judgeAlone(wish, isForced, around)
        guard case .propose(let next, let notes) = verdict else { return verdict }
        let bereft = bereftPools(in: next)
        // A move takes the bucket out of its pool on purpose.
        if !bereft.isEmpty, !wish.isMove, !givesUpTheDead(wish, around) {
            return .refused(Self.lastOfPool(bereft, self))
        }
        let away = missing(after: next, around)
        guard !away.isEmpty else { return verdict }
        // Nothing leads out of it but to give up one after the other.
        guard givesUpTheDead(wish, around) else {
            return .refused(Self.awaited(away, for: "Some keys would have no majority"))
        }
        let names = Wording.list(away.map(\.description))
        return .propose(next, notes: notes + ["Some keys have no majority until \(names) is back or removed too."])
    }

    private func judgeAlone(_ wish: LayoutWish, _ isForced: Bool, _ around: LayoutSurroundings) -> WishVerdict {
        switch wish {
        case .join(let node): judgeJoin(node, around)
        case .drain(let node): judgeExit([node], .draining, isForced, around)
        case .remove(let nodes): judgeExit(nodes, .leaving, isForced, around)
        case .resume(let node): judgeResume(node, around)
        case .replace(let node, let heir): judgeReplacement(node, heir, isForced, around)
        case .weight(let node, let weight): judgeSetting(node, weight: weight, zone: nil)
        case .zone(let node, let zone): judgeSetting(node, weight: nil, zone: zone)
        case .copies(let bucket, let base, let wanted): judgeCopies(bucket, base, wanted, around)
        case .move(let bucket, let base, let scope): judgeMove(bucket, base, scope, around)
        case .forget(let node): judgeForgetting(node, isForced, around)
        }
    }

    private func judgeJoin(_ node: NodeID, _ around: LayoutSurroundings) -> WishVerdict {
        guard let seen = around.presence[node], seen.isAlive else { return .refused("No node \(node) is alive.") }
        if let member = member(node), member.storeID == seen.storeID, member.state != .leaving { return .alreadySo }
        if let owner = owner(of: seen.storeID, other: node) { return .refused(clone(node, owner)) }
        return proposal(adding([seen.newcomer], lastTime: around.lastTime))
    }

    private func judgeExit(
        _ nodes: Set<NodeID>,
        _ state: LayoutMember.State,
        _ isForced: Bool,
        _ around: LayoutSurroundings
    ) -> WishVerdict {
        let strangers = nodes.filter { node in member(node) == nil && !departed.contains { $0.node == node } }
        if let stranger = strangers.min() { return .refused(unknown(stranger)) }
        let going = targets.filter { nodes.contains($0.node) && $0.state != state }
        guard !going.isEmpty else { return .alreadySo }
        let changed = targets.map { nodes.contains($0.node) ? $0.with(state: state) : $0 }
        guard changed.contains(where: { $0.effectiveWeight > 0 }) else {
            let names = Wording.list(going.map(\.node.description))
            let last = going.count == 1 ? "is the last node that holds" : "are the last nodes that hold"
            return .refused("\(names) \(last) anything: add another one first.")
        }
        let dead = going.filter { !around.isAlive($0) }.map(\.node)
        // It would give its share away as one that stays: nobody can give what only a dead disk has, and nobody waits for
        // a node that is to hold nothing.
        if state == .draining, let node = dead.first {
            return .refused(
                "\(node) does not answer, and only who answers can be drained: start it again, or give its place away with "
                    + "`meshd node remove \(node)` or `meshd node replace \(node) NEW`."
            )
        }
        let strikes = dead.map { self.strikes(of: $0, around: around) }
        let losses = strikes.map(\.loss).filter { !$0.isEmpty }
        if !isForced, let first = losses.first { return .needsForce(losses.dropFirst().reduce(first) { $0 + $1 }) }
        let struck = zip(dead, strikes.map(\.partitions)).filter { !$0.1.isEmpty }
        // Two places of one partition are not harmless together.
        guard struck.count < 2 || isForced else {
            return .refused("\(Wording.list(dead.map(\.description))) do not answer: remove one after the other.")
        }
        return proposal(self.changed(to: changed, struck: Dictionary(uniqueKeysWithValues: struck)))
    }

    private func judgeResume(_ node: NodeID, _ around: LayoutSurroundings) -> WishVerdict {
        guard let member = member(node) else {
            // One that was removed, and is wanted again.
            return departed.contains { $0.node == node } ? judgeJoin(node, around) : .refused(unknown(node))
        }
        if member.state == .active { return .alreadySo }
        return proposal(resuming([node]))
    }

    private func judgeReplacement(
        _ node: NodeID,
        _ heir: NodeID,
        _ isForced: Bool,
        _ around: LayoutSurroundings
    ) -> WishVerdict {
        let isIn = member(heir).map { $0.state == .active } ?? false
        guard let member = member(node), member.state != .leaving else {
            return isIn ? .alreadySo : .refused(unknown(node))
        }
        guard node != heir else { return .refused("A node whose store is new is let in again by itself.") }
        guard let seen = around.presence[heir], seen.isAlive else { return .refused("No node \(heir) is alive.") }
        guard seen.weight > 0 else { return .refused("\(heir) does not want to hold anything: its weight is 0.") }
        // One that just comes in by itself takes another aim; what it has fetched stays useful.
        if isIn, indexes(of: heir).contains(where: current.keepsBytes) {
            return .refused("\(heir) has a share already: remove \(node), and the others take over.")
        }
        if let owner = owner(of: seen.storeID, other: heir) { return .refused(clone(heir, owner)) }
        let strikes = around.isAlive(member) ? nil : strikes(of: node, around: around)
        if let strikes, !strikes.loss.isEmpty, !isForced { return .needsForce(strikes.loss) }
        let kept = self.member(heir).flatMap { $0.storeID == seen.storeID ? $0.with(state: .active) : nil }
        let left = targets.filter { $0.node != heir }.map { $0.node == node ? $0.with(state: .leaving) : $0 }
        return proposal(
            changed(
                to: left + [kept ?? seen.newcomer],
                heirs: [node: heir],
                struck: [node: strikes?.partitions ?? []],
                lastTime: around.lastTime
            )
        )
    }

    private func judgeSetting(_ node: NodeID, weight: UInt32?, zone: String?) -> WishVerdict {
        guard let member = member(node) else { return .refused(unknown(node)) }
        if let zone, zone.isEmpty || zone.utf8.count > LayoutMember.zoneBytesMax {
            return .refused("A zone's name has 1 to \(LayoutMember.zoneBytesMax) bytes.")
        }
        if weight ?? member.weight == member.weight, zone ?? member.zone == member.zone { return .alreadySo }
        guard weight != 0 || targets.contains(where: { $0.node != node && $0.effectiveWeight > 0 }) else {
            return .refused("\(node) is the last node that holds anything: add another one first.")
        }
        return proposal(setting(node, weight: weight, zone: zone))
    }

    private func judgeCopies(
        _ bucket: BucketID,
        _ base: Int,
        _ wanted: Int,
        _ around: LayoutSurroundings
    ) -> WishVerdict {
        guard BucketSettings.copiesChoices.contains(wanted) else {
            return .refused(
                "A bucket has \(BucketSettings.copiesChoices.map(String.init).joined(separator: ", ")) copies."
            )
        }
        guard span(of: bucket, base: base).next.copies != wanted else { return .alreadySo }
        guard let layout = changing(bucket, base: base, to: wanted, gone: around.goneBuckets) else {
            return .refused(Self.tooManySpreads)
        }
        // All that hold something have a part in it: it would wait for who is away.
        let away = layout.isJoint ? storageMembers.filter { !around.isAlive($0) }.map(\.node) : []
        guard away.isEmpty else { return .refused(Self.awaited(away, for: "Copies are not changed")) }
        let note = layout.shortage(of: layout.span(of: bucket, base: base).next)
        return .propose(layout, notes: [note].compactMap(\.self))
    }

    /// Why something is not begun while nodes are away.
    static func awaited(_ nodes: [NodeID], for what: String) -> String {
        let names = Wording.list(nodes.map(\.description))
        let (verb, them) = nodes.count == 1 ? ("does", "its place") : ("do", "their places")
        return "\(what) while \(names) \(verb) not answer: start \(names) again, or give \(them) away with "
            + "`meshd node remove` or `meshd node replace`."
    }

    private func judgeForgetting(_ node: NodeID, _ isForced: Bool, _ around: LayoutSurroundings) -> WishVerdict {
        let former = members.filter { $0.node == node && !around.isAlive($0) }
        guard !former.isEmpty else { return .refused("No store of \(node) is missing.") }
        let strikes = strikes(of: node, around: around)
        if strikes.partitions.isEmpty { return .alreadySo }
        if !strikes.loss.isEmpty, !isForced { return .needsForce(strikes.loss) }
        return proposal(changed(to: targets, struck: [node: strikes.partitions]))
    }

    private func proposal(_ layout: Layout?) -> WishVerdict {
        guard let layout else {
            return .refused("A layout has at most \(SlotTable.membersMax) members, and one that holds something.")
        }
        let (before, after) = (target.copiesMax, layout.target.copiesMax)
        let fewer = after < min(before, Self.copiesDefault)
        let whole = fewer ? ["Buckets that want \(Self.copiesDefault) copies will have \(after)."] : []
        return .propose(layout, notes: whole + fewerInPools(layout))
    }

    private func indexes(of node: NodeID) -> [UInt8] {
        members.indices.filter { members[$0].node == node }.map { UInt8($0) }
    }

    func owner(of storeID: UInt64, other node: NodeID) -> NodeID? {
        targets.first { $0.storeID == storeID && $0.node != node }?.node
    }

    private func unknown(_ node: NodeID) -> String { "No node \(node) is in the layout." }

    private func clone(_ node: NodeID, _ owner: NodeID) -> String {
        "The store of \(node) is a copy of the one of \(owner): start it on an empty directory."
    }
}

extension LayoutMember {
    func with(state: State) -> LayoutMember {
        var member = self
        member.state = state
        return member
    }
}
