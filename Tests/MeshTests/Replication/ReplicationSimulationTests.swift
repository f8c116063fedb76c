import Store
import Swim
import Testing

@testable import Mesh

/// The outboxes of three holders, and a target that keeps whatever comes last, in virtual time: writes reach a majority at
/// once and the others late, notices get lost, nodes crash while something of theirs is on the wire. At most one is down at
/// a time, and another one fails a minute after it is back at the earliest.
private struct OutboxWorld {
    /// A rule that is taken away.
    ///
    /// What changes while it is sent is noticed by a second look, by the entry that was queued again, and by the stamps in
    /// notices: each covers for the others, so they go together. Who crashes finds its entries again and sends them once
    /// more: without the patience of who stands in the target is wrong for a while only.
    enum Mutant: CaseIterable {
        case forgetsWhatChanged, handsNothing
    }

    private struct Entry {
        var stamp: Int
        var sequence: Int
        var queuedMillis: UInt64
    }

    private struct Holder {
        var rows: [Int: Int] = [:]
        var outbox: [Int: Entry] = [:]
        var sequence = 0
        var isUp = true
        /// From then on others know that it is up, or down.
        var knownMillis: UInt64 = 0
        var course: ReplicationCourse
    }

    /// Something that is on its way to the target.
    private struct Push {
        /// Nil: whoever sent it has crashed.
        var holder: Int?
        var key: Int
        var entry: Entry
        var stamp: Int
        var arrivesMillis: UInt64
    }

    private static let ids = (0..<3).map { NodeID(high: 0, low: UInt64($0 + 1)) }
    private static let keys = 12
    private static let loadMillis: UInt64 = 900_000
    private static let endMillis: UInt64 = 3_600_000

    private var random: SplitMix
    private let mutant: Mutant?
    private let settings: ReplicationCourse.Settings
    private var holders: [Holder]
    private var late: [(holder: Int, key: Int, stamp: Int, millis: UInt64)] = []
    private var pushes: [Push] = []
    private var target: [Int: Int] = [:]
    private var newest: [Int: Int] = [:]
    private var stamp = 0
    private var now: UInt64 = 0
    private var troubleMillis: UInt64 = 0

    init(seed: UInt64, mutant: Mutant?) {
        random = SplitMix(seed)
        self.mutant = mutant
        var settings = ReplicationCourse.Settings()
        if mutant == .handsNothing { settings.handMillis = .max }
        self.settings = settings
        holders = (0..<3).map { _ in Holder(course: ReplicationCourse(settings)) }
    }

    /// What is wrong in the end; nothing when all is there.
    mutating func run() -> [String] {
        while now < Self.loadMillis || holders.contains(where: { !$0.outbox.isEmpty }) || !pushes.isEmpty
            || !late.isEmpty
        {
            guard now < Self.endMillis else { return ["an outbox is never empty"] }
            now += 500
            if now < Self.loadMillis { write() }
            breakAndMend()
            deliver()
            arrive()
            for own in holders.indices where holders[own].isUp { work(own) }
        }
        return newest.filter { target[$0.key] != $0.value }.map {
            "key \($0.key) has \(target[$0.key] ?? 0) of \($0.value)"
        }
    }

