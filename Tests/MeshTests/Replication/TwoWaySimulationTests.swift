import Store
import Swim
import Testing

@testable import Mesh

/// One key of two stores that send to each other, in virtual time. Clients write on both sides in the same moments, and a
/// write may come to light long after it was stamped; what a rule brings is a change, and takes the successor of the stamp
/// that it found.
private struct TwoWayWorld {
    struct Object: Equatable {
        var number: Int
        var origin: ReplicationOrigin
        var stamp: UInt64
    }

    private struct Store {
        let place: String
        var head: Object?
        /// The key waits for the rule.
        var isQueued = false
    }

    private struct Sending {
        var side: Int
        var object: Object
        var arrivesMillis: UInt64
    }

    private static let loadMillis: UInt64 = 2_000

    private let isRequeuing: Bool
    private var random: SplitMix
    private var stores = [Store(place: "one/b"), Store(place: "two/b")]
    private var hidden: [(side: Int, object: Object, millis: UInt64)] = []
    private var wire: [Sending] = []
    private var now: UInt64 = 1_000_000
    private var number = 0

    init(seed: UInt64, isRequeuing: Bool) {
        random = SplitMix(seed)
        self.isRequeuing = isRequeuing
    }

    /// What both have in the end, and how often something was sent behind the last write.
    mutating func run() -> (heads: [Object?], sent: Int) {
        let end = now + Self.loadMillis
        var sent = 0
        while now < end || !wire.isEmpty || !hidden.isEmpty || stores.contains(where: \.isQueued) {
            now += 1
            if now < end, Int.random(in: 0..<100, using: &random) == 0 { write() }
            surface()
            arrive()
            for side in stores.indices where stores[side].isQueued && !wire.contains(where: { $0.side == side }) {
                if send(from: side), now >= end { sent += 1 }
            }
            guard sent < 100 else { break }
        }
        return (stores.map(\.head), sent)
    }

    private mutating func write() {
        number += 1
        let side = Int.random(in: 0..<2, using: &random)
        let object = Object(number: number, origin: ReplicationOrigin(millis: now, path: []), stamp: now * 1_000)
        let delay = Int.random(in: 0..<3, using: &random) == 0 ? UInt64.random(in: 0..<500, using: &random) : 0
        hidden.append((side, object, now + delay))
    }

    private mutating func surface() {
        let due = hidden.filter { $0.millis <= now }
        hidden.removeAll { $0.millis <= now }
        for (side, object, _) in due where stores[side].head.map({ $0.stamp < object.stamp }) ?? true {
            stores[side].head = object
            stores[side].isQueued = true
        }
    }

    /// Whether there was something to send.
    private mutating func send(from side: Int) -> Bool {
        stores[side].isQueued = false
        guard let head = stores[side].head, !head.origin.path.contains(stores[1 - side].place) else { return false }
        var object = head
        object.origin = head.origin.passing(stores[side].place)
        let arrival = now + UInt64.random(in: 1..<300, using: &random)
        wire.append(Sending(side: side, object: object, arrivesMillis: arrival))
        return true
    }

    private mutating func arrive() {
        let due = wire.filter { $0.arrivesMillis <= now }
        wire.removeAll { $0.arrivesMillis <= now }
        for sending in due {
            let side = 1 - sending.side
            let known = stores[side].head.map { head in
                head.origin.path.isEmpty
                    ? ReplicationOrigin(millis: head.origin.millis, path: [stores[side].place]) : head.origin
            }
            switch ReplicaVerdict(sending.object.origin, at: stores[side].place, known: known) {
            case .take: break
            case .refuse: continue
            case .refuseAndSend:
                if isRequeuing { stores[side].isQueued = true }
                continue
            }
            var object = sending.object
            object.stamp = (stores[side].head?.stamp ?? 0) + 1
            stores[side].head = object
            stores[side].isQueued = true
        }
    }
}

@Suite struct TwoWaySimulationTests {
    @Test("two stores that send to each other have the same in the end, and then nothing is sent any more")
    func converges() {
        for seed in 0..<5_000 as Range<UInt64> {
            var world = TwoWayWorld(seed: seed, isRequeuing: true)
            let (heads, sent) = world.run()
            #expect(heads[0] != nil && heads[0]?.number == heads[1]?.number, "seed \(seed): \(heads)")
            #expect(sent < 20, "seed \(seed)")
        }
    }

    @Test("who refuses something older and does not send its own is noticed")
    func mutant() {
        let isNoticed = (0..<5_000 as Range<UInt64>).contains { seed in
            var world = TwoWayWorld(seed: seed, isRequeuing: false)
            let (heads, _) = world.run()
            return heads[0]?.number != heads[1]?.number
        }
        #expect(isNoticed)
    }
}
