import Swim
import Testing

/// Seeds that the randomised tests run; `MESHD_SIM_SEEDS` makes it thousands for a night.
let seedCount: Int = {
    #if DEBUG
        let usual = 6
    #else
        let usual = 200
    #endif
    return environment("MESHD_SIM_SEEDS").flatMap { Int($0) } ?? usual
}()

@Suite struct FaultTests {
    @Test("the same seed gives the same trace, another seed another one") func deterministic() {
        func trace(_ seed: UInt64) -> UInt64 {
            let simulation = Simulation<SwimStation>.cluster(24, seed: seed, zones: 3)
            simulation.network.loss = 0.1
            simulation.network.bursts = .init()
            simulation.network.duplication = 0.05
            simulation.network.reordering = 0.1
            simulation.at(5_000_000) { $0.crash(3) }
            simulation.at(9_000_000) { $0.pause(4) }
            simulation.at(20_000_000) { $0.resume(4) }
            simulation.run(until: 30_000_000)
            return simulation.trace
        }
        #expect(trace(1) == trace(1))
        #expect(trace(1) != trace(2))
    }

    @Test("a crash is known to all within seven seconds, and nobody else is accused", arguments: [2, 3, 4, 5, 16, 64])
    func crash(count: Int) {
        let simulation = Simulation<SwimStation>.cluster(count, seed: 7)
        let invariants = Invariants(count: count)
        invariants.watch(simulation)
        let outcome = simulation.crashes([1], watch: 30_000_000)
        // Two or three nodes have no relays and need the silence of several periods.
        #expect(outcome.deadAll <= (count < 5 ? 30 : 8))
        #expect(outcome.falseSuspicions == 0)
        #expect(simulation.agrees)
        #expect(invariants.violations == [])
    }

    @Test("idle nodes send two packets a second at any size, and nobody a burst") func idle() {
        var most: [Int] = []
        for count in [16, 256] {
            let outcome = Simulation<SwimStation>.cluster(count, seed: 3).calm(watch: 20_000_000)
            #expect(outcome.packetsPerNodeSecond <= 2.2)
            #expect(outcome.bytesPerNodeSecond <= 300)
            most.append(outcome.packetsPerSecondMax)
        }
        #expect(most.allSatisfy { $0 <= 16 })
    }

    @Test("a quarter of all packets lost for a minute kills nobody") func lossy() {
        let simulation = Simulation<SwimStation>.cluster(48, seed: 5)
        simulation.network.loss = 0.25
        let outcome = simulation.calm(watch: 60_000_000)
        #expect(outcome.falseDeaths == 0)
        #expect(outcome.bytesPerNodeSecond < 1_000)
    }

    @Test("lost, doubled, late and bursty packets kill nobody") func bursty() {
        let simulation = Simulation<SwimStation>.cluster(32, seed: 6, zones: 2)
        simulation.network.bursts = .init()
        simulation.network.duplication = 0.1
        simulation.network.reordering = 0.2
        #expect(simulation.calm(watch: 60_000_000).falseDeaths == 0)
    }

    @Test("a split mesh buries its other half, and unites by itself") func partition() {
        let simulation = Simulation<SwimStation>.cluster(24, seed: 8)
        let invariants = Invariants(count: 24)
        invariants.watch(simulation)
        simulation.settle()
        for node in 0..<24 { simulation.network.groups[node] = Int32(node % 2) }
        simulation.run(until: simulation.now + 90_000_000)
        #expect(simulation.stations[0].machine.presentCount == 12)
        for node in 0..<24 { simulation.network.groups[node] = 0 }
        #expect(simulation.agreement(present: 24, within: 60_000_000) <= 15)
        #expect(invariants.violations == [])
        #expect(simulation.total(\.returns) > 0)
    }

    @Test("all join through one seed") func joinStorm() {
        let newborn = (0..<40).map { Simulation<SwimStation>.newborn($0, seed: 5, now: 0) }
        let simulation = Simulation<SwimStation>(stations: newborn, seed: 5)
        for node in 1..<40 { simulation.at(Micros(node) * 500) { $0.join(node, through: 0) } }
        #expect(simulation.agreement(present: 40, within: 30_000_000) <= 3)
    }

    @Test("half the mesh restarts with its generation lost and is believed again") func restartLost() {
        let simulation = Simulation<SwimStation>.cluster(20, seed: 9)
        simulation.settle()
        for node in 10..<20 { simulation.crash(node) }
        simulation.run(until: simulation.now + 40_000_000)
        #expect(simulation.stations[0].machine.presentCount == 10)
        for node in 10..<20 {
            simulation.restart(
                node,
                Simulation<SwimStation>.newborn(node, seed: 9, generation: 0, now: simulation.now)
            )
            simulation.join(node, through: node - 10)
        }
        #expect(simulation.agreement(present: 20, within: 60_000_000) <= 15)
        #expect(simulation.stations[15].machine.ownRecord.version.generation == 2)
    }

