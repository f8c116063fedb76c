import Swim
import Testing

@Suite struct SnapshotTests {
    static let first = Version(generation: 1, incarnation: 0)

    /// Twelve members: one dead with its evidence, one gone, one expelled, one suspected.
    private func lived() -> (machine: Membership, now: Micros) {
        var machine = sampleMachine(12)
        var left = sampleRecord(8, incarnation: 1)
        left.flags = .leaving
        left.signature = SampleSigner(key: sampleKey(8)).sign(left.signedBytes)
        func accused(_ target: Int, _ accusers: [Int]) -> Rumor {
            .suspicion(
                target: sampleRecord(target).id.handle,
                version: Self.first,
                accusers.map { sampleAccusation($0, of: target, version: Self.first, phi: 4) }
            )
        }
        var outbox: [Directive] = []
        let rumors: [Rumor] = [accused(9, [1, 2, 3]), .record(left), .decree(sampleDecree(expelling: 7))]
        let one = sampleRecord(1).id
        machine.receive(encoded(.gossip(quietSight), rumors), from: one, at: 10, into: &outbox)
        for step in 1...40 { machine.advance(to: Micros(step) * 200_000, into: &outbox) }
        machine.receive(encoded(.gossip(quietSight), [accused(6, [1])]), from: one, at: 8_000_001, into: &outbox)
        return (machine, 8_000_001)
    }

    private func restored(
        _ bytes: [UInt8],
        own: Int = 0,
        settings: Settings = Settings(),
        now: Micros = 0
    ) throws -> Membership {
        let memory: Snapshot = try #require(Snapshot(bytes))
        return Membership(
            settings: settings,
            own: sampleRecord(own, generation: 2),
            remembered: memory,
            signer: SampleSigner(key: sampleKey(own)),
            seed: 5,
            now: now
        )
    }

