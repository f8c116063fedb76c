import Mesh
import Store
import Swim

/// Rules that the simulated holders and the oracle of layouts break, to see that it is noticed.
struct SimFaults: OptionSet, Sendable {
    let rawValue: UInt32

    static let acceptorIgnoresPredecessor = SimFaults(rawValue: 1 << 0)
    /// A store that lost its rows answers as if nothing had happened.
    static let answersAfterLoss = SimFaults(rawValue: 1 << 1)
    /// The layout goes from one set to the next in one step.
    static let noJoint = SimFaults(rawValue: 1 << 2)
    static let noFence = SimFaults(rawValue: 1 << 3)
    /// New members take over from one old member.
    static let singlePull = SimFaults(rawValue: 1 << 4)
    static let instancesStayBehind = SimFaults(rawValue: 1 << 5)
    /// The removal of the version null lets older ones come back.
    static let removalForgets = SimFaults(rawValue: 1 << 6)
    /// Any stamp is accepted: for mutants that make other stamps.
    static let anyStamp = SimFaults(rawValue: 1 << 7)
    /// Tombstones are collected as soon as a quorum has them.
    static let collectsOnQuorum = SimFaults(rawValue: 1 << 8)
    /// Holders collect without the fence of a new epoch: what was sent before is still served.
    static let collectsUnfenced = SimFaults(rawValue: 1 << 9)
    /// What was collected lies above the stamps of new creates.
    static let settledStays = SimFaults(rawValue: 1 << 10)
    /// Nodes that are no holders any more are not asked whether they have gone through what they had.
    static let surplusIgnored = SimFaults(rawValue: 1 << 11)
    /// Repair says which epoch holds when it sends, not when it read.
    static let lateTags = SimFaults(rawValue: 1 << 12)
    /// A node that comes into the set again remembers promises and acceptances of its former time in it.
    static let instancesOutlast = SimFaults(rawValue: 1 << 13)
    /// A coordinator whose call fails does not look whether its node has learned of another layout.
    static let clingsToLayout = SimFaults(rawValue: 1 << 14)
    /// A tombstone is a predecessor like others, however old, as it was before decision 79.
    static let tombstonesBind = SimFaults(rawValue: 1 << 15)
}

/// The layout of the one partition that is simulated, as an oracle decides it.
struct SimLayout: Sendable {
    let epoch: UInt64
    let current: [Int]
    let next: [Int]?
    /// The epoch since which each holder holds without a break.
    let memberSince: [Int: UInt64]
    /// Of the present set those whose disk was lost: what is in their place has no vote for what was there.
    var lost: Set<Int> = []
    /// No stamp up to this is given out any more.
    var settled: UInt64 = 100
    /// Behind the one before only tombstones were collected.
    var isCollection = false

    var holders: HolderSet {
        HolderSet(
            current: current.map { lost.contains($0) ? HolderSet.lost : SimMesh.node($0) },
            next: next?.map(SimMesh.node)
        )
    }

    func holds(_ node: Int) -> Bool { current.contains(node) || next?.contains(node) == true }
}

/// One holder: rows in memory that stand for a disk, decided on by `KeyRules` as the store does it.
struct SimReplica {
    struct Held {
        var rows: [Row] = []
        var instance: OpenInstance?

        var refs: KeyRows { KeyRows(rows.map(\.ref)) }

        /// The rows that may be collected once all holders have the same.
        var spent: [Row] {
            let refs = refs
            return instance == nil ? rows.filter { KeyRules.isSpent($0.ref, among: refs) } : []
        }
    }

    let index: Int
    var keys: [Key: Held] = [:]
    var layout: SimLayout
    /// What the disk says of the membership; another number in the layout means another life.
    var memberSince: UInt64
    var isLost = false
    /// What all holders said they have, in which epoch: to be collected in the next.
    var spent: (epoch: UInt64, rows: [RowRef]) = (0, [])
    /// The highest that it gave out while it was alone.
    var lastTime: UInt64 = 0
    var faults: SimFaults

    init(_ index: Int, _ layout: SimLayout, _ faults: SimFaults) {
        self.index = index
        self.layout = layout
        memberSince = layout.memberSince[index] ?? 0
        self.faults = faults
    }

    /// It holds everything alone, and decides without machines.
    var isSole: Bool { layout.current == [index] && layout.next == nil }

    /// True when it starts from nothing.
    mutating func adopt(_ news: SimLayout) -> Bool {
        guard news.epoch > layout.epoch else { return false }
        layout = news
        // Those who held the keys since then may have agreed on something else behind its back.
        if news.next?.contains(index) == true, !news.current.contains(index), !faults.contains(.instancesOutlast) {
            for key in keys.keys.sorted() { keys[key]?.instance = nil }
        }
        guard let since = news.memberSince[index], since != memberSince else { return false }
        memberSince = since
        isLost = false
        keys = [:]
        return true
    }

