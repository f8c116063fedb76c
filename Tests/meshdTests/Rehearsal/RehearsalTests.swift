import Mesh
import NIOHTTP1
import Swim
import Testing

@testable import meshd

@Suite struct RehearsalTests {
    private static func call(_ act: RehearsalCall.Act, _ id: String, seconds: Int = 30) -> RehearsalCall {
        RehearsalCall(act, id: id, seconds: seconds)
    }

    private static func node(_ number: Int) -> NodeID { NodeID(high: UInt64(number), low: 0) }

    @Test("of two who begin together at most one gets all nodes, in whatever order they are asked")
    func oneAtATime() {
        var random = Swim.Random(seed: 66)
        var won = [0, 0, 0]
        for turn in 0..<5_000 {
            let count = 2 + random.below(4)
            var leases = [RehearsalLease](repeating: RehearsalLease(), count: count)
            // Each asks itself first, then all others, and gives up at the first refusal.
            var orders: [[Int]] = (0..<2).map { own in
                var rest = (0..<count).filter { $0 != own }
                for index in rest.indices { rest.swapAt(index, index + random.below(rest.count - index)) }
                return [own] + rest
            }
            var hasLost = [false, false]
            while orders.contains(where: { !$0.isEmpty }) {
                let who = orders[0].isEmpty ? 1 : orders[1].isEmpty ? 0 : random.below(2)
                let place = orders[who].removeFirst()
                // Even two that chose the same name.
                let call = Self.call(.acquire, turn % 2 == 0 ? "\(who)" : "same")
                do {
                    try leases[place].acquire(call, by: Self.node(who), now: 5)
                } catch {
                    hasLost[who] = true
                    orders[who] = []
                    for index in leases.indices { leases[index].release(call, by: Self.node(who)) }
                }
            }
            let winners = hasLost.count { !$0 }
            won[winners] += 1
            #expect(winners <= 1, "turn \(turn)")
        }
        #expect(won[1] > 0)
    }

