import Store
import Swim
import Testing

@testable import Mesh

/// One key of two stores that send to each other, in virtual time. Clients write on both sides in the same moments, by
/// clocks that differ, and a write may come to light long after it was stamped; what a rule brings is a change, and takes
/// the successor of the stamp that it found. Each store has two holders with an outbox each. The first one that is up
/// works at it; holders die and come back while something of theirs is on the wire, and notices between them get lost. No
/// disk is lost: that a notice leaves what was asked for later covers for that.
private struct TwoWayWorld {
    /// A rule that is taken away.
    enum Mutant: CaseIterable {
        /// Who refuses something older does not send its own.
        case staysSilent
        /// Who refuses something older answers before it has queued its own.
        case answersFirst
        /// What is queued once more is taken for what waits already.
        case sendsOnce
        /// A row is sent as new as the newest one that waits under its key, though it is looked at by its own time.
        case raisesTimes
        /// What comes the same way is taken in any order.
        case knowsNoOrder
    }

    struct Object: Equatable {
        var number: Int
        /// The path is empty: clients wrote it here.
        var origin: ReplicationOrigin
        var stamp: UInt64
        /// By the clock of the store that has it.
        var changedMillis: UInt64
    }

    private struct Holder {
        var entry: OutboxEntry?
        var sequence: UInt64 = 0
        /// Nil: it is up.
        var upMillis: UInt64?
        /// Since when it is away, for the other one.
        var downMillis: UInt64 = 0
        /// It works at the key.
        var isBusy = false
        /// Whoever began something before it died does not end it.
        var life = 0
    }

    private struct Store {
        let place: String
        let skewMillis: UInt64
        var head: Object?
        /// Of the newest row by its time, whichever is the head.
        var raisedMillis: UInt64 = 0
        var holders = [Holder(), Holder()]
    }

    /// Who works at the key of a store, from which entry.
    private struct Work {
        var side: Int
        var holder: Int
        var life: Int
        var entry: OutboxEntry
        /// What is on its way, as it is here.
        var object: Object
    }

    private enum Answer {
        case taken
        case refused
        /// It has to come again.
        case postponed
    }

    private enum Event {
        case surface(side: Int, Object)
        case arrive(Work, sent: Object)
        case answer(Work, Answer)
        case settle(Work)
        case notice(side: Int, holder: Int, OutboxEntry)
        case hand(side: Int, holder: Int, OutboxEntry)
    }

    private static let loadMillis: UInt64 = 2_000
    private static let patienceMillis: UInt64 = 600

    private let mutant: Mutant?
    private var random: SplitMix
    private var stores: [Store]
    private var events: [(millis: UInt64, event: Event)] = []
    private var now: UInt64 = 1_000_000
    private var number = 0
    private var sent = 0

    init(seed: UInt64, mutant: Mutant?) {
        var random = SplitMix(seed)
        self.mutant = mutant
        stores = ["one/b", "two/b"].map { Store(place: $0, skewMillis: .random(in: 0..<100, using: &random)) }
        self.random = random
    }

    /// What both have in the end, and how often something was sent behind the last write.
    mutating func run() -> (heads: [Object?], sent: Int) {
        let end = now + Self.loadMillis
        while now < end || !events.isEmpty || stores.contains(where: { $0.holders.contains { $0.entry != nil } }) {
            now += 1
            if now < end, isOne(in: 60) { write() }
            breakAndMend(isOver: now >= end)
            let due = events.filter { $0.millis <= now }
            events.removeAll { $0.millis <= now }
            for (_, event) in due { happen(event) }
            if now < end { sent = 0 }
            for side in stores.indices { for holder in 0..<2 { work(side, holder) } }
            guard sent < 100, now < end + 60_000 else { break }
        }
        return (stores.map(\.head), sent)
    }

