import Swim
import Testing

/// Decrees in whole meshes: how fast they are everywhere, what stands against them, and that they hold.
@Suite struct ExpulsionTests {
    private func cluster(
        _ count: Int,
        seed: UInt64,
        settings: Settings = Settings(),
        rebels: Set<Int> = []
    ) -> Simulation<SwimStation> {
        let simulation = Simulation<SwimStation>.cluster(count, seed: seed, settings: settings, deaf: rebels)
        simulation.outside = rebels
        simulation.watchOutcasts(except: rebels)
        return simulation
    }

    @Test(
        "two seconds after the decree nobody lists the expelled, and it knows and is silent",
        arguments: [2, 3, 16, 64]
    )
    func expel(count: Int) {
        let simulation = cluster(count, seed: 21)
        let invariants = Invariants(count: count)
        invariants.watch(simulation)
        #expect(simulation.expulsion(of: 1, at: 0) <= 2)
        // Unanswered, it doubts itself, and its periods grow long.
        simulation.run(until: simulation.now + 20_000_000)
        #expect(simulation.stations[1].machine.status(of: Names.id(1)) == .expelled)
        #expect(simulation.stations[1].machine.nextDeadline == .max)
        simulation.outside = [1]
        #expect(simulation.agrees)
        #expect(simulation.stations.allSatisfy { $0.kept.count == 1 })
        #expect(invariants.violations == [] && simulation.outcastViolations == [])
    }

    @Test("a node that is told of its own expulsion tells the others before it falls silent", arguments: [2, 16])
    func commandedByItself(count: Int) {
        let simulation = cluster(count, seed: 22)
        #expect(simulation.expulsion(of: 1, at: 1) <= 2)
        #expect(simulation.outcastViolations == [])
    }

    @Test("a decree made on one side of a split holds on both when it has healed") func partition() {
        let simulation = cluster(24, seed: 23)
        let invariants = Invariants(count: 24)
        invariants.watch(simulation)
        simulation.settle()
        for node in 0..<24 { simulation.network.groups[node] = Int32(node % 2) }
        simulation.run(until: simulation.now + 40_000_000)
        simulation.expel(5, at: 2)
        simulation.run(until: simulation.now + 40_000_000)
        #expect(simulation.stations[4].machine.status(of: Names.id(5)) == .expelled)
        #expect(simulation.stations[7].machine.status(of: Names.id(5)) == .alive)
        for node in 0..<24 { simulation.network.groups[node] = 0 }
        simulation.outside = [5]
        #expect(simulation.agreement(present: 23, within: 60_000_000) <= 35)
        for node in 0..<24 where node != 5 {
            #expect(simulation.stations[node].machine.status(of: Names.id(5)) == .expelled)
        }
        #expect(invariants.violations == [] && simulation.outcastViolations == [])
    }

    @Test("who sleeps through a decree, or restarts with what it kept, is no way back") func asleep() throws {
        let simulation = cluster(12, seed: 24)
        simulation.settle()
        simulation.pause(4)
        simulation.crash(6)
        simulation.expel(5, at: 0)
        simulation.run(until: simulation.now + 3_000_000)
        simulation.resume(4)
        let old = simulation.stations[0]
        simulation.crash(0)
        let memory: Snapshot = try #require(Snapshot(old.machine.snapshotBytes()))
        let again = Simulation<SwimStation>.newborn(
            0,
            seed: 1,
            generation: 2,
            decrees: old.kept,
            remembered: memory,
            now: simulation.now
        )
        simulation.restart(0, again)
        #expect(simulation.stations[0].machine.status(of: Names.id(5)) == .expelled)
        // The other one lost everything, and hears of it with the first sync.
        simulation.restart(6, Simulation<SwimStation>.newborn(6, seed: 2, generation: 0, now: simulation.now))
        simulation.watchOutcasts()
        simulation.join(6, through: 3)
        simulation.outside = [5]
        #expect(simulation.agreement(present: 11, within: 60_000_000) <= 30)
        #expect(simulation.stations[6].machine.knownDecrees.count == 1)
        #expect(simulation.outcastViolations == [])
    }

    @Test("a restart with a snapshot needs no seed to be part of the mesh again") func snapshotRestart() throws {
        let simulation = cluster(12, seed: 25)
        simulation.settle()
        simulation.crash(3)
        let memory: Snapshot = try #require(Snapshot(simulation.stations[3].machine.snapshotBytes()))
        simulation.run(until: simulation.now + 30_000_000)
        #expect(simulation.stations[0].machine.status(of: Names.id(3)) == .dead)
        simulation.restart(
            3,
            Simulation<SwimStation>.newborn(
                3,
                seed: 1,
                generation: 2,
                remembered: memory,
                now: simulation.now
            )
        )
        #expect(simulation.agreement(present: 12, within: 30_000_000) <= 3)
    }