    mutating func lose() {
        keys = [:]
        isLost = !faults.contains(.answersAfterLoss)
    }

    /// The epoch below which nothing is taken any more.
    var fence: UInt64 {
        layout.isCollection && faults.contains(.collectsUnfenced) ? layout.epoch - 1 : layout.epoch
    }

    // MARK: Answers

    mutating func answer(_ call: ReplicaCall) -> ReplicaReply {
        // The set changes with every epoch here, so the fence is the epoch.
        if call.epoch < fence, !faults.contains(.noFence) { return .refused(.staleEpoch(layout.epoch)) }
        if call.epoch > layout.epoch { return .refused(.unknownEpoch(layout.epoch)) }
        if isLost || (!layout.holds(index) && !faults.contains(.noFence)) { return .refused(.notHolder) }
        switch call.request {
        case .look(let address, let selector, let depth):
            return .view(view(keys[address.key] ?? Held(), selector, depth))
        case .newest(let address, let time):
            let seen = view(keys[address.key] ?? Held(), .current, .stamps)
            guard let top = seen.top else { return .view(seen) }
            // Another key may share the bound: what is below is told then, too.
            let isShared = top.w & 1 == 0
            return .view(top.t >= time || isShared ? seen : KeyView(chain: [], found: nil))
        case .fetch(let address, let stamps):
            let held = keys[address.key] ?? Held()
            return .rows(stamps.compactMap { stamp in held.rows.first { $0.stamp == stamp } })
        case .commit(let row): return commit(row)
        case .prepare(let address, let predecessor, let ballot):
            return prepare(address, predecessor, ballot)
        case .accept(let row, let predecessor, let ballot): return accept(row, predecessor, ballot)
        case .scan: return .refused(.invalid)
        }
    }

    private func view(_ held: Held, _ selector: VersionSelector, _ depth: LookDepth) -> KeyView {
        let refs = held.refs
        var found: Row?
        if depth != .stamps, let answer = refs.answer(to: selector) {
            found = held.rows.first { $0.stamp == answer.stamp }
            if let retag = refs.retag(of: answer.stamp), let row = held.rows.first(where: { $0.stamp == retag.stamp }) {
                found?.record.tags = row.record.tags
            }
        }
        return KeyView(chain: refs.chain(selector), found: found)
    }

    mutating func commit(_ row: Row) -> ReplicaReply {
        var held = keys[row.record.key] ?? Held()
        if faults.contains(.tombstonesBind), held.rows.isEmpty, held.instance?.predecessor == nil,
            let accepted = held.instance?.accepted, row.stamp < accepted.row.stamp
        {
            return .outbid(accepted.ballot)
        }
        let kept = held.instance.map { (instance: $0, chain: held.refs) }
        let decision = KeyRules.commit(row.ref, among: held.refs, kept: kept, settled: layout.settled)
        switch decision {
        case .store(var dropped):
            if faults.contains(.removalForgets) {
                dropped.removeAll { stamp in
                    held.rows.contains { $0.stamp == stamp && !isVoidToTheForgetful($0.ref, held.rows + [row]) }
                }
            }
            let isNewest = held.rows.allSatisfy { $0.stamp < row.stamp }
            held.rows.removeAll { dropped.contains($0.stamp) }
            held.rows.append(row)
            if isNewest { held.instance = base(held).outlasting(held.instance) }
            keys[row.record.key] = held
            return .stored(.complete)
        case .known: return .stored(.complete)
        case .void:
            if faults.contains(.removalForgets), !isVoidToTheForgetful(row.ref, held.rows) {
                keys[row.record.key, default: held].rows.append(row)
                return .stored(.complete)
            }
            return .stored(.superseded)
        case .pending(let ballot): return .outbid(ballot)
        case .closed: return .refused(.bucketClosed)
        case .invalid: return .refused(.invalid)
        }
    }

    /// As if a removal said nothing of what its target had replaced.
    private func isVoidToTheForgetful(_ row: RowRef, _ rows: [Row]) -> Bool {
        rows.contains { other in
            if other.record.isNull, row.isNull, other.ref.isVersion, other.stamp > row.subject { return true }
            return other.record.target == row.subject && other.stamp > row.stamp
                && (other.record.kind == .removal || other.record.kind == row.kind)
        }
    }

    private func base(_ held: Held) -> KeyBase {
        if faults.contains(.tombstonesBind), let top = held.refs.top { return KeyBase(top: top.stamp) }
        return KeyBase(held.refs, settled: layout.settled)
    }

