import Store
import Swim
import Testing

@testable import Mesh

/// Several stewards, each with its own late view, and an oracle that decides proposals as the voters would: one for
/// each epoch, if a majority of the voters is up.
struct StewardSimulation {
    struct Station {
        let id: NodeID
        var storeID: UInt64
        var isUp = true
        var zone: String
        var weight: UInt32
        var steward: LayoutSteward
        var view: [NodeID: StorePresence] = [:]
        var openWishes: Set<UInt64> = []
    }

    struct Proposal {
        let proposer: Int
        let layout: Layout
        let at: UInt64
    }

    private static let buckets = (1...3).map { BucketID(rawValue: $0) }

    let seed: UInt64
    var random: S3Random
    var now: UInt64 = 0
    var stations: [Station] = []
    var decided: Layout
    var proposals: [Proposal] = []
    /// Stores that have really synced the decided epoch.
    var synced: [NodeID: UInt64] = [:]
    var wishes: UInt64 = 0
    var isCalm = false
    var faults: [String] = []
    var epochs = 0
    var retargets = 0
    var giveUps = 0

    init(seed: UInt64) {
        self.seed = seed
        random = S3Random(seed)
        let id = PlacementSample.id(seed &* 1000)
        decided = Layout.first(node: id, storeID: 1, zone: "z0", weight: 100, lineage: seed)
        stations = [
            Station(
                id: id,
                storeID: 1,
                zone: "z0",
                weight: 100,
                steward: Self.steward(id, decided, seed)
            )
        ]
        for _ in 0..<Int.random(in: 1...4, using: &random) { enter() }
    }

    private static func steward(_ id: NodeID, _ layout: Layout, _ seed: UInt64) -> LayoutSteward {
        var settings = LayoutSteward.Settings()
        settings.newcomerPatienceMicros = 5_000_000
        return LayoutSteward(node: id, layout: layout, seed: seed, settings: settings)
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func enter() {
        let id = PlacementSample.id(seed &* 1000 + UInt64(stations.count))
        stations.append(
            Station(
                id: id,
                storeID: random.next(),
                zone: "z\(Int.random(in: 0..<3, using: &random))",
                weight: [100, 100, 150, 300].randomElement(using: &random)!,
                steward: Self.steward(id, decided, random.next())
            )
        )
    }

    private func isUp(_ member: LayoutMember) -> Bool {
        stations.contains { $0.id == member.node && $0.storeID == member.storeID && $0.isUp }
    }

    private var upMembers: [NodeID] { decided.targets.filter(isUp).map(\.node) }

    // MARK: Time

    mutating func run(steps: Int) {
        for _ in 0..<steps { step() }
        isCalm = true
        for at in stations.indices { stations[at].isUp = true }
        var quiet = 0
        for _ in 0..<600 where quiet < 30 {
            let epoch = decided.epoch
            step()
            quiet = decided.epoch == epoch && !decided.isJoint && proposals.isEmpty ? quiet + 1 : 0
        }
        checkEnd()
    }

    private mutating func step() {
        now += UInt64.random(in: 100_000...1_000_000, using: &random)
        if !isCalm { disturb() }
        for at in stations.indices where stations[at].isUp { attend(at) }
        let due = proposals.filter { $0.at <= now }
        proposals.removeAll { $0.at <= now }
        for proposal in due { decide(proposal) }
        sync()
    }

    private mutating func disturb() {
        if chance(3), stations.count < 9 { enter() }
        let at = Int.random(in: stations.indices, using: &random)
        if chance(6) { stations[at].isUp.toggle() }
        if !stations[at].isUp { abandon(at) }
        if chance(10) { stations[at].isUp = true }
        if chance(2), !decided.isJoint, canLoseOne, decided.targets.allSatisfy(isUp) {
            abandon(at)
            stations[at].storeID = random.next()
            var outbox: [LayoutSteward.Directive] = []
            stations[at].steward = Self.steward(stations[at].id, decided, random.next())
            stations[at].steward.tick(now: now, into: &outbox)
            stations[at].openWishes = []
        }
        if chance(6), stations[at].isUp { wish(at) }
    }

    /// Every key has another two holders: what only one disk had is given up by an operator, or waits for ever.
    private var canLoseOne: Bool {
        spans(decided).allSatisfy { decided.holders(of: Partition(number: 0), copies: $0).current.count >= 3 }
    }

    /// A process that ends asks no voter any more.
    private mutating func abandon(_ at: Int) {
        proposals.removeAll { $0.proposer == at }
        stations[at].steward.proposalEnded(now: now)
    }

    private mutating func wish(_ at: Int) {
        let node = stations.randomElement(using: &random)!.id
        let other = stations.randomElement(using: &random)!.id
        let bucket = Self.buckets.randomElement(using: &random)!
        let wish: LayoutWish =
            switch Int.random(in: 0..<11, using: &random) {
            case 0: .drain(node)
            case 1, 2: .resume(node)
            case 3: .remove(chance(30) ? [node, other] : [node])
            case 4: .replace(node, by: other)
            case 5: .weight(node, [50, 100, 200].randomElement(using: &random)!)
            case 6: .zone(node, "z\(Int.random(in: 0..<3, using: &random))")
            case 7: .copies(bucket, base: 3, wanted: [1, 2, 3, 5].randomElement(using: &random)!)
            case 8, 9: .move(bucket, base: 3, to: scope())
            default: .join(node)
            }
        wishes += 1
        var outbox: [LayoutSteward.Directive] = []
        let id = wishes
        let verdict = stations[at].steward.wish(wish, id: id, isForced: false, now: now, into: &outbox)
        if case .propose = verdict { stations[at].openWishes.insert(id) }
        obey(outbox, at)
    }

    private mutating func scope() -> Pool.Scope? {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return nil
        case 1: return .zones(["z\(Int.random(in: 0..<3, using: &random))"])
        default:
            let count = Int.random(in: 1...4, using: &random)
            return .nodes(Set(stations.shuffled(using: &random).prefix(count).map(\.id)))
        }
    }

