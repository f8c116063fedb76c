import Swim
import Testing

@Suite struct EvidenceTests {
    static let first = Version(generation: 1, incarnation: 0)

    private func tell(_ machine: inout Membership, _ rumors: [Rumor], from: Int = 1, at now: Micros = 10) -> [Directive]
    {
        var outbox: [Directive] = []
        machine.receive(encoded(.gossip(quietSight), rumors), from: sampleRecord(from).id, at: now, into: &outbox)
        return outbox
    }

    private func suspicion(_ target: Int, _ accusers: [Int], version: Version = first, phi: Double = 4) -> Rumor {
        .suspicion(
            target: sampleRecord(target).id.handle,
            version: version,
            accusers.map { sampleAccusation($0, of: target, version: version, phi: phi) }
        )
    }

    @Test("the order and number of accusations changes nothing in the case they make") func orderInsensitive() {
        let seed: UInt64 = 14
        var random = Random(seed: seed)
        let rumors = (1...7).map { suspicion(9, [$0], phi: Double($0) / 2) } + [suspicion(9, [2, 6], phi: 3.5)]
        var seen: Set<[UInt64]> = []
        for _ in 0..<60 {
            var machine = sampleMachine(12)
            var order = rumors + [rumors[random.below(rumors.count)]]
            for index in stride(from: order.count - 1, to: 0, by: -1) { order.swapAt(index, random.below(index + 1)) }
            for rumor in order { _ = tell(&machine, [rumor]) }
            let found = machine.evidence(against: sampleRecord(9).id)?.accusations ?? []
            seen.insert(found.map { $0.accuser ^ UInt64($0.weight) }.sorted())
            #expect(machine.status(of: sampleRecord(9).id) == .suspect, "seed \(seed)")
        }
        #expect(seen.count == 1, "seed \(seed)")
    }

    @Test("one accuser makes a suspect and never a corpse") func oneAccuser() {
        var machine = sampleMachine(12)
        _ = tell(&machine, [suspicion(9, [1])])
        #expect(machine.status(of: sampleRecord(9).id) == .suspect)
        var settings = Settings()
        settings.periodMicros = 3_600_000_000
        settings.timeoutMicrosMax = 500_000
        var still = sampleMachine(12, settings: settings)
        _ = tell(&still, [suspicion(9, [1])])
        var outbox: [Directive] = []
        still.advance(to: 60_000_000, into: &outbox)
        #expect(still.status(of: sampleRecord(9).id) == .suspect)
    }

    @Test("three accusers and five seconds are a death, not less") func death() {
        var machine = sampleMachine(12)
        _ = tell(&machine, [suspicion(9, [1, 2, 3])])
        var outbox: [Directive] = []
        var now: Micros = 10
        while now < 4_900_000 {
            now = max(now + 1, min(machine.nextDeadline, 4_900_000))
            machine.advance(to: now, into: &outbox)
        }
        #expect(machine.status(of: sampleRecord(9).id) == .suspect)
        while now < 7_500_000 {
            now = machine.nextDeadline
            machine.advance(to: now, into: &outbox)
        }
        #expect(machine.status(of: sampleRecord(9).id) == .dead)
        #expect(machine.presentCount == 11)
        #expect(machine.viewDigest == machine.roster.recountedDigest())
    }

    @Test("a newer signed record clears the suspect, an equal or older one does not") func refutation() {
        var machine = sampleMachine(12)
        _ = tell(&machine, [suspicion(9, [1, 2])])
        _ = tell(&machine, [.record(sampleRecord(9))])
        #expect(machine.status(of: sampleRecord(9).id) == .suspect)
        _ = tell(&machine, [.record(sampleRecord(9, incarnation: 1))])
        #expect(machine.status(of: sampleRecord(9).id) == .alive)
        _ = tell(&machine, [suspicion(9, [1, 2, 3])])
        #expect(machine.status(of: sampleRecord(9).id) == .alive, "accusations of an old version are void")
    }