    @Test("a node that moves is found at its new address") func move() {
        let simulation = Simulation<SwimStation>.cluster(12, seed: 10)
        simulation.settle()
        simulation.move(4, port: 9000)
        simulation.run(until: simulation.now + 20_000_000)
        for station in simulation.stations {
            #expect(station.machine.member(Names.id(4))?.record.endpoint.port == 9000)
            #expect(station.machine.status(of: Names.id(4)) == .alive)
        }
        #expect(simulation.notes.allSatisfy { $0.kind != .dead })
    }

    @Test("who leaves is gone everywhere at once and never suspected") func leave() {
        let simulation = Simulation<SwimStation>.cluster(16, seed: 11)
        simulation.settle()
        simulation.with(5) { $0.command(.leave, at: simulation.now, into: &$1) }
        simulation.run(until: simulation.now + 3_000_000)
        simulation.crash(5)
        simulation.run(until: simulation.now + 20_000_000)
        for node in 0..<16 where node != 5 {
            #expect(simulation.stations[node].machine.status(of: Names.id(5)) == .left)
        }
        #expect(simulation.notes.allSatisfy { $0.kind != .suspect && $0.kind != .dead })
    }

    @Test("a description reaches everybody by stream and is checked against its hash") func describe() {
        let simulation = Simulation<SwimStation>.cluster(10, seed: 12)
        simulation.settle()
        let text = Array("zone a, 4 TB".utf8)
        simulation.with(2) { $0.command(.describe(text), at: simulation.now, into: &$1) }
        simulation.run(until: simulation.now + 10_000_000)
        for station in simulation.stations {
            #expect(station.machine.description(of: Names.id(2)) == text)
        }
    }

    @Test("who comes while a member is gone learns from the others what it called itself", arguments: [3, 10])
    func describeTheGone(count: Int) {
        let simulation = Simulation<SwimStation>.cluster(count, seed: 15)
        simulation.settle()
        let (dead, outcast) = (Array("zone a, died".utf8), Array("zone b, stolen".utf8))
        simulation.with(1) { $0.command(.describe(dead), at: simulation.now, into: &$1) }
        simulation.with(2) { $0.command(.describe(outcast), at: simulation.now, into: &$1) }
        simulation.run(until: simulation.now + 10_000_000)
        simulation.crash(0)
        simulation.crash(1)
        simulation.run(until: simulation.now + 40_000_000)
        // It kept nothing, and is back at the moment in which another is expelled.
        simulation.restart(0, Simulation<SwimStation>.newborn(0, seed: 2, generation: 2, now: simulation.now))
        simulation.join(0, through: 2)
        simulation.run(until: simulation.now + 300_000)
        if count > 3 { simulation.expel(2, at: 3) }
        simulation.run(until: simulation.now + 30_000_000)
        #expect(simulation.stations[0].machine.status(of: Names.id(1)) == .dead)
        #expect(simulation.stations[0].machine.description(of: Names.id(1)) == dead)
        #expect(simulation.stations[0].machine.description(of: Names.id(2)) == outcast)
    }

