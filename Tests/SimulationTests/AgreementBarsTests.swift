import Swim
import Testing

/// The bars about how soon all views are one again; ours only, because the reference has no digest to compare.
///
///     MESHD_BARS=1 swift test -c release --filter AgreementBarsTests
@Suite(.serialized) struct AgreementBarsTests {
    @Test(
        "views agree in time after a join storm, a split and a mass restart",
        .enabled(if: environment("MESHD_BARS") != nil)
    )
    func agreement() {
        let seeds = environment("MESHD_BARS_SEEDS").flatMap { Int($0) } ?? 3
        let sizes = (environment("MESHD_BARS_SIZES") ?? "16,128,1024").split(separator: ",").compactMap { Int($0) }
        say("| scenario | N | median s | worst s | bar s |\n|---|---|---|---|---|")
        for size in sizes {
            let at = size <= 16 ? 0 : size <= 128 ? 1 : size <= 2_000 ? 2 : 3
            row("join storm from one seed", size, seeds, [2.0, 3, 8, 20][at]) { joinStorm(size, $0) }
            row("mass restart, generations kept", size, seeds, [15.0, 15, 20, 30][at]) {
                massRestart(size, $0, generation: 2)
            }
            row("mass restart, generations lost", size, seeds, [15.0, 15, 20, 30][at]) {
                massRestart(size, $0, generation: 0)
            }
            row("half restarts, generations lost", size, seeds, [15.0, 15, 20, 30][at]) { halfRestart(size, $0) }
            row("split in halves, healed", size, seeds, [10.0, 15, 35, 60][at]) { split(size, $0) }
        }
    }

    private func row(_ name: String, _ size: Int, _ seeds: Int, _ bar: Double, _ run: (UInt64) -> Double) {
        guard environment("MESHD_BARS_ROWS").map({ name.contains($0) }) ?? true else { return }
        let values = (0..<UInt64(seeds)).map(run).sorted()
        let median = values[(values.count - 1) / 2]
        say("| \(name) | \(size) | \(median) | \(values[values.count - 1]) | \(bar) |")
        #expect(median <= bar, "\(name), N = \(size)")
    }

    private func joinStorm(_ count: Int, _ seed: UInt64) -> Double {
        let newborn = (0..<count).map { Simulation<SwimStation>.newborn($0, seed: seed, now: 0) }
        let simulation = Simulation<SwimStation>(stations: newborn, seed: seed)
        for node in 1..<count { simulation.at(Micros(node % 100) * 1_000) { $0.join(node, through: 0) } }
        return simulation.agreement(present: count, within: 60_000_000)
    }

    private func massRestart(_ count: Int, _ seed: UInt64, generation: UInt64) -> Double {
        let simulation = Simulation<SwimStation>.cluster(count, seed: seed)
        simulation.settle()
        for node in 0..<count { simulation.crash(node) }
        simulation.run(until: simulation.now + 5_000_000)
        restart(0..<count, through: 0, simulation, seed, generation)
        return simulation.agreement(present: count, within: 60_000_000)
    }

    /// The harder case: those who stayed hold the others dead at a version that the restarted do not know.
    private func halfRestart(_ count: Int, _ seed: UInt64) -> Double {
        let simulation = Simulation<SwimStation>.cluster(count, seed: seed)
        simulation.settle()
        for node in count / 2..<count { simulation.crash(node) }
        simulation.run(until: simulation.now + 60_000_000)
        restart(count / 2..<count, through: 0, simulation, seed, 0)
        return simulation.agreement(present: count, within: 60_000_000)
    }

    private func split(_ count: Int, _ seed: UInt64) -> Double {
        let simulation = Simulation<SwimStation>.cluster(count, seed: seed)
        simulation.settle()
        for node in 0..<count { simulation.network.groups[node] = Int32(node % 2) }
        // Ten minutes at small sizes; the mass death of half a thousand is slow to simulate.
        simulation.run(until: simulation.now + (count > 200 ? 120_000_000 : 600_000_000))
        for node in 0..<count { simulation.network.groups[node] = 0 }
        return simulation.agreement(present: count, within: 120_000_000)
    }

    private func restart(
        _ nodes: Range<Int>,
        through seed: Int,
        _ simulation: Simulation<SwimStation>,
        _ chance: UInt64,
        _ generation: UInt64
    ) {
        for node in nodes {
            simulation.restart(
                node,
                Simulation<SwimStation>.newborn(node, seed: chance, generation: generation, now: simulation.now)
            )
        }
        for node in nodes where node != seed { simulation.join(node, through: seed) }
    }
}