    @Test("a rebel that goes on under its name and under minted ones harms nobody") func rebel() {
        // Sixteen members, one of them a rebel, and six identities that do not exist yet.
        var settings = Settings()
        settings.identityMicros = 60_000_000
        let simulation = cluster(22, seed: 26, settings: settings, rebels: Set(15..<22))
        var roster = Roster(digestKey: settings.digestKey)
        for index in 0..<16 { _ = roster.add(Names.record(index, zones: 1), status: .alive) }
        for index in 0..<22 {
            let station = SwimStation(
                machine: Membership(
                    settings: settings,
                    own: Names.record(index, zones: 1),
                    known: index < 16 ? roster : nil,
                    signer: Names.Signer(key: Names.key(index), isDeaf: index >= 15),
                    seed: UInt64(index) + 5,
                    now: SwimStation.ahead(index)
                ),
                index: index
            )
            simulation.restart(index, station)
            if index >= 16 { simulation.crash(index) }
        }
        simulation.watchOutcasts(except: simulation.outside)
        simulation.run(until: 70_000_000)
        simulation.clearStatistics()
        simulation.expel(15, at: 3)
        simulation.run(until: simulation.now + 2_000_000)
        for index in 16..<22 {
            simulation.conditions[index] = .running
            simulation.join(index, through: index - 16)
        }
        var random = Random(seed: 26)
        for _ in 0..<250 {
            simulation.run(until: simulation.now + 200_000)
            let victim = random.below(15)
            let truth = simulation.stations[random.below(15)].machine.ownRecord
            var revived = Names.record(15, zones: 1, generation: 2 + UInt64(random.below(1_000)))
            revived.signature = Names.Signer(key: Names.key(15)).sign(revived.signedBytes)
            var writer = ByteWriter(capacity: 1_000)
            Codec.encode(.gossip(Sight(digest: 1, flags: .quiet, health: 0)), into: &writer)
            Codec.encode(.record(revived), into: &writer)
            Codec.encode(
                .suspicion(target: truth.id.handle, version: truth.version, (15..<22).map { accuse(truth, by: $0) }),
                into: &writer
            )
            for sender in [15, 16 + random.below(6)] {
                simulation.with(victim) {
                    $0.receive(writer.bytes, isStream: false, from: sender, at: simulation.now, into: &$1)
                }
            }
        }
        let honest = 0..<15
        for node in honest {
            let machine = simulation.stations[node].machine
            #expect(machine.status(of: Names.id(15)) == .expelled)
            #expect(machine.counters.outcasts > 0)
            for other in honest { #expect(machine.isUsable(Names.id(other))) }
        }
        let harm = simulation.notes.filter {
            honest.contains(Int($0.observer)) && honest.contains(Int($0.subject)) && $0.kind != .alive
        }
        #expect(harm.isEmpty)
        #expect(simulation.total(\.discounted) > 0, "the minted identities did speak")
        #expect(simulation.outcastViolations == [])
    }

    private func accuse(_ truth: Record, by accuser: Int) -> Accusation {
        let handle = Names.id(accuser).handle
        let bytes = Accusation.signedBytes(
            accuser: handle,
            target: truth.id.handle,
            version: truth.version,
            weight: 64
        )
        let signature = Names.Signer(key: Names.key(accuser)).sign(bytes)
        return Accusation(accuser: handle, weight: 64, signature: signature)
    }

    @Test("two operators' decrees, late, doubled, out of order and with forgeries between, make one view")
    func twoOperators() {
        let simulation = cluster(20, seed: 27)
        let invariants = Invariants(count: 20)
        invariants.watch(simulation)
        simulation.network.loss = 0.2
        simulation.network.duplication = 0.2
        simulation.network.reordering = 0.5
        simulation.settle()
        let start = simulation.now
        for round in 0..<4 {
            let at = start + Micros(round) * 700_000
            simulation.at(at) { $0.expel(18, sequence: 2, at: 0) }
            simulation.at(at) { $0.expel(19, sequence: 2, at: 9) }
            simulation.at(at + 100_000) { $0.decree(Names.decree(.rotate, sequence: 1, epoch: 4), at: 9) }
            simulation.at(at + 100_000) { $0.decree(Names.decree(.rotate, sequence: 3, epoch: 3), at: 0) }
            simulation.at(at + 200_000) {
                $0.decree(Names.decree(.expel(Names.id(4)), sequence: 9, by: Names.key(3)), at: 3)
            }
        }
        simulation.run(until: start + 4_000_000)
        simulation.outside = [18, 19]
        #expect(simulation.agreement(present: 18, within: 60_000_000) <= 20)
        for node in 0..<18 {
            let machine = simulation.stations[node].machine
            #expect(machine.knownDecrees.count == 4)
            #expect(machine.newestEpoch == 4)
            #expect(machine.status(of: Names.id(4)) == .alive)
        }
        #expect(simulation.stations[3].machine.counters.forged == 4)
        #expect(invariants.violations == [] && simulation.outcastViolations == [])
    }

    @Test("the checker of I8 catches a machine that overlooks a decree") func seededBug() {
        let simulation = Simulation<SwimStation>.cluster(12, seed: 28, deaf: [7])
        let invariants = Invariants(count: 12)
        invariants.watch(simulation)
        simulation.watchOutcasts()
        simulation.settle()
        simulation.expel(5, at: 0)
        simulation.run(until: simulation.now + 20_000_000)
        #expect(simulation.stations[7].machine.status(of: Names.id(5)) != .expelled)
        let violations = simulation.outcastViolations
        #expect(violations.contains { $0.hasPrefix("I8: 7 holds the expelled 5") })
        #expect(violations.contains { $0.hasPrefix("I8: 7 would use the expelled 5") })
        #expect(violations.contains { $0.hasPrefix("I8: 7 sends to the expelled 5") })
        #expect(violations.allSatisfy { $0.hasPrefix("I8: 7") }, "the others did what they should")
    }

    @Test("a member that forges everything for ten minutes kills, alters and retires nobody") func byzantine() {
        #if DEBUG
            let step: Micros = 1_000_000
        #else
            let step: Micros = 100_000
        #endif
        let simulation = cluster(16, seed: 29)
        let invariants = Invariants(count: 16)
        invariants.watch(simulation)
        #expect(simulation.lies(by: 4, watch: 600_000_000, every: step, seed: 29) == 0)
        #expect(simulation.total(\.forged) > 1_000)
        #expect(simulation.total(\.malformed) > 100)
        #expect(simulation.total(\.discounted) > 0)
        #expect(invariants.violations == [])
        #expect(simulation.agreement(present: 16, within: 60_000_000) <= 40)
    }
}