    @Test(
        "who has come is known to all soon, also when the member it came through is cut off in that moment",
        arguments: 0..<8
    )
    func theDoorCloses(seed: UInt64) throws {
        let newborn = (0..<6).map { Simulation<SwimStation>.newborn($0, seed: seed, now: 0) }
        let simulation = Simulation<SwimStation>(stations: newborn, seed: seed)
        for node in 1..<5 { simulation.at(Micros(node) * 1_000) { $0.join(node, through: 0) } }
        simulation.run(until: 40_000_000)
        simulation.join(5, through: 0)
        while simulation.stations[5].machine.status(of: Names.id(3)) == nil {
            try #require(simulation.now < 60_000_000)
            simulation.run(until: simulation.now + 100)
        }
        // The newcomer has its answer, and nobody else has heard of it.
        for other in 1..<5 {
            simulation.network.cut(from: 0, to: other)
            simulation.network.cut(from: other, to: 0)
            try #require(simulation.stations[other].machine.status(of: Names.id(5)) == nil)
        }
        simulation.run(until: simulation.now + 4_000_000)
        for other in 1..<5 {
            #expect(
                simulation.stations[other].machine.status(of: Names.id(5)) == .alive,
                "\(other) has not heard of it"
            )
        }
        simulation.run(until: simulation.now + 20_000_000)
        for other in 1..<5 {
            #expect(simulation.stations[5].machine.status(of: Names.id(other)) == .alive, "\(other) is not seen")
        }
    }

    @Test("a pause of four seconds kills nobody; one of thirty is survived") func pauses() {
        let simulation = Simulation<SwimStation>.cluster(20, seed: 13)
        simulation.settle()
        for round in 0..<5 {
            let at = simulation.now + Micros(round) * 12_000_000
            simulation.at(at) { $0.pause(3 + round) }
            simulation.at(at + 4_000_000) { $0.resume(3 + round) }
        }
        simulation.run(until: simulation.now + 70_000_000)
        #expect(simulation.notes.allSatisfy { $0.kind != .dead })
        simulation.pause(9)
        simulation.run(until: simulation.now + 30_000_000)
        #expect(simulation.stations[0].machine.status(of: Names.id(9)) == .dead)
        simulation.resume(9)
        #expect(simulation.agreement(present: 20, within: 90_000_000) <= 60)
        let own = simulation.notes.filter { $0.kind == .dead && $0.subject != 9 }
        #expect(own.isEmpty, "who slept must not accuse the waking")
    }

    @Test("a one-way cut between two nodes is bridged by relays") func oneWay() {
        let simulation = Simulation<SwimStation>.cluster(16, seed: 14)
        simulation.settle()
        for other in 0..<4 { simulation.network.cut(from: 8, to: other) }
        simulation.run(until: simulation.now + 120_000_000)
        #expect(simulation.notes.allSatisfy { $0.kind != .dead && $0.kind != .suspect })
    }

    @Test("a member that forges everything for a minute kills and alters nobody") func byzantine() {
        let simulation = Simulation<SwimStation>.cluster(16, seed: 15)
        let invariants = Invariants(count: 16)
        invariants.watch(simulation)
        simulation.settle()
        var random = Random(seed: 15)
        let liar = 0
        let signer = Names.Signer(key: Names.key(liar))
        for _ in 0..<600 {
            simulation.run(until: simulation.now + 100_000)
            let target = 1 + random.below(15)
            let truth = simulation.stations[target].machine.ownRecord
            var forged = truth
            forged.version.incarnation += 5
            forged.endpoint = Endpoint(ipv4: 1, port: 1)
            forged.flags = random.below(2) == 0 ? .leaving : []
            forged.signature = signer.sign(forged.signedBytes)
            let accusations = (0..<4).map { accuser in
                let handle = Names.id(accuser).handle
                let bytes = Accusation.signedBytes(
                    accuser: handle,
                    target: truth.id.handle,
                    version: truth.version,
                    weight: 64
                )
                return Accusation(accuser: handle, weight: 64, signature: signer.sign(bytes))
            }
            var writer = ByteWriter(capacity: 1_100)
            Codec.encode(.gossip(Sight(digest: random.next(), flags: [.quiet, .flooded], health: 0)), into: &writer)
            Codec.encode(.record(forged), into: &writer)
            Codec.encode(.suspicion(target: truth.id.handle, version: truth.version, accusations), into: &writer)
            for victim in 1..<16 {
                simulation.with(victim) {
                    $0.receive(writer.bytes, isStream: false, from: liar, at: simulation.now, into: &$1)
                }
            }
        }
        simulation.run(until: simulation.now + 20_000_000)
        #expect(simulation.notes.allSatisfy { $0.kind != .dead && $0.kind != .left })
        for node in 1..<16 {
            #expect(simulation.stations[node].machine.counters.forged > 100)
            #expect(simulation.stations[1].machine.member(Names.id(node))?.record.endpoint == Names.endpoint(node))
        }
        #expect(invariants.violations == [])
    }

    @Test("a death can be explained: who asked, who accused, when it became what") func why() {
        let simulation = Simulation<SwimStation>.cluster(16, seed: 17)
        _ = simulation.crashes([3], watch: 20_000_000)
        var asked = 0
        for node in 0..<16 where node != 3 {
            let entries = simulation.stations[node].machine.journal.entries(about: Names.id(3))
            var accusers: Set<NodeID> = []
            var path: [Status] = []
            for entry in entries {
                switch entry.deed {
                case .unanswered: asked += 1
                case .accused(let accuser, let phi):
                    #expect(phi > 0)
                    accusers.insert(accuser)
                case .became(let status, _, let phi, let count):
                    path.append(status)
                    if status == .dead { #expect(phi >= 4 && count >= 3) }
                }
            }
            #expect(path == [.suspect, .dead])
            #expect(accusers.count >= 3)
        }
        #expect(asked > 0)
        #expect(simulation.stations[0].machine.member(Names.id(5))?.reach == .direct)
    }

    @Test("the reference rules take their own time, and are deterministic too") func reference() {
        let ours = Simulation<SwimStation>.cluster(128, seed: 16).crashes([9], watch: 30_000_000)
        let theirs = Reference.cluster(128, seed: 16).crashes([9], watch: 30_000_000)
        #expect(theirs.deadAll >= 8.4 && theirs.deadAll < 16)
        #expect(ours.deadAll < theirs.deadAll)
        func trace() -> UInt64 {
            let simulation = Reference.cluster(32, seed: 2)
            simulation.network.loss = 0.2
            simulation.run(until: 40_000_000)
            return simulation.trace
        }
        #expect(trace() == trace())
    }
}