    /// What the acceptor of a proposal goes by: what it has, or, as a mutant, what the proposer says.
    private func base(_ held: Held, for predecessor: Stamp?) -> KeyBase {
        guard faults.contains(.acceptorIgnoresPredecessor) else { return base(held) }
        return KeyBase(top: predecessor, current: .object, settled: predecessor == nil ? layout.settled : 0)
    }

    private mutating func prepare(_ address: RowAddress, _ predecessor: Stamp?, _ ballot: Ballot) -> ReplicaReply {
        var held = keys[address.key] ?? Held()
        let decision = KeyRules.prepare(
            address,
            predecessor: predecessor,
            ballot,
            on: base(held, for: predecessor),
            kept: held.instance
        )
        switch decision {
        case .promise(let instance):
            held.instance = instance
            keys[address.key] = held
            return .promised(accepted: instance.accepted)
        case .elsewhere: return .elsewhere(view(held, .current, .stamps))
        case .outbid(let ballot): return .outbid(ballot)
        }
    }

    private mutating func accept(_ row: Row, _ predecessor: Stamp?, _ ballot: Ballot) -> ReplicaReply {
        var held = keys[row.record.key] ?? Held()
        var judged = row
        if faults.contains(.anyStamp), let stamp = base(held, for: predecessor).successor {
            judged.record.stamp = stamp
            if let target = row.record.target, target >= stamp { judged.record.target = nil }
        }
        let decision = KeyRules.accept(
            judged,
            predecessor: predecessor,
            ballot,
            on: base(held, for: predecessor),
            kept: held.instance
        )
        switch decision {
        case .accept(var instance):
            instance.accepted = Proposal(ballot: ballot, row: row)
            held.instance = instance
            keys[row.record.key] = held
            return .accepted
        case .elsewhere: return .elsewhere(view(held, .current, .stamps))
        case .outbid(let ballot): return .outbid(ballot)
        case .closed: return .refused(.bucketClosed)
        case .invalid: return .refused(.invalid)
        }
    }

    // MARK: Alone

    /// What the store does with a write while it holds everything alone, in one step: what is replaced or deleted leaves
    /// no trace. `isWanted` judges the object that is there; false: it is not.
    mutating func place(_ row: Row, wallTime: UInt64, writer: UInt64, if isWanted: (Row?) -> Bool) -> Bool {
        let held = keys[row.record.key] ?? Held()
        guard isWanted(object(row.record.key)) else { return false }
        lastTime = max(wallTime, lastTime + 1, held.refs.top.map { $0.stamp.t + 1 } ?? 0)
        var row = row
        row.record.stamp = Stamp(t: lastTime, w: writer, q: 0)
        keys[row.record.key] = Held(rows: row.record.kind == .tombstone ? [] : [row])
        return true
    }

    func object(_ key: Key) -> Row? {
        guard let held = keys[key], let current = held.refs.current else { return nil }
        return held.rows.first { $0.stamp == current.stamp && $0.record.kind == .object }
    }

    // MARK: Collection

    /// What of these rows is here, says nothing any more, and is all there is of it.
    func isSpent(_ rows: [Row], at key: Key) -> Bool {
        let held = keys[key] ?? Held()
        if held.instance != nil { return false }
        let refs = held.refs
        return rows.allSatisfy { KeyRules.isSpent($0.ref, among: refs) }
    }

    /// Collects what all holders said to have in the epoch before; the stamps of the rows that went.
    mutating func collect(at key: Key) -> [Stamp] {
        guard layout.isCollection, spent.epoch + 1 == layout.epoch, var held = keys[key] else { return [] }
        defer { spent = (0, []) }
        if held.instance != nil { return [] }
        let refs = held.refs
        let rows = spent.rows.filter { $0.stamp.t <= layout.settled || faults.contains(.settledStays) }
            .filter { KeyRules.isSpent($0, among: refs) }
        held.rows.removeAll { row in rows.contains(row.ref) }
        keys[key] = held
        return rows.map(\.stamp)
    }

    // MARK: Taking over

    /// Takes in what an old member has of all keys.
    mutating func merge(_ others: [Key: Held]) {
        for key in others.keys.sorted() {
            guard let other = others[key] else { continue }
            for row in other.rows.sorted(by: { $0.stamp < $1.stamp }) { _ = commit(row) }
            guard !faults.contains(.instancesStayBehind) else { continue }
            var held = keys[key] ?? Held()
            held.instance = KeyRules.merge(held.instance, other.instance, on: base(held))
            keys[key] = held
        }
    }
}
