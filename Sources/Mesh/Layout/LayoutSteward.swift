internal import Store
package import Swim

/// Sees to it that the layout becomes what it should be: lets nodes in, ends changes that are done, carries out what
/// operators wish. Every node has one, and all of them may propose at once: the voters decide one successor, and who
/// loses looks again at what was decided. The member with the lowest id goes first, so that seldom two do.
///
/// Nothing changes because somebody failed (a dead member keeps its places until an operator says otherwise), with two
/// exceptions: a newcomer that dies before it has synced is given up, and a store that lost what it had is let in again
/// as the empty one that it is.
package struct LayoutSteward: Sendable {
    package struct Settings: Sendable {
        /// A newcomer must be there so long, so that many that come at once are one change.
        package var joinDelayMicros: UInt64 = 2_000_000
        /// Nobody waits longer for others who come.
        package var joinDelayMicrosMax: UInt64 = 10_000_000
        /// A newcomer that died keeps a change waiting so long.
        package var newcomerPatienceMicros: UInt64 = 60_000_000
        /// Each member leaves those with lower ids so much time to propose first.
        package var rankDelayMicros: UInt64 = 1_000_000
        /// A proposal of which nothing was heard for so long is taken as failed.
        package var proposalMicrosMax: UInt64 = 10_000_000
        /// After a failed proposal, up to this long until the next.
        package var retryMicrosMax: UInt64 = 2_000_000
        /// Wishes that wait at this node.
        package var wishesMax = 64
        /// More nodes than these are not let in.
        package var membersMax = Int.max

        package init() {}
    }

    package enum Directive: Sendable {
        /// Ask the voters of the present layout to decide this one; then call `proposalEnded`, however it ends.
        case propose(Layout)
        /// A wish is through with: it came true, or was refused.
        case close(wish: UInt64, WishVerdict)
    }

    private struct Pending: Sendable {
        let id: UInt64
        let wish: LayoutWish
        let isForced: Bool
    }

    private enum Work: Hashable {
        case settle
        case give(Set<NodeID>)
        case admit(Set<NodeID>)
        case collect
        case forget
    }

    private let node: NodeID
    private let settings: Settings
    private var random: UInt64
    package private(set) var layout: Layout
    private var around = LayoutSurroundings()
    private var wishes: [Pending] = []
    /// Who reported that it has synced the present epoch.
    private var synced: Set<NodeID> = []
    /// Who has to, before the present change is over.
    private var syncers: [NodeID]
    /// Stores that could be let in, and since when they have been there.
    private var candidates: [NodeID: (storeID: UInt64, since: UInt64)] = [:]
    /// Newcomers of a change under way that are dead, and since when.
    private var lostNewcomers: [NodeID: UInt64] = [:]
    /// When the proposal that is under way is taken as failed. There is never a second one beside it.
    private var proposalDeadline: UInt64?
    /// What is to be done, and since when.
    private var due: (work: Work, since: UInt64)?
    private var quietUntil: UInt64 = 0

    package init(node: NodeID, layout: Layout, seed: UInt64, settings: Settings = Settings()) {
        self.node = node
        self.layout = layout
        syncers = layout.syncers
        self.random = seed
        self.settings = settings
    }

    // MARK: Events

    /// A decided layout came, from here or from others.
    package mutating func adopted(_ layout: Layout, now: UInt64, into outbox: inout [Directive]) {
        guard layout.lineage != self.layout.lineage || layout.epoch > self.layout.epoch else { return }
        self.layout = layout
        // What was agreed was agreed in the layout before.
        around.spent = nil
        synced = []
        syncers = layout.syncers
        lostNewcomers = [:]
        due = nil
        tick(now: now, into: &outbox)
    }

    /// Who is there. `copiesInUse` and `lastTime` as in `LayoutSurroundings`.
    package mutating func saw(_ around: LayoutSurroundings, now: UInt64, into outbox: inout [Directive]) {
        self.around = around
        tick(now: now, into: &outbox)
    }

    /// A node reports that it has synced all it is to hold in this epoch.
    package mutating func synced(_ node: NodeID, epoch: UInt64, now: UInt64, into outbox: inout [Directive]) {
        guard layout.isJoint, epoch == layout.epoch else { return }
        synced.insert(node)
        tick(now: now, into: &outbox)
    }

    /// What the operator is told at once. `.propose` means that it is under way; `close` follows when it is decided.
    package mutating func wish(
        _ wish: LayoutWish,
        id: UInt64,
        isForced: Bool,
        now: UInt64,
        into outbox: inout [Directive]
    ) -> WishVerdict {
        let verdict = judge(wish, isForced: isForced)
        guard case .propose = verdict else { return verdict }
        guard wishes.count < settings.wishesMax else { return .refused("Too many changes are waiting.") }
        wishes.append(Pending(id: id, wish: wish, isForced: isForced))
        tick(now: now, into: &outbox)
        return verdict
    }

    /// Decided, lost or unreachable: what was decided comes by `adopted`.
    package mutating func proposalEnded(now: UInt64) {
        guard proposalDeadline != nil else { return }
        proposalDeadline = nil
        quietUntil = now + settings.retryMicrosMax / 4 + draw() % (settings.retryMicrosMax * 3 / 4)
    }

    /// Once a second or so.
    package mutating func tick(now: UInt64, into outbox: inout [Directive]) {
        closeWishes(into: &outbox)
        noteCandidates(now)
        noteLostNewcomers(now)
        if let proposalDeadline {
            guard now >= proposalDeadline else { return }
            proposalEnded(now: now)
        }
        guard now >= quietUntil else { return }
        if let layout = wished() { return propose(layout, now, into: &outbox) }
        guard let work = work(now) else {
            due = nil
            return
        }
        if due?.work != work { due = (work, now) }
        guard let rank, let since = due?.since, now >= since + UInt64(rank) * settings.rankDelayMicros,
            let layout = successor(for: work)
        else { return }
        propose(layout, now, into: &outbox)
    }

    private mutating func propose(_ layout: Layout, _ now: UInt64, into outbox: inout [Directive]) {
        proposalDeadline = now + settings.proposalMicrosMax
        outbox.append(.propose(layout))
    }

    // MARK: Wishes

    /// Ends those that came true, or that what was decided meanwhile made impossible.
    private mutating func closeWishes(into outbox: inout [Directive]) {
        guard !wishes.isEmpty, proposalDeadline == nil else { return }
        var open: [Pending] = []
        for pending in wishes {
            let verdict = judge(pending.wish, isForced: pending.isForced)
            if case .propose = verdict {
                open.append(pending)
            } else {
                outbox.append(.close(wish: pending.id, verdict))
            }
        }
        wishes = open
    }

    private func wished() -> Layout? {
        for pending in wishes {
            guard case .propose(let layout, _) = judge(pending.wish, isForced: pending.isForced) else { continue }
            return layout
        }
        return nil
    }

    /// Again before each proposal: two that join at once may have had room for one.
    private func judge(_ wish: LayoutWish, isForced: Bool) -> WishVerdict {
        layout.judge(wish, isForced: isForced, around: around, membersMax: settings.membersMax)
    }

    // MARK: What is to be done

    private func work(_ now: UInt64) -> Work? {
        if layout.isJoint {
            if isSynced { return .settle }
            let gone = lostNewcomers.filter { now >= $0.value + settings.newcomerPatienceMicros }
            if !gone.isEmpty { return .give(Set(gone.keys)) }
        }
        // A store that came back empty does not wait for the end of a change, which may wait for it.
        let waiting = admissible(candidates.filter { !layout.isJoint || layout.member($0.key) != nil })
        let ready = waiting.filter { now >= $0.value.since + settings.joinDelayMicros }
        guard let oldest = ready.map(\.value.since).min() else { return hasGone ? .forget : collection }
        guard ready.count == waiting.count || now >= oldest + settings.joinDelayMicrosMax else { return nil }
        return .admit(Set(ready.keys))
    }

    /// How many more nodes may get a place.
    private var newcomerRoom: Int { max(0, settings.membersMax - layout.targets.count) }

    /// Those for whom there is room; who has a place already needs none.
    private func admissible<Candidate>(_ waiting: [NodeID: Candidate]) -> [NodeID: Candidate] {
        let strangers = waiting.keys.filter { layout.member($0) == nil }.sorted().dropFirst(newcomerRoom)
        return waiting.filter { !strangers.contains($0.key) }
    }

    /// The layout speaks of buckets that were deleted for good.
    private var hasGone: Bool { layout.forgetting(around.goneBuckets) != nil }

    /// Whoever waits to come in comes first.
    private var collection: Work? {
        !layout.isJoint && admissible(candidates).isEmpty && around.spent != nil ? .collect : nil
    }

    private func successor(for work: Work) -> Layout? {
        switch work {
        case .settle: return layout.settledSuccessor
        case .collect: return around.spent.flatMap { layout.collected($0) }
        case .forget: return layout.forgetting(around.goneBuckets)
        case .give(let nodes): return layout.changed(to: layout.targets.filter { !nodes.contains($0.node) })
        case .admit(let nodes):
            let newcomers = nodes.sorted().compactMap { around.presence[$0]?.newcomer }.map(asBefore)
            let kept = layout.targets.filter { !nodes.contains($0.node) }
            return layout.changed(to: kept + newcomers, struck: strikes(nodes), lastTime: around.lastTime)
        }
    }

    /// A node that lost its store keeps what operators said of it.
    private func asBefore(_ newcomer: LayoutMember) -> LayoutMember {
        guard let former = layout.member(newcomer.node) else { return newcomer }
        var newcomer = newcomer
        newcomer.zone = former.zone
        newcomer.weight = former.weight
        newcomer.state = former.state
        return newcomer
    }

    /// The places of stores that are gone for good, where others know all that they knew.
    private func strikes(_ nodes: Set<NodeID>) -> [NodeID: Set<Partition>] {
        var strikes: [NodeID: Set<Partition>] = [:]
        for node in nodes.sorted() where layout.member(node) != nil {
            // One at a time: two places of one partition are not harmless together.
            guard strikes.isEmpty else { break }
            strikes[node] = layout.without(around.goneBuckets).strikes(of: node, around: around).harmless
        }
        return strikes
    }

    private var isSynced: Bool {
        syncers.allSatisfy { synced.contains($0) }
    }

    /// This node's place among the living members; nil if it has none, and then it proposes nothing by itself.
    private var rank: Int? {
        let living = layout.targets.filter { $0.node == node || around.isAlive($0) }.map(\.node)
        return living.firstIndex(of: node)
    }

    private mutating func noteCandidates(_ now: UInt64) {
        var found: [NodeID: (storeID: UInt64, since: UInt64)] = [:]
        for (node, seen) in around.presence where seen.isAlive && isWelcome(seen) {
            let former = candidates[node].flatMap { $0.storeID == seen.storeID ? $0.since : nil }
            found[node] = (seen.storeID, former ?? now)
        }
        candidates = found
    }

    private func isWelcome(_ seen: StorePresence) -> Bool {
        if layout.admits(seen.node, storeID: seen.storeID) { return false }
        if layout.departed.contains(DepartedStore(node: seen.node, storeID: seen.storeID)) { return false }
        if layout.owner(of: seen.storeID, other: seen.node) != nil { return false }
        return !around.presence.values.contains { $0.node != seen.node && $0.storeID == seen.storeID }
            && seen.zone.utf8.count <= LayoutMember.zoneBytesMax
    }

    private mutating func noteLostNewcomers(_ now: UInt64) {
        guard layout.isJoint else { return }
        var found: [NodeID: UInt64] = [:]
        for member in layout.targets where layout.isNewcomer(member) && !around.isAlive(member) {
            found[member.node] = lostNewcomers[member.node] ?? now
        }
        lostNewcomers = found
    }

    /// SplitMix64: retries spread without a source of chance.
    private mutating func draw() -> UInt64 {
        random &+= 0x9e37_79b9_7f4a_7c15
        return Rendezvous.mix(random)
    }
}

extension Layout {
    /// It comes with the change under way, and no former store of its node has a place.
    func isNewcomer(_ member: LayoutMember) -> Bool {
        isJoint && member.memberSince > origin && member.state == .active
            && members.count(where: { $0.node == member.node }) == 1
    }
}