    @Test("what follows a forged record in a frame is not read, and the frame is told from an honest one")
    func forgedFrame() {
        func entry(_ record: Record) -> Frame.Entry {
            Frame.Entry(record: record, status: .alive, ageMicros: 0, accusations: [])
        }
        var forged = sampleRecord(9, incarnation: 5)
        forged.endpoint = Endpoint(ipv4: 1, port: 1)
        for (bad, isKnown) in [(forged, true), (forged, false)] {
            var machine = sampleMachine(isKnown ? 12 : 6)
            let frame = Frame.tell(
                decrees: [],
                entries: [entry(bad), entry(bad), entry(sampleRecord(3, incarnation: 7))]
            )
            var outbox: [Directive] = []
            #expect(!machine.receiveFrame(frame.encoded(), from: sampleRecord(1).id, at: 20, into: &outbox))
            #expect(machine.counters.forged == 1)
            let next = Frame.tell(decrees: [], entries: [entry(sampleRecord(3, incarnation: 7))])
            let before = machine.viewDigest
            #expect(machine.receiveFrame(next.encoded(), from: sampleRecord(1).id, at: 30, into: &outbox))
            #expect(machine.viewDigest != before, "what was not read is news later")
        }
        var machine = sampleMachine(6)
        var outbox: [Directive] = []
        let decrees = [sampleDecree(expelling: 4, key: sampleKey(1)), sampleDecree(expelling: 5)]
        let frame = Frame.tell(decrees: decrees, entries: [])
        #expect(!machine.receiveFrame(frame.encoded(), from: sampleRecord(1).id, at: 20, into: &outbox))
        #expect(machine.knownDecrees.isEmpty && machine.counters.forged == 1)
    }

    @Test("forged records, accusations and leaves change nothing and are counted") func forgeries() {
        var machine = sampleMachine(12)
        let digest = machine.viewDigest
        var hijacked = sampleRecord(9, incarnation: 5)
        hijacked.endpoint = Endpoint(ipv4: 1, port: 1)
        var left = sampleRecord(9, incarnation: 6)
        left.flags = .leaving
        var crooked = sampleAccusation(2, of: 9, version: Self.first, phi: 4)
        crooked.weight = 60
        _ = tell(
            &machine,
            [
                .record(hijacked), .record(left),
                .suspicion(target: sampleRecord(9).id.handle, version: Self.first, [crooked]),
                suspicion(9, [9]),
            ]
        )
        #expect(machine.counters.forged == 4)
        #expect(machine.viewDigest == digest)
        #expect(machine.status(of: sampleRecord(9).id) == .alive)
    }

    @Test("an accused node refutes with the next incarnation and says so in its answer") func refutesItself() throws {
        var machine = sampleMachine(12)
        var outbox: [Directive] = []
        let belief = Belief(version: Self.first, status: .suspect)
        machine.receive(
            encoded(.ping(nonce: 5, quietSight, belief), [suspicion(0, [1])]),
            from: sampleRecord(1).id,
            at: 10,
            into: &outbox
        )
        #expect(machine.ownRecord.version == Version(generation: 1, incarnation: 1))
        var told = false
        for case .send(let bytes, _, _) in outbox {
            let decoded = try #require(Codec.decode(bytes))
            guard case .ack(5, _) = decoded.message else { continue }
            var reader = decoded.rumors
            while reader.remaining > 0 {
                if case .record(let record)? = Codec.decodeRumor(&reader), record.version.incarnation == 1 {
                    told = true
                }
            }
        }
        #expect(told)
    }