    @Test("a part is one conductor's, until he lets it go or his time is over")
    func lease() throws {
        let (one, other) = (Self.node(1), Self.node(2))
        let all = UInt64(30 + Rehearsal.secondsBesideMax)
        var lease = RehearsalLease()
        try lease.acquire(Self.call(.acquire, "a"), by: one, now: 1_000)
        try lease.check(Self.call(.playDead, "a"), by: one, now: 1_000)
        for (id, node) in [("b", one), ("a", other)] {
            #expect(throws: RehearsalLease.Refusal.notHeld) {
                try lease.check(Self.call(.playDead, id), by: node, now: 1_000)
            }
            #expect(throws: RehearsalLease.Refusal.busy(seconds: all)) {
                try lease.acquire(Self.call(.acquire, id), by: node, now: 1_000)
            }
            // Who has no part in it lets nothing go.
            lease.release(Self.call(.release, id), by: node)
        }
        let end = 1_000 + all * 1_000
        #expect(throws: RehearsalLease.Refusal.busy(seconds: 1)) {
            try lease.acquire(Self.call(.acquire, "b"), by: other, now: end - 500)
        }
        #expect(throws: RehearsalLease.Refusal.notHeld) {
            try lease.check(Self.call(.playDead, "a"), by: one, now: end)
        }
        try lease.acquire(Self.call(.acquire, "b"), by: other, now: end)
        lease.release(Self.call(.release, "b"), by: other)
        try lease.acquire(Self.call(.acquire, "c"), by: one, now: end + 1)
    }

    // MARK: What speaks against it

    /// Three healthy nodes, of which the first looks.
    private static func facts(_ change: (inout ClusterFacts) -> Void = { _ in }) -> ClusterFacts {
        var facts = ClusterFacts(ownID: node(1), nowMillis: 1)
        facts.nodes = (1...3).map { number in
            var known = ClusterFacts.Node(id: node(number), name: "n\(number)")
            known.state = .alive
            known.place = .active
            known.weight = 100
            var condition = NodeCondition(id: known.id.description, name: known.name)
            condition.isReady = true
            known.condition = condition
            return known
        }
        change(&facts)
        return facts
    }

    private static func objection(_ facts: ClusterFacts, to number: Int = 3, bereft: [Spread] = []) -> String? {
        RehearsalCheck(facts: facts, ownID: node(1), bereft: bereft).objection(to: facts.nodes[number - 1])
    }

    @Test("a node can be missed only when all others can be counted on, and nothing moves or waits")
    func objections() {
        #expect(Self.objection(Self.facts()) == nil)
        #expect(Self.objection(Self.facts { $0.nodes[1].state = .unstable }) == nil)
        #expect(Self.objection(Self.facts(), to: 1)?.contains("cannot watch itself") == true)
        #expect(Self.objection(Self.facts { $0.nodes[2].place = nil })?.contains("no place") == true)
        #expect(Self.objection(Self.facts { $0.isChanging = true })?.contains("layout is changing") == true)
        #expect(Self.objection(Self.facts(), bereft: [1])?.contains("keys in 1 copy") == true)
        let moved = Spread(copies: 3, pool: PoolID(rawValue: 1))
        #expect(Self.objection(Self.facts(), bereft: [moved])?.contains("buckets on a few chosen nodes") == true)
        #expect(Self.objection(Self.facts(), bereft: [1, 2, moved])?.contains("keys in 1 or 2 copies") == true)
        let unreliable: [(inout ClusterFacts.Node) -> Void] = [
            { $0.state = .suspect }, { $0.state = .dead }, { $0.condition = nil }, { $0.isRefilled = true },
            { $0.condition?.failure = "broken" }, { $0.condition?.isReadOnly = true },
            { $0.condition?.isReady = false },
        ]
        for (index, spoil) in unreliable.enumerated() {
            let facts = Self.facts { spoil(&$0.nodes[1]) }
            #expect(Self.objection(facts)?.contains("n2 cannot be counted on") == true, "\(index)")
        }
    }

    // MARK: The verdict

    private static func report(_ change: (inout RehearsalReport) -> Void) -> RehearsalReport {
        var report = RehearsalReport(id: "1", node: "n3", nodeID: "3", conductor: "n1", seconds: 30, startedMillis: 1)
        report.before = .init(count: 10, failed: 0, medianMillis: 1, slowestMillis: 2)
        report.away = .init(count: 20, failed: 0, medianMillis: 2, slowestMillis: 80.4)
        report.back = .init(count: 5, failed: 0, medianMillis: 1, slowestMillis: 3)
        report.backMillis = 31_000
        report.equalMillis = 33_000
        change(&report)
        report.judge()
        return report
    }

    @Test("only a rehearsal in which nothing failed and the node is equal again has passed")
    func verdicts() {
        let good = Self.report { _ in }
        #expect(good.verdict == .passed)
        #expect(good.sentence.contains("35 requests of n1") && good.sentence.contains("longer than 80 ms"))
        #expect(Self.report { $0.away.failed = 1 }.verdict == .failed)
        #expect(Self.report { $0.before.failed = 1 }.verdict == .failed)
        #expect(Self.report { $0.clientFailures = 1 }.verdict == .failed)
        #expect(Self.report { $0.backMillis = nil }.verdict == .failed)
        #expect(Self.report { $0.equalMillis = nil }.verdict == .failed)
        #expect(Self.report { $0.away = .init() }.verdict == .brokenOff)
        // All hung until it was back.
        let outage = Self.report { report in
            report.away = .init()
            report.back.failed = 4
        }
        #expect(outage.verdict == .failed)
    }

    @Test("clients count where they were counted before and after, and by the difference")
    func clients() {
        func traffic(_ requests: UInt64, _ failures: UInt64) -> TrafficReport {
            var traffic = TrafficReport()
            (traffic.requests, traffic.failures) = (requests, failures)
            return traffic
        }
        let from = [Self.node(1): traffic(1_000, 50), Self.node(2): traffic(500, 9), Self.node(4): traffic(10, 0)]
        // The third did not answer before, the second was started again, the fourth does not answer any more.
        let to = [Self.node(1): traffic(1_007, 52), Self.node(2): traffic(3, 1), Self.node(3): traffic(800, 80)]
        var report = Self.report { _ in }
        #expect(report.count(from: from, to: to) == [Self.node(1)])
        #expect(report.clientRequests == 7 && report.clientFailures == 2)
        report = Self.report { _ in }
        report.judge(uncounted: ["n2", "n3"])
        #expect(report.verdict == .passed && report.sentence.hasSuffix("Clients of n2, n3 were not counted."))
    }

    @Test("a node alone refuses, and says why; a wrong order is no rehearsal")
    func alone() async throws {
        try await LiveNode.run { live in
            let client = try live.client()
            #expect(try await client.call(.GET, "cluster/rehearsal", as: RehearsalState.self).rehearsal == nil)
            for (order, word) in [
                (RehearsalOrder(node: "n1"), "cannot watch itself"), (RehearsalOrder(node: "nobody"), "nobody"),
                (RehearsalOrder(node: "n1", seconds: 9), "10 to 120"),
                (RehearsalOrder(node: "n1", seconds: 121), "10 to 120"),
            ] {
                let body = try JSON.bytes(order)
                let failure = await #expect(throws: CommandFailure.self) {
                    _ = try await client.call(.POST, "cluster/rehearsal", body: body, as: RehearsalState.self)
                }
                #expect(failure.map { "\($0)".contains(word) } == true, "\(String(describing: failure))")
            }
            let all = try await client.call(.GET, "mesh/doctor/all", as: AllDiagnosesAnswer.self)
            #expect(all.nodes.map(\.node) == ["n1"] && all.nodes[0].silence == nil && !all.nodes[0].diagnoses.isEmpty)
            // Nobody holds it for a rehearsal that plays dead.
            let call = Self.call(.playDead, "stranger")
            #expect(await live.node.answer(.rehearse(call), from: Self.node(7)) != .done && live.node.isReady)
        }
    }
}
