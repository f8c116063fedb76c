import Store
import Swim
import Testing

@testable import Mesh

@Suite struct StewardTests {
    @Test("whatever happens, successors are legal, nothing changes without a reason, and all ends stable")
    func histories() async {
        var totals = (epochs: 0, retargets: 0, giveUps: 0)
        let runs = UInt64(PlacementSample.runs("STEWARD_RUNS") ?? 4)
        let first = UInt64(PlacementSample.runs("STEWARD_FIRST") ?? 1)
        for seed in first..<first + runs {
            await Task.yield()
            var simulation = StewardSimulation(seed: seed)
            simulation.run(steps: 150)
            #expect(simulation.faults.isEmpty, "seed \(seed)")
            totals.epochs += simulation.epochs
            totals.retargets += simulation.retargets
            totals.giveUps += simulation.giveUps
        }
        print(
            "stewards: \(runs) histories, \(totals.epochs) epochs, \(totals.retargets) retargets, "
                + "\(totals.giveUps) newcomers given up"
        )
        #expect(totals.epochs > Int(runs))
    }
}