    private mutating func isOne(in count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

    private mutating func write() {
        let living = holders.indices.filter { holders[$0].isUp }.shuffled(using: &random)
        guard living.count >= 2, isOne(in: 4) else { return }
        stamp += 1
        let key = Int.random(in: 0..<Self.keys, using: &random)
        newest[key] = stamp
        for (place, holder) in living.enumerated() where place < 2 { merge(holder, key, stamp) }
        for holder in holders.indices where !living.prefix(2).contains(holder) {
            late.append((holder, key, stamp, now + UInt64.random(in: 0..<60_000, using: &random)))
        }
    }

    private mutating func breakAndMend() {
        if let down = holders.firstIndex(where: { !$0.isUp }) {
            guard now >= troubleMillis else { return }
            holders[down].isUp = true
            holders[down].knownMillis = now + 2_000
            troubleMillis = now + UInt64.random(in: 60_000..<120_000, using: &random)
        } else if now < Self.loadMillis, now >= troubleMillis {
            let holder = Int.random(in: 0..<3, using: &random)
            holders[holder].isUp = false
            holders[holder].knownMillis = now + 8_000
            holders[holder].course = ReplicationCourse(settings)
            for index in pushes.indices where pushes[index].holder == holder { pushes[index].holder = nil }
            troubleMillis = now + UInt64.random(in: 10_000..<90_000, using: &random)
        }
    }

    /// Rows that repair brings.
    private mutating func deliver() {
        let due = late.filter { $0.millis <= now && holders[$0.holder].isUp }
        late.removeAll { $0.millis <= now && holders[$0.holder].isUp }
        for row in due { merge(row.holder, row.key, row.stamp) }
    }

    private mutating func merge(_ holder: Int, _ key: Int, _ stamp: Int) {
        guard stamp > holders[holder].rows[key] ?? 0 else { return }
        holders[holder].rows[key] = stamp
        enqueue(holder, key, stamp)
    }

    private mutating func enqueue(_ holder: Int, _ key: Int, _ stamp: Int) {
        let waiting = holders[holder].outbox[key]
        holders[holder].sequence += 1
        holders[holder].outbox[key] = Entry(
            stamp: max(stamp, waiting?.stamp ?? 0),
            sequence: holders[holder].sequence,
            queuedMillis: waiting?.queuedMillis ?? now
        )
    }

    /// With a majority.
    private func read(_ key: Int) -> Int? {
        let living = holders.filter(\.isUp)
        return living.count < 2 ? nil : living.compactMap { $0.rows[key] }.max() ?? 0
    }

    private mutating func onTheWay() -> UInt64 {
        now
            + (isOne(in: 4)
                ? UInt64.random(in: 0..<20_000, using: &random) : UInt64.random(in: 0..<1_000, using: &random))
    }

    private mutating func arrive() {
        let due = pushes.filter { $0.arrivesMillis <= now }
        pushes.removeAll { $0.arrivesMillis <= now }
        for var push in due {
            target[push.key] = push.stamp
            guard let own = push.holder else { continue }
            if mutant != .forgetsWhatChanged {
                guard let seen = read(push.key) else { continue }
                if seen != push.stamp {
                    push.stamp = seen
                    push.arrivesMillis = onTheWay()
                    pushes.append(push)
                    continue
                }
            }
            settle(push, own)
        }
    }

    private mutating func settle(_ push: Push, _ own: Int) {
        let isSame = holders[own].outbox[push.key]?.sequence == push.entry.sequence
        if isSame || mutant == .forgetsWhatChanged { holders[own].outbox[push.key] = nil }
        for other in holders.indices where other != own && holders[other].isUp && !isOne(in: 5) {
            guard let waiting = holders[other].outbox[push.key] else { continue }
            let isCovered = waiting.stamp <= push.entry.stamp || mutant == .forgetsWhatChanged
            if isCovered { holders[other].outbox[push.key] = nil }
        }
    }

    private func isUsable(_ id: NodeID) -> Bool {
        let holder = holders[Int(id.low) - 1]
        return now >= holder.knownMillis ? holder.isUp : !holder.isUp
    }

    private mutating func work(_ own: Int) {
        for (key, entry) in holders[own].outbox.sorted(by: { $0.key < $1.key }) {
            let isBusy = pushes.contains { $0.holder == own && $0.key == key }
            let name = Key("k\(key)")
            var course = holders[own].course
            let duty = course.duty(
                queuedMillis: entry.queuedMillis,
                keepers: (0..<3).map { Self.ids[(key + $0) % 3] },
                own: Self.ids[own],
                isUsable: isUsable,
                nowMillis: now
            )
            switch duty {
            case .work where !isBusy:
                guard let seen = read(key) else { break }
                pushes.append(Push(holder: own, key: key, entry: entry, stamp: seen, arrivesMillis: onTheWay()))
            case .hand(let id) where course.mayHand(name, nowMillis: now):
                let other = Int(id.low) - 1
                guard holders[other].isUp, !isOne(in: 5) else { break }
                let isKnown = holders[other].outbox[key].map { $0.stamp >= entry.stamp } ?? false
                if !isKnown { enqueue(other, key, entry.stamp) }
                course.handed(upTo: name, fresh: isKnown ? 0 : 1, nowMillis: now)
            default: break
            }
            holders[own].course = course
        }
        holders[own].course.passed(nowMillis: now)
    }
}

@Suite struct ReplicationSimulationTests {
    @Test("whatever is lost and whoever dies, the target has the newest of each key in the end")
    func converges() {
        for seed in 0..<100 as Range<UInt64> {
            var world = OutboxWorld(seed: seed, mutant: nil)
            let faults = world.run()
            #expect(faults.isEmpty, "seed \(seed): \(faults)")
        }
    }

    @Test("each rule of the outbox is missed when it is taken away", arguments: OutboxWorld.Mutant.allCases)
    fileprivate func mutants(_ mutant: OutboxWorld.Mutant) {
        let isNoticed = (0..<100 as Range<UInt64>).contains { seed in
            var world = OutboxWorld(seed: seed, mutant: mutant)
            return !world.run().isEmpty
        }
        #expect(isNoticed)
    }
}
