import Swim
import Testing

/// A process that has gone is not a process that is silent.
@Suite struct RefusalTests {
    private func killed(_ count: Int, seed: UInt64, loss: Double = 0, refusals: Bool = true) -> Double {
        var settings = Settings()
        settings.refusals = refusals
        let simulation = Simulation<SwimStation>.cluster(count, seed: seed, settings: settings)
        let invariants = Invariants(count: count)
        invariants.watch(simulation)
        simulation.network.loss = loss
        simulation.settle()
        let start = simulation.now
        let victim = count / 2
        simulation.kill(victim)
        simulation.run(until: start + 60_000_000)
        let deaths = simulation.notes.filter { $0.kind == .dead }
        #expect(deaths.allSatisfy { $0.subject == Int32(victim) }, "seed \(seed)")
        #expect(deaths.count == count - 1, "seed \(seed), N = \(count)")
        #expect(invariants.violations.isEmpty, "seed \(seed): \(invariants.violations)")
        if refusals { #expect(simulation.total(\.refusals) > 0) }
        return Double((deaths.map(\.at).max() ?? .max) - start) / 1e6
    }

    @Test(
        "a killed process is dead everywhere sooner than a pause that must be outlived",
        arguments: [3, 5, 16, 32, 128]
    )
    func kills(count: Int) async {
        var times: [Double] = []
        for seed in UInt64(0)..<10 {
            await breathe()
            times.append(killed(count, seed: seed))
        }
        times.sort()
        // Without the rule no verdict falls before the minimum of five seconds.
        #expect(times[5] < 4, "\(times)")
        #expect(killed(count, seed: 1, refusals: false) > 5)
    }

    @Test("loss does not stop it", arguments: [0.1, 0.25])
    func lossy(loss: Double) async {
        for seed in UInt64(0)..<5 {
            await breathe()
            _ = killed(24, seed: seed, loss: loss)
        }
    }

    @Test("a node whose machine refuses but that lives refutes in time")
    func lives() async {
        for seed in UInt64(0)..<20 {
            await breathe()
            let simulation = Simulation<SwimStation>.cluster(32, seed: seed)
            simulation.settle()
            // A wrong rule in a firewall: streams are refused, and half of the datagrams are dropped.
            simulation.isRefusing.insert(7)
            simulation.network.ingressLoss[7] = 0.5
            simulation.run(until: simulation.now + 120_000_000)
            #expect(simulation.notes.allSatisfy { $0.kind != .dead }, "seed \(seed)")
            #expect(simulation.total(\.refusals) > 0, "seed \(seed)")
            #expect(simulation.stations[7].machine.counters.refutations > 0, "seed \(seed)")
        }
    }

    @Test("one liar who claims to be refused kills nobody")
    func liar() {
        let simulation = Simulation<SwimStation>.cluster(16, seed: 3)
        simulation.settle()
        let signer = Names.Signer(key: Names.key(0))
        for _ in 0..<300 {
            simulation.run(until: simulation.now + 200_000)
            let target = 1 + simulation.random.below(15)
            let truth = simulation.stations[target].machine.ownRecord
            let weight = Accusation.weight(of: 7.5, isRefused: true)
            let bytes = Accusation.signedBytes(
                accuser: Names.id(0).handle,
                target: truth.id.handle,
                version: truth.version,
                weight: weight
            )
            let lie = Accusation(accuser: Names.id(0).handle, weight: weight, signature: signer.sign(bytes))
            var writer = ByteWriter(capacity: 256)
            let sight = Sight(digest: 0, flags: [], health: 0)
            Codec.encode(.gossip(sight), into: &writer)
            Codec.encode(.suspicion(target: truth.id.handle, version: truth.version, [lie]), into: &writer)
            for hearer in 1..<16 {
                simulation.with(hearer) { station, post in
                    station.receive(writer.bytes, isStream: false, from: 0, at: simulation.now, into: &post)
                }
            }
        }
        #expect(simulation.notes.allSatisfy { $0.kind != .dead })
        #expect(simulation.total(\.refutations) > 0)
    }

    @Test("a machine that refuses while its process restarts is met again at once")
    func restart() {
        let simulation = Simulation<SwimStation>.cluster(16, seed: 4)
        simulation.settle()
        simulation.kill(5)
        simulation.run(until: simulation.now + 10_000_000)
        #expect(simulation.stations[0].machine.status(of: Names.id(5)) == .dead)
        simulation.restart(5, Simulation<SwimStation>.newborn(5, seed: 4, generation: 2, now: simulation.now))
        simulation.join(5, through: 0)
        #expect(simulation.agreement(present: 16, within: 20_000_000) < 10)
    }
}
