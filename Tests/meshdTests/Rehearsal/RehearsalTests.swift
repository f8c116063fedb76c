import Mesh
import NIOHTTP1
import Swim
import Testing

@testable import meshd

@Suite struct RehearsalTests {
    private static func call(_ act: RehearsalCall.Act, _ id: String, seconds: Int = 30) -> RehearsalCall {
        RehearsalCall(act, id: id, node: "n3", watcher: "n1", seconds: seconds)
    }

    @Test("of two who begin together at most one gets all nodes, in whatever order they are asked")
    func oneAtATime() {
        var random = Swim.Random(seed: 66)
        var won = [0, 0, 0]
        for _ in 0..<5_000 {
            let count = 2 + random.below(4)
            var places = [RehearsalPlace](repeating: RehearsalPlace(), count: count)
            // Each asks itself first, then all others, and gives up at the first refusal.
            var orders = (0..<2).map { own in [own] + (0..<count).filter { $0 != own }.shuffled() }
            var hasLost = [false, false]
            while orders.contains(where: { !$0.isEmpty }) {
                let who = orders[0].isEmpty ? 1 : orders[1].isEmpty ? 0 : random.below(2)
                let place = orders[who].removeFirst()
                do {
                    try places[place].hold(Self.call(.hold, "\(who)"), now: 5)
                } catch {
                    hasLost[who] = true
                    orders[who] = []
                    for index in places.indices { places[index].release("\(who)") }
                }
            }
            let winners = hasLost.count { !$0 }
            won[winners] += 1
            #expect(winners <= 1)
        }
        #expect(won[1] > 0)
    }

    @Test("a place is held for one, until he lets it go or his time is over")
    func place() throws {
        var place = RehearsalPlace()
        try place.hold(Self.call(.hold, "a"), now: 1_000)
        try place.check(Self.call(.playDead, "a"), now: 1_000)
        #expect(throws: RehearsalPlace.Refusal.notHeld) { try place.check(Self.call(.playDead, "b"), now: 1_000) }
        #expect(throws: RehearsalPlace.Refusal.busy(seconds: 270)) { try place.hold(Self.call(.hold, "b"), now: 1_000) }
        // Who has no part in it lets nothing go.
        place.release("b")
        #expect(throws: RehearsalPlace.Refusal.busy(seconds: 1)) { try place.hold(Self.call(.hold, "b"), now: 270_500) }
        #expect(throws: RehearsalPlace.Refusal.notHeld) { try place.check(Self.call(.playDead, "a"), now: 271_000) }
        try place.hold(Self.call(.hold, "b"), now: 271_000)
        place.release("b")
        try place.hold(Self.call(.hold, "c"), now: 271_001)
    }

    private static func report(_ change: (inout RehearsalReport) -> Void) -> RehearsalReport {
        var report = RehearsalReport(id: "1", node: "n3", nodeID: "3", watcher: "n1", seconds: 30, startedMillis: 1)
        report.before = .init(count: 10, failed: 0, medianMillis: 1, slowestMillis: 2)
        report.away = .init(count: 20, failed: 0, medianMillis: 2, slowestMillis: 80.4)
        report.returning = .init(count: 5, failed: 0, medianMillis: 1, slowestMillis: 3)
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
        #expect(good.sentence.contains("35 probes") && good.sentence.contains("longer than 80 ms"))
        #expect(Self.report { $0.away.failed = 1 }.verdict == .failed)
        #expect(Self.report { $0.before.failed = 1 }.verdict == .failed)
        #expect(Self.report { $0.clientFailures = 1 }.verdict == .failed)
        #expect(Self.report { $0.backMillis = nil }.verdict == .failed)
        #expect(Self.report { $0.equalMillis = nil }.verdict == .failed)
        #expect(Self.report { $0.away = .init() }.verdict == .brokenOff)
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
            #expect(await live.node.answer(.rehearse(call)) != .done && live.node.isReady)
        }
    }
}