    @Test("a snapshot survives its bytes, and no cut or longer one is a snapshot") func roundTrip() throws {
        let snapshot = lived().machine.snapshot()
        #expect(snapshot.entries.count == 11)
        #expect(snapshot.decrees.count == 1)
        let bytes = snapshot.encoded()
        #expect(Snapshot(bytes) == snapshot)
        for length in 0..<bytes.count { #expect(Snapshot(Array(bytes[..<length])) == nil) }
        #expect(Snapshot(bytes + [0]) == nil)
    }

    @Test("one wrong bit anywhere makes it no snapshot, and garbage traps nothing") func garbage() {
        let seed: UInt64 = 41
        var random = Random(seed: seed)
        let bytes = lived().machine.snapshotBytes()
        for position in bytes.indices {
            var wrong = bytes
            wrong[position] ^= UInt8(1 << random.below(8))
            #expect(Snapshot(wrong) == nil, "byte \(position), seed \(seed)")
        }
        for _ in 0..<5_000 {
            #expect(Snapshot((0..<random.below(400)).map { _ in UInt8(random.below(256)) }) == nil, "seed \(seed)")
        }
    }

    @Test("a right checksum over wrong contents traps nothing either") func rightChecksum() {
        let seed: UInt64 = 42
        var random = Random(seed: seed)
        let bytes = lived().machine.snapshotBytes()
        var taken = 0
        for _ in 0..<4_000 {
            var wrong = Array(bytes.dropLast(8))
            for _ in 0..<(1 + random.below(3)) { wrong[random.below(wrong.count)] = UInt8(random.below(256)) }
            if random.below(3) == 0 { wrong.removeLast(random.below(200)) }
            guard let snapshot = Snapshot(Snapshot.sealed(wrong)) else { continue }
            taken += 1
            let machine = Membership(
                settings: Settings(),
                own: sampleRecord(0),
                remembered: snapshot,
                signer: SampleSigner(key: sampleKey(0)),
                seed: 1,
                now: 0
            )
            #expect(machine.roster.count <= 12 && machine.viewDigest == machine.roster.recountedDigest())
        }
        #expect(taken > 1_000, "seed \(seed)")
    }

    @Test("who was known is known again: the dead dead, the expelled out, a suspicion forgotten") func restart() throws
    {
        let (before, now) = lived()
        let after = try restored(before.snapshotBytes(), now: 3_000_000)
        #expect(after.status(of: sampleRecord(9).id) == .dead)
        #expect(after.evidence(against: sampleRecord(9).id)?.accusations.count == 3)
        #expect(after.status(of: sampleRecord(8).id) == .left)
        #expect(after.status(of: sampleRecord(7).id) == .expelled)
        #expect(after.status(of: sampleRecord(6).id) == .alive)
        #expect(after.isUsable(sampleRecord(6).id) && !after.isUsable(sampleRecord(9).id))
        #expect(after.presentCount == before.presentCount)
        #expect(after.viewDigest == after.roster.recountedDigest())
        let dead = try #require(before.member(sampleRecord(9).id))
        let again = try #require(after.member(sampleRecord(9).id))
        #expect(3_000_000 - again.since == now - dead.since, "a tombstone keeps its age")
        #expect(again.knownSince == 3_000_000 - now)
    }

    @Test("tombstones go on aging: what was dead for two days is forgotten after one more") func tombstones() throws {
        var snapshot = lived().machine.snapshot()
        let hour: UInt64 = 3_600_000_000
        for index in snapshot.entries.indices where snapshot.entries[index].status == .dead {
            snapshot.entries[index].ageMicros = 48 * hour
        }
        var machine = try restored(snapshot.encoded())
        let id = sampleRecord(9).id
        #expect(machine.status(of: id) == .dead)
        var outbox: [Directive] = []
        for step in 1...150 {
            machine.advance(to: Micros(step) * 600_000_000, into: &outbox)
            if step == 130 { #expect(machine.status(of: id) == .dead) }
        }
        #expect(machine.status(of: id) == nil)
    }

    @Test("identities keep their age over a restart, and new ones are new") func ages() throws {
        var snapshot = lived().machine.snapshot()
        for index in snapshot.entries.indices { snapshot.entries[index].knownMicros = 700_000_000 }
        var machine = try restored(snapshot.encoded())
        var outbox: [Directive] = []
        let rumors: [Rumor] = [.record(sampleRecord(50))]
        machine.receive(encoded(.gossip(quietSight), rumors), from: sampleRecord(1).id, at: 10, into: &outbox)
        for (accuser, status) in [(50, Status.alive), (2, .suspect)] {
            let accusation = sampleAccusation(accuser, of: 5, version: Self.first, phi: 4)
            let rumor = Rumor.suspicion(target: sampleRecord(5).id.handle, version: Self.first, [accusation])
            machine.receive(encoded(.gossip(quietSight), [rumor]), from: sampleRecord(1).id, at: 11, into: &outbox)
            #expect(machine.status(of: sampleRecord(5).id) == status)
        }
    }

    @Test("an unsigned record, and one that took another's name, are not remembered") func forged() throws {
        var snapshot = lived().machine.snapshot()
        snapshot.entries[0].record.endpoint = Endpoint(ipv4: 1, port: 1)
        snapshot.entries[1].record.id = sampleRecord(77).id
        snapshot.decrees.append(sampleDecree(expelling: 3, key: sampleKey(2)))
        let machine = try restored(snapshot.encoded())
        #expect(machine.roster.count == 10)
        #expect(machine.status(of: sampleRecord(77).id) == nil)
        #expect(machine.knownDecrees.count == 1)
    }

    @Test("the remembered are proved again by asking: who is silent dies, and the new life is told at once")
    func asked() throws {
        var machine = try restored(lived().machine.snapshotBytes())
        var outbox: [Directive] = []
        while machine.nextDeadline < 500_000 { machine.advance(to: machine.nextDeadline, into: &outbox) }
        var told = false
        for case .send(let body, _, _) in outbox {
            guard var reader = Codec.decode(body)?.rumors else { continue }
            while reader.remaining > 0, let rumor = Codec.decodeRumor(&reader) {
                if case .record(let record) = rumor, record.version.generation == 2 { told = true }
            }
        }
        #expect(told)
        var asked: Set<NodeID> = []
        outbox.removeAll()
        while machine.nextDeadline < 40_000_000 {
            machine.advance(to: machine.nextDeadline, into: &outbox)
            for case .send(let body, let to, _) in outbox {
                if case .ping? = Codec.decode(body)?.message { asked.insert(to) }
            }
            outbox.removeAll()
        }
        for index in 1...6 { #expect(asked.contains(sampleRecord(index).id)) }
        #expect(!asked.contains(sampleRecord(7).id))
    }
}