    @Test("a node that lost its generation takes one above its old life and has it persisted") func reclaim() {
        var machine = sampleMachine(12)
        let outbox = tell(&machine, [.record(sampleRecord(0, generation: 41, incarnation: 7))])
        #expect(machine.ownRecord.version == Version(generation: 42, incarnation: 0))
        #expect(
            outbox.contains {
                if case .persist(generation: 42) = $0 { true } else { false }
            }
        )
    }

    @Test("what leaves is gone at once and its old records do not bring it back") func leaving() {
        var machine = sampleMachine(12)
        var last = sampleRecord(9, incarnation: 3)
        last.flags = .leaving
        last.signature = SampleSigner(key: sampleKey(9)).sign(last.signedBytes)
        _ = tell(&machine, [.record(last)])
        #expect(machine.status(of: sampleRecord(9).id) == .left)
        _ = tell(&machine, [.record(sampleRecord(9, incarnation: 2))])
        #expect(machine.status(of: sampleRecord(9).id) == .left)
        _ = tell(&machine, [.record(sampleRecord(9, generation: 2))])
        #expect(machine.status(of: sampleRecord(9).id) == .alive)
    }

    @Test("every datagram fits its budget however many rumors wait") func budget() {
        var machine = sampleMachine(400)
        for target in 100..<300 { _ = tell(&machine, [suspicion(target, [1, 2, 3, 4, 5])]) }
        var outbox: [Directive] = []
        var sent = 0
        for _ in 0..<200 {
            machine.advance(to: machine.nextDeadline, into: &outbox)
            for case .send(let bytes, _, _) in outbox {
                sent += 1
                #expect(bytes.count <= machine.settings.bodyBytes)
                #expect(Codec.decode(bytes) != nil)
            }
            outbox.removeAll()
        }
        #expect(sent > 100)
    }

    @Test("tombstones are forgotten after three days, and nothing else is") func tombstones() {
        var machine = sampleMachine(3)
        var last = sampleRecord(2, incarnation: 3)
        last.flags = .leaving
        last.signature = SampleSigner(key: sampleKey(2)).sign(last.signedBytes)
        _ = tell(&machine, [.record(last)])
        var outbox: [Directive] = []
        var now: Micros = 10
        while now < 73 * 3_600_000_000 {
            // The test leaps, and the machine takes every leap for a pause; it still keeps house.
            now += 600_000_000
            machine.advance(to: now, into: &outbox)
            outbox.removeAll()
        }
        #expect(machine.status(of: sampleRecord(2).id) == nil)
        #expect(machine.status(of: sampleRecord(1).id) != nil)
        #expect(machine.viewDigest == machine.roster.recountedDigest())
    }

    @Test("a goodbye ends, with others to tell, without them, and when none of them answers", arguments: [1, 2, 20])
    func departs(count: Int) {
        var machine = sampleMachine(count)
        var outbox: [Directive] = []
        machine.command(.leave, at: 10, into: &outbox)
        while machine.nextDeadline < 12_000_000 { machine.advance(to: machine.nextDeadline, into: &outbox) }
        var goodbyes = 0
        for case .event(.departed) in outbox { goodbyes += 1 }
        #expect(goodbyes == 1)
        #expect(machine.ownRecord.isLeaving)
    }

    @Test("a node that is alone is silent and does not spin") func alone() {
        var machine = sampleMachine(1)
        var outbox: [Directive] = []
        machine.command(.describe([1, 2, 3]), at: 10, into: &outbox)
        var wakes = 0
        while machine.nextDeadline < 60_000_000 {
            machine.advance(to: machine.nextDeadline, into: &outbox)
            wakes += 1
        }
        #expect(wakes <= 62)
        #expect(outbox.isEmpty)
    }

    @Test("the same seed and the same input give the same output") func determinism() {
        func run() -> [[UInt8]] {
            var machine = sampleMachine(30, seed: 99)
            var bytes: [[UInt8]] = []
            var outbox: [Directive] = []
            _ = tell(&machine, [suspicion(9, [1, 2, 3])])
            for _ in 0..<200 {
                machine.advance(to: machine.nextDeadline, into: &outbox)
                for case .send(let body, _, _) in outbox { bytes.append(body) }
                outbox.removeAll()
            }
            return bytes
        }
        #expect(run() == run())
    }
}
