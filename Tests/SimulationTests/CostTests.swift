import Foundation
import Swim
import Testing

/// What a view of a thousand members costs one node: memory, and CPU per second of quiet life.
///
///     MESHD_BARS=1 swift test -c release -Xswiftc -enable-testing --filter CostTests
@Suite(.serialized) struct CostTests {
    @Test("a view of a thousand members", .enabled(if: environment("MESHD_BARS") != nil))
    func thousand() throws {
        let count = 1000
        let before = try residentKibibytes()
        // Each with a roster of its own, as in processes of their own: copies would share it.
        let machines = (0..<50).map { index in
            var roster = Roster(digestKey: Settings().digestKey)
            for other in 0..<count { _ = roster.add(Names.record(other, zones: 3), status: .alive) }
            return Membership(
                settings: Settings(),
                own: Names.record(index, zones: 3),
                known: roster,
                signer: Names.Signer(key: Names.key(index)),
                seed: UInt64(index),
                now: 0
            )
        }
        let perNode = (try residentKibibytes() - before) / Double(machines.count)
        let simulation = Simulation<SwimStation>.cluster(count, seed: 1)
        simulation.settle(20_000_000)
        let cpuBefore = cpuSeconds()
        simulation.run(until: simulation.now + 120_000_000)
        let share = (cpuSeconds() - cpuBefore) / 120 / Double(count)
        print("cost: \(Int(perNode)) KiB and \(share * 100) % of a core per node, simulator included")
        #expect(perNode < 20 * 1024 && machines.allSatisfy { $0.presentCount == count })
        #expect(share < 0.01)
    }

    private func residentKibibytes() throws -> Double {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Double($0) })
        return pages * 4
    }

    private func cpuSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
}