    /// How buckets are spread, those that nobody changed among them.
    private func spans(_ layout: Layout) -> [CopySpan] {
        Self.buckets.map { layout.span(of: $0, base: 3) } + [CopySpan(3)]
    }

    /// News reach this station, or not yet.
    private mutating func attend(_ at: Int) {
        var outbox: [LayoutSteward.Directive] = []
        if isCalm || chance(50) { stations[at].steward.adopted(decided, now: now, into: &outbox) }
        if isCalm || chance(50) {
            stations[at].view = Dictionary(
                uniqueKeysWithValues: stations.map { station in
                    let presence = StorePresence(
                        node: station.id,
                        storeID: station.storeID,
                        zone: station.zone,
                        weight: station.weight,
                        isAlive: station.isUp
                    )
                    return (station.id, presence)
                }
            )
        }
        let around = LayoutSurroundings(presence: stations[at].view, copiesInUse: [3], lastTime: now)
        stations[at].steward.saw(around, now: now, into: &outbox)
        for (node, epoch) in synced.sorted(by: { $0.key < $1.key }) where isCalm || chance(50) {
            stations[at].steward.synced(node, epoch: epoch, now: now, into: &outbox)
        }
        obey(outbox, at)
    }

    private mutating func obey(_ outbox: [LayoutSteward.Directive], _ at: Int) {
        for directive in outbox {
            switch directive {
            case .propose(let layout):
                if proposals.contains(where: { $0.proposer == at }) { faults.append("two proposals of one steward") }
                let delay = UInt64.random(in: 1000...(isCalm ? 500_000 : 5_000_000), using: &random)
                proposals.append(Proposal(proposer: at, layout: layout, at: now + delay))
            case .close(let id, _): stations[at].openWishes.remove(id)
            }
        }
    }

    // MARK: Decisions