    private mutating func isOne(in count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

    private mutating func later(_ most: UInt64, _ event: Event) {
        events.append((now + UInt64.random(in: 1...most, using: &random), event))
    }

    // MARK: Rows

    private mutating func write() {
        number += 1
        let side = Int.random(in: 0..<2, using: &random)
        // Nodes of one store have clocks of their own, too.
        let millis = now + stores[side].skewMillis + UInt64.random(in: 0..<20, using: &random)
        let object = Object(
            number: number,
            origin: ReplicationOrigin(millis: millis, path: []),
            stamp: millis * 1_000,
            changedMillis: millis
        )
        later(isOne(in: 3) ? 500 : 1, .surface(side: side, object))
    }

    private mutating func put(_ object: Object, _ side: Int) {
        guard stores[side].head.map({ $0.stamp < object.stamp }) ?? true else { return }
        stores[side].head = object
        stores[side].raisedMillis = max(stores[side].raisedMillis, object.changedMillis)
        for holder in 0..<2 {
            queue(Self.entry(object), side, holder)
        }
    }

    private mutating func queue(_ fresh: OutboxEntry, _ side: Int, _ holder: Int) {
        stores[side].holders[holder].sequence += 1
        stores[side].holders[holder].entry = fresh.merged(
            into: stores[side].holders[holder].entry,
            sequence: stores[side].holders[holder].sequence,
            nowMillis: now
        )
    }

    private static let key = Key("k")

    private static func stamp(_ t: UInt64) -> Stamp { Stamp(t: t, w: 0, q: 0) }

    private static func entry(_ object: Object, askedMicros: UInt64 = 0) -> OutboxEntry {
        OutboxEntry(
            key: key,
            stamp: stamp(object.stamp),
            changedMillis: object.changedMillis,
            askedMicros: askedMicros
        )
    }

    private mutating func breakAndMend(isOver: Bool) {
        for side in stores.indices {
            for holder in 0..<2 {
                if let upMillis = stores[side].holders[holder].upMillis {
                    if now >= upMillis { stores[side].holders[holder].upMillis = nil }
                } else if !isOver, isOne(in: 400), stores[side].holders[1 - holder].upMillis == nil {
                    stores[side].holders[holder].downMillis = now
                    stores[side].holders[holder].upMillis = now + UInt64.random(in: 10..<1_000, using: &random)
                    stores[side].holders[holder].isBusy = false
                    stores[side].holders[holder].life += 1
                }
            }
        }
    }

    private func isAlive(_ work: Work) -> Bool { stores[work.side].holders[work.holder].life == work.life }

    // MARK: Outbox

    private mutating func work(_ side: Int, _ holder: Int) {
        let own = stores[side].holders[holder]
        guard own.upMillis == nil, !own.isBusy, let entry = own.entry, let head = stores[side].head else { return }
        let first = stores[side].holders[0]
        guard holder == 0 || (first.upMillis != nil && now >= first.downMillis + Self.patienceMillis) else {
            // It is the first one's.
            if first.upMillis == nil, isOne(in: 200) { later(30, .hand(side: side, holder: 0, entry)) }
            return
        }
        stores[side].holders[holder].isBusy = true
        begin(Work(side: side, holder: holder, life: own.life, entry: entry, object: head))
    }

    private mutating func begin(_ work: Work) {
        let head = work.object
        guard !head.origin.path.contains(stores[1 - work.side].place) else { return end(work) }
        var origin = head.origin
        if mutant == .raisesTimes, origin.path.isEmpty {
            let newest = stores[work.side].raisedMillis
            origin = ReplicationOrigin(millis: max(origin.millis, newest), path: [])
        }
        var object = head
        let order = ReplicationOrigin.Order(
            scope: UInt64(work.side),
            stamp: max(Self.stamp(head.stamp), work.entry.stamp)
        )
        object.origin = origin.passing(through: stores[work.side].place, at: mutant == .knowsNoOrder ? nil : order)
        sent += 1
        later(isOne(in: 4) ? 1_000 : 100, .arrive(work, sent: object))
    }

    /// Settled with others, a little later.
    private mutating func end(_ work: Work) { later(200, .settle(work)) }

    private mutating func happen(_ event: Event) {
        switch event {
        case .surface(let side, let object): put(object, side)
        case .arrive(let work, let object): arrive(work, object)
        case .answer(let work, let answer):
            guard isAlive(work) else { return }
            var work = work
            if answer == .postponed {
                stores[work.side].holders[work.holder].isBusy = false
            } else if answer == .taken, let head = stores[work.side].head, head.stamp != work.object.stamp {
                work.object = head
                begin(work)
            } else {
                end(work)
            }
        case .settle(let work):
            guard isAlive(work) else { return }
            stores[work.side].holders[work.holder].isBusy = false
            if stores[work.side].holders[work.holder].entry?.sequence == work.entry.sequence {
                stores[work.side].holders[work.holder].entry = nil
            }
            if !isOne(in: 5) { later(50, .notice(side: work.side, holder: 1 - work.holder, work.entry)) }
        case .notice(let side, let holder, let settled):
            guard stores[side].holders[holder].upMillis == nil, let waiting = stores[side].holders[holder].entry,
                settled.covers(waiting)
            else { return }
            stores[side].holders[holder].entry = nil
        case .hand(let side, let holder, let entry):
            guard stores[side].holders[holder].upMillis == nil else { return }
            if let waiting = stores[side].holders[holder].entry, waiting.covers(entry) { return }
            queue(entry, side, holder)
        }
    }

    // MARK: Target

    private mutating func arrive(_ work: Work, _ object: Object) {
        let side = 1 - work.side
        let head = stores[side].head
        let known = head.map { head in
            head.origin.path.isEmpty
                ? ReplicationOrigin(millis: head.changedMillis, path: [stores[side].place]) : head.origin
        }
        switch ReplicaVerdict(object.origin, at: stores[side].place, known: known) {
        case .take:
            let stamp = (head?.stamp ?? 0) + 1
            let millis = now + stores[side].skewMillis
            put(Object(number: object.number, origin: object.origin, stamp: stamp, changedMillis: millis), side)
            later(100, .answer(work, .taken))
        case .refuse: later(100, .answer(work, .refused))
        case .refuseAndSend:
            let isQueued = mutant == .staysSilent || mutant == .answersFirst || again(side)
            later(100, .answer(work, isQueued ? .refused : .postponed))
            if mutant == .answersFirst, !isOne(in: 3) { _ = again(side) }
        }
    }

    /// Whether whoever works at the key has it queued once more. Any of the others may not hear of it.
    private mutating func again(_ side: Int) -> Bool {
        guard let head = stores[side].head else { return true }
        let askedMicros = now * 1_000 + UInt64.random(in: 0..<1_000, using: &random)
        let entry = Self.entry(head, askedMicros: askedMicros)
        let living = (0..<2).filter { stores[side].holders[$0].upMillis == nil }
        guard let first = living.first else { return false }
        for holder in living where holder == first || !isOne(in: 3) {
            if mutant == .sendsOnce, let waiting = stores[side].holders[holder].entry, waiting.stamp >= entry.stamp {
                continue
            }
            queue(entry, side, holder)
        }
        return true
    }
}

@Suite struct TwoWaySimulationTests {
    @Test("two stores that send to each other have the same in the end, and then nothing is sent any more")
    func converges() {
        for seed in 0..<1_000 as Range<UInt64> {
            var world = TwoWayWorld(seed: seed, mutant: nil)
            let (heads, sent) = world.run()
            #expect(heads[0] != nil && heads[0]?.number == heads[1]?.number, "seed \(seed): \(heads)")
            #expect(sent < 20, "seed \(seed)")
        }
    }

    @Test("each rule of sending both ways is missed when it is taken away", arguments: TwoWayWorld.Mutant.allCases)
    fileprivate func mutants(_ mutant: TwoWayWorld.Mutant) {
        let isNoticed = (0..<5_000 as Range<UInt64>).contains { seed in
            var world = TwoWayWorld(seed: seed, mutant: mutant)
            let (heads, _) = world.run()
            return heads[0]?.number != heads[1]?.number
        }
        #expect(isNoticed)
    }
}
