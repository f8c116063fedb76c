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
        let simulation = Simulation<SwimStation>.cluster(count, seed: 1)
        simulation.settle(20_000_000)
        let perNode = (try residentKibibytes() - before) / Double(count)
        let cpuBefore = cpuSeconds()
        simulation.run(until: simulation.now + 120_000_000)
        let share = (cpuSeconds() - cpuBefore) / 120 / Double(count)
        print("cost: \(Int(perNode)) KiB and \(share * 100) % of a core per node, simulator included")
        #expect(perNode < 20 * 1024)
        #expect(share < 0.01)
    }

    private func residentKibibytes() throws -> Double {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Double($0) })
        return pages * 4
    }

    private func cpuSeconds() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF, &usage)
        return Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
    }
}
