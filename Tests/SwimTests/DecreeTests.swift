import Swim
import Testing

@Suite struct DecreeTests {
    static let first = Version(generation: 1, incarnation: 0)

    private func hear(
        _ machine: inout Membership,
        _ rumors: [Rumor],
        from: Int = 1,
        at now: Micros = 10
    ) -> [Directive] {
        var outbox: [Directive] = []
        machine.receive(encoded(.gossip(quietSight), rumors), from: sampleRecord(from).id, at: now, into: &outbox)
        return outbox
    }

    private func expelled(_ index: Int, of count: Int = 12) -> Membership {
        var machine = sampleMachine(count)
        _ = hear(&machine, [.decree(sampleDecree(expelling: index))])
        return machine
    }

    private func events(_ outbox: [Directive]) -> [MemberEvent] {
        outbox.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    private func run(_ machine: inout Membership, until end: Micros) -> [Directive] {
        var outbox: [Directive] = []
        while machine.nextDeadline <= end { machine.advance(to: machine.nextDeadline, into: &outbox) }
        return outbox
    }

    // MARK: Bytes

    @Test("a decree is as long as it says, and neither more nor fewer bytes are one") func codec() {
        let longest = sampleDecree(expelling: 1, reason: String(repeating: "x", count: 64))
        #expect(longest.encodedBytes == Decree.encodedBytesMax)
        for decree in [longest, sampleDecree(expelling: 2, reason: "é"), sampleDecree(expelling: nil, reason: "")] {
            let bytes = decree.encoded
            #expect(bytes.count == decree.encodedBytes)
            #expect(Decree(bytes) == decree)
            for length in 0..<bytes.count { #expect(Decree(Array(bytes[..<length])) == nil) }
            #expect(Decree(bytes + [0]) == nil)
        }
    }

    @Test("a reason that is long, broken or could play tricks on a terminal is refused") func reasons() {
        for reason in [String(repeating: "x", count: 65), "a\nb", "\u{1b}[2J", "\u{202e}abc", "\u{7f}"] {
            #expect(Decree(sequence: 1, kind: .rotate, newEpoch: 1, reason: reason) == nil)
        }
        var bytes = sampleDecree(expelling: nil, reason: "abc").encoded
        bytes[14] = 0xff
        #expect(Decree(bytes) == nil)
        bytes[14] = 10
        #expect(Decree(bytes) == nil)
    }

    @Test("garbage is no decree and traps nothing") func garbage() {
        let seed: UInt64 = 31
        var random = Random(seed: seed)
        let whole = sampleDecree(expelling: 3).encoded
        for round in 0..<20_000 {
            var bytes = round % 2 == 0 ? whole : (0..<random.below(200)).map { _ in UInt8(random.below(256)) }
            for _ in 0..<(1 + random.below(3)) where !bytes.isEmpty {
                bytes[random.below(bytes.count)] = UInt8(random.below(256))
            }
            if let decree = Decree(bytes) { #expect(decree.encoded == bytes, "seed \(seed)") }
        }
    }

    @Test("a signature covers each part of a decree") func signatures() {
        let decree = sampleDecree(expelling: 1)
        let signer = SampleSigner(key: sampleKey(0))
        #expect(signer.isAdmin(decree.signature, of: decree.signedBytes))
        let others = [
            sampleDecree(expelling: 2), sampleDecree(expelling: 1, sequence: 2), sampleDecree(expelling: nil),
            sampleDecree(expelling: 1, epoch: 3), sampleDecree(expelling: 1, reason: "other"),
        ]
        for other in others { #expect(!signer.isAdmin(decree.signature, of: other.signedBytes)) }
    }

    // MARK: Hearing one

    @Test("who is expelled is out: not present, not usable, not counted, and the driver is told in order")
    func expulsion() {
        var machine = sampleMachine(12)
        let decree = sampleDecree(expelling: 9)
        let id = sampleRecord(9).id
        let outbox = hear(&machine, [.decree(decree)])
        #expect(machine.status(of: id) == .expelled)
        #expect(!machine.isUsable(id))
        #expect(machine.presentCount == 11)
        #expect(machine.expulsion(of: id) == decree)
        #expect(machine.newestEpoch == 2)
        #expect(machine.viewDigest == machine.roster.recountedDigest())
        guard case .keep(decree)? = outbox.first else {
            Issue.record("the decree is on disk before anything else happens")
            return
        }
        let expected: [MemberEvent] = [
            .decreed(decree), .changed(id, from: .alive, to: .expelled, version: Self.first), .usable(id, false),
        ]
        #expect(events(outbox) == expected)
    }

    @Test("what the admin key did not sign is counted as forged and changes nothing") func forged() {
        var machine = sampleMachine(12)
        let digest = machine.viewDigest
        var altered = sampleDecree(expelling: 9)
        altered = Decree(
            sequence: altered.sequence,
            kind: .expel(sampleRecord(8).id),
            newEpoch: altered.newEpoch,
            reason: altered.reason,
            signature: altered.signature
        )!
        _ = hear(&machine, [.decree(altered), .decree(sampleDecree(expelling: 9, key: sampleKey(1)))])
        var outbox: [Directive] = []
        machine.command(.decree(altered), at: 20, into: &outbox)
        #expect(outbox.isEmpty)
        #expect(machine.counters.forged == 3)
        #expect(machine.counters.decrees == 0)
        #expect(machine.viewDigest == digest)
        #expect(machine.knownDecrees.isEmpty)
    }

    @Test("in any order and any number, the same decrees make the same view") func orderInsensitive() {
        let seed: UInt64 = 21
        var random = Random(seed: seed)
        // Two operators counted alike.
        let decrees = [
            sampleDecree(expelling: 9), sampleDecree(expelling: 8), sampleDecree(expelling: 9, sequence: 2),
            sampleDecree(expelling: nil, sequence: 2, epoch: 7), sampleDecree(expelling: 500, sequence: 3),
        ]
        var digests: Set<UInt64> = []
        for _ in 0..<60 {
            var machine = sampleMachine(12)
            var order = decrees + [decrees[random.below(decrees.count)]]
            for index in stride(from: order.count - 1, to: 0, by: -1) { order.swapAt(index, random.below(index + 1)) }
            for decree in order { _ = hear(&machine, [.decree(decree)]) }
            digests.insert(machine.viewDigest)
            #expect(machine.counters.decrees == 5 && machine.presentCount == 10 && machine.newestEpoch == 7)
            #expect(machine.viewDigest == machine.roster.recountedDigest())
        }
        #expect(digests.count == 1, "seed \(seed)")
        #expect(sampleMachine(12).viewDigest != digests.first)
    }

    @Test("views that knew the expelled at different versions, or not at all, are one view") func digest() {
        var late = sampleMachine(12)
        _ = hear(&late, [.record(sampleRecord(9, incarnation: 4))])
        #expect(late.viewDigest != sampleMachine(12).viewDigest)
        _ = hear(&late, [.decree(sampleDecree(expelling: 9))])
        #expect(late.viewDigest == expelled(9).viewDigest)
        var never = sampleMachine(9)
        for index in 10..<12 { _ = hear(&never, [.record(sampleRecord(index))]) }
        _ = hear(&never, [.decree(sampleDecree(expelling: 9))])
        #expect(never.viewDigest == late.viewDigest)
    }

    @Test("a full set takes no more, and says so") func limit() {
        var machine = sampleMachine(3)
        var outbox: [Directive] = []
        for sequence in 0...UInt64(Decrees.limit) {
            machine.command(.decree(sampleDecree(expelling: nil, sequence: sequence)), at: 10, into: &outbox)
            outbox.removeAll()
        }
        #expect(machine.knownDecrees.count == Decrees.limit)
        #expect(machine.counters.overLimit == 1)
    }

    // MARK: What follows

    @Test("no version of the expelled revives it, by rumor, by frame or as a newcomer") func revival() {
        var machine = expelled(9)
        let before = machine.viewDigest
        _ = hear(&machine, [.record(sampleRecord(9, generation: 90))])
        let entry = Frame.Entry(
            record: sampleRecord(9, generation: 91),
            status: .alive,
            ageMicros: 0,
            accusations: []
        )
        var outbox: [Directive] = []
        let frames: [Frame] = [
            .reply(buckets: [], decrees: [], entries: [entry]), .tell(decrees: [], entries: [entry]),
        ]
        for frame in frames {
            machine.receiveFrame(frame.encoded(), from: sampleRecord(1).id, at: 20, into: &outbox)
        }
        #expect(machine.status(of: sampleRecord(9).id) == .expelled)
        #expect(machine.counters.outcasts == 3)
        // One that this node never met.
        _ = hear(&machine, [.decree(sampleDecree(expelling: 40)), .record(sampleRecord(40))])
        #expect(machine.status(of: sampleRecord(40).id) == nil)
        #expect(machine.counters.outcasts == 4)
        #expect(machine.presentCount == 11)
        #expect(machine.viewDigest != before)
    }

    @Test("what the expelled sends is refused unread and counted; now and then it is told why") func refused() throws {
        var machine = expelled(9)
        let contacted: Micros = 100_000_000
        var answers: [Directive] = []
        for step in 0..<40 {
            let at = contacted + Micros(step) * 1_000_000
            machine.receive(
                encoded(.ping(nonce: 4, quietSight, Belief(version: Self.first, status: .alive))),
                from: sampleRecord(9).id,
                at: at,
                into: &answers
            )
        }
        let offer = Frame.offer(sums: [UInt64](repeating: 0, count: 256), own: sampleRecord(9, generation: 5))
        machine.receiveFrame(offer.encoded(), from: sampleRecord(9).id, at: contacted + 40_000_000, into: &answers)
        #expect(machine.counters.outcasts == 41)
        #expect(answers.count == 2)
        for case .send(let body, _, _) in answers {
            let (message, rumors) = try #require(Codec.decode(body))
            guard case .gossip = message else {
                Issue.record("an outcast gets no answer to its question")
                continue
            }
            var reader = rumors
            #expect(Codec.decodeRumor(&reader) == .decree(sampleDecree(expelling: 9)))
            #expect(reader.remaining == 0)
        }
    }

    @Test("the expelled is not asked, told, relayed to, nor vouched for") func shunned() {
        var machine = expelled(9, of: 4 + 8)
        _ = run(&machine, until: 1_000_000)
        var outbox: [Directive] = []
        let nine = sampleRecord(9).id
        machine.receive(
            encoded(.ask(nonce: 3, target: nine.handle)),
            from: sampleRecord(1).id,
            at: 1_000_001,
            into: &outbox
        )
        machine.receive(
            encoded(.relayPing(nonce: 5, asker: nine.handle, askerNonce: 6)),
            from: sampleRecord(1).id,
            at: 1_000_002,
            into: &outbox
        )
        #expect(outbox.isEmpty)
        outbox = run(&machine, until: 60_000_000)
        #expect(outbox.count > 60)
        for directive in outbox {
            switch directive {
            case .send(_, let to, _), .stream(_, let to, _): #expect(to != nine)
            default: break
            }
        }
    }

    @Test("a question that brings the news of its sender's expulsion is not answered") func lastQuestion() {
        var machine = sampleMachine(12)
        var outbox: [Directive] = []
        let question = Message.ping(nonce: 8, quietSight, Belief(version: Self.first, status: .alive))
        let body = encoded(question, [.decree(sampleDecree(expelling: 9))])
        machine.receive(body, from: sampleRecord(9).id, at: 10, into: &outbox)
        #expect(machine.status(of: sampleRecord(9).id) == .expelled)
        for case .send(let body, _, _) in outbox {
            if case .ack? = Codec.decode(body)?.message { Issue.record("an outcast is answered") }
        }
    }

    @Test("a decree goes out before any other news") func priority() throws {
        var machine = sampleMachine(400)
        for target in 100..<300 {
            let accusation = sampleAccusation(1, of: target, version: Self.first, phi: 4)
            let rumor = Rumor.suspicion(target: sampleRecord(target).id.handle, version: Self.first, [accusation])
            _ = hear(&machine, [rumor])
        }
        _ = hear(&machine, [.decree(sampleDecree(expelling: 9))])
        var told = 0
        for case .send(let body, _, _) in run(&machine, until: 900_000) {
            let (message, rumors) = try #require(Codec.decode(body))
            guard case .gossip = message else { continue }
            var reader = rumors
            told += 1
            #expect(Codec.decodeRumor(&reader) == .decree(sampleDecree(expelling: 9)))
            #expect(body.count > 500, "the other news goes on beside it")
        }
        #expect(told >= 9)
    }

    @Test("a suspicion that rested on the word of the expelled alone is over") func testimonyAlone() {
        var machine = sampleMachine(12)
        let accusation = sampleAccusation(9, of: 5, version: Self.first, phi: 4)
        _ = hear(&machine, [.suspicion(target: sampleRecord(5).id.handle, version: Self.first, [accusation])])
        #expect(machine.status(of: sampleRecord(5).id) == .suspect)
        _ = hear(&machine, [.decree(sampleDecree(expelling: 9))])
        #expect(machine.status(of: sampleRecord(5).id) == .alive)
        _ = hear(&machine, [.suspicion(target: sampleRecord(5).id.handle, version: Self.first, [accusation])])
        #expect(machine.status(of: sampleRecord(5).id) == .alive)
    }

    @Test("without the word of the expelled a quorum is one short, and the member lives") func testimonyBeside() {
        func outcome(expelling: Int?) -> Status? {
            var settings = Settings()
            // Long periods: the evidence is what was told, and nothing else.
            settings.periodMicros = 3_600_000_000
            var machine = sampleMachine(12, settings: settings)
            let accusations = [1, 2, 9].map { sampleAccusation($0, of: 5, version: Self.first, phi: 4) }
            _ = hear(&machine, [.suspicion(target: sampleRecord(5).id.handle, version: Self.first, accusations)])
            if let expelling { _ = hear(&machine, [.decree(sampleDecree(expelling: expelling))]) }
            var outbox: [Directive] = []
            for step in 1...80 { machine.advance(to: Micros(step) * 200_000, into: &outbox) }
            return machine.status(of: sampleRecord(5).id)
        }
        #expect(outcome(expelling: nil) == .dead)
        #expect(outcome(expelling: 9) == .suspect)
    }

    @Test("a death that the expelled helped to prove is put to the dead again") func deathReviewed() {
        var machine = sampleMachine(12)
        let accusations = [1, 2, 9].map { sampleAccusation($0, of: 5, version: Self.first, phi: 4) }
        _ = hear(&machine, [.suspicion(target: sampleRecord(5).id.handle, version: Self.first, accusations)])
        _ = run(&machine, until: 20_000_000)
        #expect(machine.status(of: sampleRecord(5).id) == .dead)
        func asked(_ outbox: [Directive]) -> Bool {
            outbox.contains {
                if case .send(_, let to, _) = $0 { to == sampleRecord(5).id } else { false }
            }
        }
        var other = machine
        _ = hear(&machine, [.decree(sampleDecree(expelling: 9))], at: 20_000_001)
        _ = hear(&other, [.decree(sampleDecree(expelling: 10))], at: 20_000_001)
        #expect(asked(run(&machine, until: 20_500_000)))
        #expect(!asked(run(&other, until: 20_500_000)))
    }

    @Test("a sync brings decrees both ways") func synced() {
        var here = expelled(9)
        var there = sampleMachine(12, seed: 2, own: 1)
        var outbox: [Directive] = []
        there.command(.decree(sampleDecree(expelling: 8)), at: 10, into: &outbox)
        #expect(here.viewDigest != there.viewDigest)
        var toThere = [Frame.offer(sums: here.roster.sums, own: here.ownRecord).encoded()]
        for _ in 0..<2 {
            outbox.removeAll()
            for frame in toThere { there.receiveFrame(frame, from: sampleRecord(0).id, at: 20, into: &outbox) }
            var toHere: [[UInt8]] = []
            for case .stream(let frame, let to, _) in outbox where to == sampleRecord(0).id { toHere.append(frame) }
            outbox.removeAll()
            for frame in toHere { here.receiveFrame(frame, from: sampleRecord(1).id, at: 20, into: &outbox) }
            toThere = []
            for case .stream(let frame, let to, _) in outbox where to == sampleRecord(1).id { toThere.append(frame) }
        }
        #expect(here.knownDecrees.count == 2 && there.knownDecrees.count == 2)
        #expect(here.viewDigest == there.viewDigest)
        #expect(there.status(of: sampleRecord(9).id) == .expelled)
    }

    @Test("the expelled node hears of it, passes it on, says so once and falls silent for ever") func outcast() {
        var machine = sampleMachine(12)
        let decree = sampleDecree(expelling: 0)
        var outbox = hear(&machine, [.decree(decree)])
        #expect(events(outbox).contains(.expelled(decree)))
        outbox = run(&machine, until: 30_000_000)
        #expect(events(outbox).filter { $0 == .departed }.count == 1)
        #expect(!events(outbox).contains(.expelled(decree)))
        var passedOn = 0
        for case .send(let body, _, _) in outbox {
            guard var reader = Codec.decode(body)?.rumors, reader.remaining > 0 else { continue }
            if Codec.decodeRumor(&reader) == .decree(decree) { passedOn += 1 }
        }
        #expect(passedOn > 3)
        #expect(machine.nextDeadline == .max)
        outbox = hear(&machine, [.record(sampleRecord(3, incarnation: 4))], at: 31_000_000)
        machine.command(.describe([1]), at: 31_000_001, into: &outbox)
        machine.command(.join([Endpoint(ipv4: 1, port: 2)]), at: 31_000_001, into: &outbox)
        machine.advance(to: 40_000_000, into: &outbox)
        #expect(outbox.isEmpty)
        #expect(machine.status(of: sampleRecord(0).id) == .expelled)
    }

    @Test("decrees outlive every tombstone, and a restart") func forEver() {
        var machine = expelled(2, of: 3)
        var outbox: [Directive] = []
        var now: Micros = 10
        while now < 90 * 3_600_000_000 {
            now += 600_000_000
            machine.advance(to: now, into: &outbox)
            outbox.removeAll()
        }
        #expect(machine.status(of: sampleRecord(2).id) == .expelled)
        var roster = Roster(digestKey: machine.settings.digestKey)
        for index in 0..<3 { _ = roster.add(sampleRecord(index), status: .alive) }
        let again = Membership(
            settings: machine.settings,
            own: sampleRecord(0),
            known: roster,
            decrees: machine.knownDecrees + [sampleDecree(expelling: 1, key: sampleKey(4))],
            signer: SampleSigner(key: sampleKey(0)),
            seed: 1,
            now: 0
        )
        #expect(again.status(of: sampleRecord(2).id) == .expelled)
        #expect(again.status(of: sampleRecord(1).id) == .alive)
        #expect(again.viewDigest == machine.viewDigest)
    }

    @Test("a node that is started although it is expelled says so and nothing else") func restartedOutcast() {
        var machine = Membership(
            settings: Settings(),
            own: sampleRecord(0),
            decrees: [sampleDecree(expelling: 0)],
            signer: SampleSigner(key: sampleKey(0)),
            seed: 1,
            now: 0
        )
        let outbox = run(&machine, until: 10_000_000)
        #expect(events(outbox) == [.expelled(sampleDecree(expelling: 0)), .departed])
        #expect(outbox.count == 2)
        #expect(machine.nextDeadline == .max)
    }
}
