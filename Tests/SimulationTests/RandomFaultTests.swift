import Swim
import Testing

/// Random clusters under random faults, every change of every view checked; then peace, and all must agree.
@Suite struct RandomFaultTests {
    private struct Tally {
        var suspicions = 0
        var deaths = 0
        var refutations = 0
        var returns = 0
        var syncs = 0
        var relayed = 0
        var pauses = 0
        var decrees = 0
    }

    @Test("whatever happens, the invariants hold, and after it the views agree") func chaos() async {
        var tally = Tally()
        for seed in 0..<UInt64(seedCount) {
            await breathe()
            let simulation = run(seed)
            tally.suspicions += simulation.total(\.suspicions)
            tally.deaths += simulation.total(\.deaths)
            tally.refutations += simulation.total(\.refutations)
            tally.returns += simulation.total(\.returns)
            tally.syncs += simulation.total(\.syncs)
            tally.relayed += simulation.total(\.relayed)
            tally.pauses += simulation.total(\.pauses)
            tally.decrees += simulation.total(\.decrees)
        }
        // I13: a run in which nothing happened proves nothing.
        #expect(tally.suspicions > 0)
        #expect(tally.deaths > 0)
        #expect(tally.refutations > 0)
        #expect(tally.returns > 0)
        #expect(tally.syncs > 0)
        #expect(tally.relayed > 0)
        #expect(tally.pauses > 0)
        #expect(tally.decrees > 0)
    }

    private func run(_ seed: UInt64) -> Simulation<SwimStation> {
        var random = Random(seed: seed &* 7_919 &+ 3)
        let count = 3 + random.below(22)
        let zones = 1 + random.below(3)
        let simulation = Simulation<SwimStation>.cluster(count, seed: seed, zones: zones)
        let invariants = Invariants(count: count)
        invariants.watch(simulation)
        simulation.watchOutcasts()
        // Who is expelled on the way; a mesh of two is left.
        var expelled: [Int] = []
        simulation.network.duplication = random.unit() * 0.1
        simulation.network.reordering = random.unit() * 0.3
        var generations = [UInt64](repeating: 1, count: count)
        for _ in 0..<25 {
            simulation.run(until: simulation.now + Micros(random.below(6_000_000)))
            let node = random.below(count)
            switch random.below(11) {
            case 0: simulation.network.loss = random.unit() * 0.4
            case 1: simulation.network.bursts = random.below(2) == 0 ? nil : .init()
            case 2: simulation.pause(node)
            case 3, 4:
                for other in 0..<count { simulation.resume(other) }
            case 5: simulation.crash(node)
            case 6 where simulation.conditions[node] == .down:
                // Every third life has lost its generation.
                let isLost = random.below(3) == 0
                if !isLost { generations[node] += 1 }
                restart(node, generation: isLost ? 0 : generations[node], simulation, invariants, seed, zones)
            case 7:
                for other in 0..<count { simulation.network.groups[other] = Int32(random.below(2)) }
            case 10 where count - expelled.count > 2 && simulation.conditions[node] == .running:
                let target = random.below(count)
                simulation.expel(target, sequence: UInt64(expelled.count), at: node)
                if !expelled.contains(target) { expelled.append(target) }
            case 8:
                for other in 0..<count { simulation.network.groups[other] = 0 }
                simulation.network.cuts = []
            default: simulation.network.cut(from: node, to: random.below(count))
            }
        }
        // Peace.
        simulation.network.loss = 0
        simulation.network.bursts = nil
        simulation.network.cuts = []
        for node in 0..<count {
            simulation.network.groups[node] = 0
            simulation.resume(node)
        }
        for node in 0..<count where simulation.conditions[node] == .down {
            generations[node] += 1
            restart(node, generation: generations[node], simulation, invariants, seed, zones)
        }
        simulation.outside = Set(expelled)
        for target in expelled { simulation.crash(target) }
        let rest = (0..<count).filter { !expelled.contains($0) }
        // A decree may have been lost with all who heard it; the operator gives it again.
        if let first = rest.first {
            for target in expelled { simulation.expel(target, at: first) }
        }
        // A newborn whose only seed was expelled is shown another.
        for node in rest where simulation.stations[node].machine.presentCount == 1 {
            if let other = rest.first(where: { $0 != node }) { simulation.join(node, through: other) }
        }
        let seconds = simulation.agreement(present: count - expelled.count, within: 240_000_000)
        #expect(seconds < 240, "I9: seed \(seed), \(count) nodes never agree")
        #expect(invariants.violations == [], "seed \(seed), \(count) nodes")
        #expect(simulation.outcastViolations == [], "seed \(seed), \(count) nodes")
        return simulation
    }

    private func restart(
        _ node: Int,
        generation: UInt64,
        _ simulation: Simulation<SwimStation>,
        _ invariants: Invariants,
        _ seed: UInt64,
        _ zones: Int
    ) {
        let old = simulation.stations[node]
        // Who lost its generation lost everything; another half comes back with its snapshot.
        let isKept = generation > 0
        var station = Simulation<SwimStation>.newborn(
            node,
            seed: seed,
            zones: zones,
            generation: generation,
            decrees: isKept ? old.kept : [],
            remembered: isKept && generation % 2 == 0 ? Snapshot(old.machine.snapshotBytes()) : nil,
            now: simulation.now
        )
        station.outcasts = Outcasts()
        simulation.restart(node, station)
        invariants.adopt(node, simulation)
        if generation == 0 { invariants.hasTwoLives(node) }
        // Any other may serve as the seed; one that is down is asked again until it is there.
        simulation.join(node, through: (node + 1) % simulation.count)
    }
}