    private mutating func decide(_ proposal: Proposal) {
        defer {
            if stations[proposal.proposer].isUp { stations[proposal.proposer].steward.proposalEnded(now: now) }
        }
        let layout = proposal.layout
        guard stations[proposal.proposer].isUp, layout.epoch == decided.epoch + 1,
            decided.voters.isQuorum(upMembers)
        else { return }
        if !layout.follows(decided) { faults.append("epoch \(layout.epoch) is no legal successor") }
        checkSettled(layout)
        checkReason(layout, stations[proposal.proposer])
        checkQuorums(layout)
        if Layout(encoded: layout.encoded) != layout { faults.append("epoch \(layout.epoch) changes on the wire") }
        if decided.isJoint, layout.isJoint { retargets += 1 }
        decided = layout
        epochs += 1
        synced = [:]
        var outbox: [LayoutSteward.Directive] = []
        stations[proposal.proposer].steward.adopted(layout, now: now, into: &outbox)
        obey(outbox, proposal.proposer)
    }

    private mutating func sync() {
        guard decided.isJoint else { return }
        let up = upMembers
        let canSync = decided.moved.allSatisfy { partition in
            spans(decided).allSatisfy { span in
                HolderSet(current: decided.holders(of: partition, copies: span).current).isQuorum(up)
            }
        }
        guard canSync else { return }
        for node in decided.syncers.sorted() where up.contains(node) && chance(isCalm ? 80 : 20) {
            synced[node] = decided.epoch
        }
    }

    // MARK: Claims

    /// What was is dropped only when all of what comes has synced.
    private mutating func checkSettled(_ layout: Layout) {
        guard !layout.isJoint else { return }
        for node in decided.syncers where synced[node] != decided.epoch {
            faults.append("epoch \(layout.epoch) dropped a table before \(node) had synced")
        }
        if layout.members.contains(where: { $0.state == .leaving }) { faults.append("a leaver stayed") }
    }

    /// Tables change for a newcomer, a store that was lost, a wish, or a newcomer that is given up.
    private mutating func checkReason(_ layout: Layout, _ proposer: Station) {
        guard layout.isJoint else { return }
        if layout.members.contains(where: { $0.memberSince == layout.epoch }) { return }
        if !proposer.openWishes.isEmpty { return }
        let gone = decided.targets.filter { member in !layout.members.contains { $0.isSameStore(as: member) } }
        if !gone.isEmpty, gone.allSatisfy({ decided.isNewcomer($0) }) {
            giveUps += 1
            return
        }
        faults.append("epoch \(layout.epoch) changed tables without a reason")
    }

    /// Any two quorums of neighbouring epochs have a store in common.
    private mutating func checkQuorums(_ layout: Layout) {
        for number in [0, 1, 511, 1023, 1024] {
            let partition = Partition(number: UInt16(number))
            for (now, then) in zip(spans(decided), spans(layout)) {
                let before = decided.holders(of: partition, copies: now)
                let after = layout.holders(of: partition, copies: then)
                guard Self.canMiss(before, after) else { continue }
                faults.append("epochs \(decided.epoch), \(layout.epoch): quorums of \(number) miss each other")
                return
            }
        }
    }

    private static func canMiss(_ before: HolderSet, _ after: HolderSet) -> Bool {
        let nodes = before.everyone + after.everyone.filter { !before.everyone.contains($0) }
        return (0..<(1 << nodes.count)).contains { bits in
            let some = nodes.indices.filter { bits >> $0 & 1 == 1 }.map { nodes[$0] }
            return before.isQuorum(some) && after.isQuorum(nodes.filter { !some.contains($0) })
        }
    }

    private mutating func checkEnd() {
        if decided.isJoint {
            let members = decided.members.map { member in
                "\(member.node.description.prefix(4)) \(member.state) since \(member.memberSince) \(isUp(member))"
            }
            faults.append(
                "a change never ended: epoch \(decided.epoch) from \(decided.origin), \(members), "
                    + "voters \(decided.voters.current.map { $0.description.prefix(4) }), "
                    + "\((decided.voters.next ?? []).map { $0.description.prefix(4) }), "
                    + "width \(decided.current.width), synced \(synced.count) of \(decided.syncers.count)"
            )
        }
        for station in stations {
            if station.steward.layout != decided { faults.append("\(station.id) goes by another layout") }
            if !station.openWishes.isEmpty { faults.append("wishes of \(station.id) are open") }
            let isDeparted = decided.departed.contains(DepartedStore(node: station.id, storeID: station.storeID))
            if !isDeparted, !decided.admits(station.id, storeID: station.storeID) {
                faults.append("\(station.id) was never let in")
            }
        }
    }
}
