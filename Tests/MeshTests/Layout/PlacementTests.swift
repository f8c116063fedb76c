import Store
import Swim
import Testing

@testable import Mesh

/// Balance, spread, movement and determinism of placement, over random meshes.
@Suite struct PlacementTests {
    /// Random meshes; `PLACEMENT_RUNS` asks for more.
    private var runs: Int { PlacementSample.runs("PLACEMENT_RUNS") ?? 8 }

    @Test("shares are balanced and zones are spread in every prefix, whatever the mesh")
    func balanced() async {
        var worst = Worst()
        for seed in 1...UInt64(runs) {
            // One that computes lets those go on that wait for a clock.
            await Task.yield()
            var random = S3Random(seed)
            let nodes = PlacementSample.nodes(&random)
            let table = Placement.table(nodes: nodes, previous: nil, base: nil)
            PlacementSample.checkRules(nodes, table, seed)
            worst.note(nodes, table, seed)
        }
        worst.report("fresh")
        #expect(worst.deviation[3]! <= 0.05, "seed \(worst.seed[3]!)")
    }

    @Test("the same nodes in the same table give the same table")
    func fixedPoint() async {
        for seed in 1...UInt64(runs) {
            // One that computes lets those go on that wait for a clock.
            await Task.yield()
            var random = S3Random(seed)
            let nodes = PlacementSample.nodes(&random)
            let table = Placement.table(nodes: nodes, previous: nil, base: nil)
            #expect(table == Placement.table(nodes: nodes, previous: nil, base: nil), "seed \(seed)")
            #expect(table == Placement.table(nodes: nodes, previous: table, base: table), "seed \(seed)")
        }
    }

    @Test("joins, leaves and changes of weight move little more than they must, and stay balanced")
    func movement() async {
        var worst = Worst()
        var ratios = WorstRatio()
        for seed in 1...UInt64(runs) {
            // One that computes lets those go on that wait for a clock.
            await Task.yield()
            var random = S3Random(seed)
            var nodes = PlacementSample.nodes(&random)
            var table = Placement.table(nodes: nodes, previous: nil, base: nil)
            for _ in 0..<4 {
                let change = PlacementSample.change(nodes, table, &random)
                let next = Placement.table(nodes: change.nodes, previous: change.table, base: change.table)
                PlacementSample.checkRules(change.nodes, next, seed)
                worst.note(change.nodes, next, seed)
                for copies in [1, 2, 3, 5] where !change.isZoneChange {
                    ratios.note(copies, PlacementSample.movement(change.nodes, change.table, next, copies), seed)
                }
                nodes = change.nodes
                table = next
            }
        }
        worst.report("after changes")
        ratios.report()
        #expect(worst.deviation[3]! <= 0.05, "seed \(worst.seed[3]!)")
        #expect(ratios.excess[3]! <= 0.6, "seed \(ratios.seed[3]!)")
    }

    @Test("a fourth node beside three takes its share and nothing else moves", arguments: [1, 3, 4], [false, true])
    func fourth(zones: Int, isUneven: Bool) {
        let all = (0..<4).map { index in
            Placement.Node(
                id: PlacementSample.id(UInt64(index + 1)),
                zone: index % zones,
                weight: isUneven ? [100, 150, 200, 100][index] : 100
            )
        }
        let three = Placement.table(nodes: Array(all.prefix(3)), previous: nil, base: nil)
        let four = Placement.table(nodes: all, previous: three, base: three)
        let (moved, ideal) = PlacementSample.movement(all, three, four, 3)
        print("placement: a fourth node in \(zones) zones, uneven \(isUneven): \(moved) moved, \(ideal) had to")
        #expect(Double(moved) <= 1.05 * Double(ideal))
    }

    @Test("voters are one, two, three or five, in as many zones as there are, and stay")
    func voters() {
        for seed in 1...UInt64(runs * 10) {
            var random = S3Random(seed)
            let nodes = PlacementSample.nodes(&random)
            let voters = Placement.voters(nodes: nodes, former: [])
            #expect(voters.count == (nodes.count >= 5 ? 5 : nodes.count >= 3 ? 3 : nodes.count))
            #expect(Set(voters).count == voters.count)
            let zones = Set(nodes.map(\.zone)).count
            #expect(Set(voters.map { nodes[Int($0)].zone }).count == min(zones, voters.count), "seed \(seed)")
            #expect(Placement.voters(nodes: nodes, former: voters) == voters, "seed \(seed)")
        }
    }
}
