import Swim
import Testing

@Suite struct CodecTests {
    static let version = Version(generation: 7, incarnation: 9)
    static let messages: [Message] = [
        .ping(nonce: 1, quietSight, Belief(version: version, status: .dead)),
        .ack(nonce: 2, quietSight),
        .ask(nonce: 3, target: 4),
        .relayPing(nonce: 5, asker: 6, askerNonce: 7),
        .relayAck(nonce: 8, token: 9),
        .vouch(nonce: 10, token: 11),
        .nack(nonce: 12, version: version, nil),
        .nack(nonce: 13, version: version, sampleAccusation(1, of: 2, version: version, phi: 2)),
        .gossip(quietSight),
    ]

    static var rumors: [Rumor] {
        var six = sampleRecord(5)
        six.endpoint = Endpoint(ipv6High: 0xfd00 << 48, low: 1, port: 9)
        six.flags = [.leaving, .refuting]
        six.metaVersion = 3
        return [
            .record(sampleRecord(4, zone: 8)), .record(six),
            .suspicion(
                target: 77,
                version: version,
                [
                    sampleAccusation(1, of: 2, version: version, phi: 2),
                    sampleAccusation(3, of: 2, version: version, phi: 4),
                ]
            ),
            .decree(sampleDecree(expelling: 3)), .decree(sampleDecree(expelling: nil, reason: "")),
        ]
    }

    static func carriesRumors(_ message: Message) -> Bool {
        switch message {
        case .ping, .ack, .gossip: true
        default: false
        }
    }

    @Test("every message and rumor survives the wire") func roundTrip() throws {
        for message in Self.messages {
            let rumors = Self.carriesRumors(message) ? Self.rumors : []
            let decoded = try #require(Codec.decode(encoded(message, rumors)))
            #expect(decoded.message == message)
            var reader = decoded.rumors
            for rumor in rumors {
                var expected = rumor
                if case .record(var record) = rumor {
                    record.id = NodeID(high: record.id.high, low: 0)
                    expected = .record(record)
                }
                #expect(Codec.decodeRumor(&reader) == expected)
            }
            #expect(reader.remaining == 0)
        }
    }

    @Test("a datagram that is cut or lengthened at any byte decodes to nothing or to fewer whole rumors")
    func truncation() {
        for message in Self.messages {
            let whole = encoded(message, Self.carriesRumors(message) ? Self.rumors : [])
            let bare = encoded(message).count
            for length in 0..<whole.count {
                guard let decoded = Codec.decode(Array(whole[..<length])) else { continue }
                #expect(length >= bare)
                var reader = decoded.rumors
                while reader.remaining > 0 { #expect(Codec.decodeRumor(&reader) != nil) }
            }
            #expect(Codec.decode(whole + [0]) == nil)
        }
    }

    @Test("garbage never traps a decoder and never changes a view") func garbage() {
        let seed: UInt64 = 20_261
        var random = Random(seed: seed)
        var machine = sampleMachine(8)
        let digest = machine.viewDigest
        let whole = encoded(.gossip(quietSight), Self.rumors)
        var outbox: [Directive] = []
        for round in 0..<20_000 {
            var bytes = round % 2 == 0 ? whole : (0..<random.below(200)).map { _ in UInt8(random.below(256)) }
            for _ in 0..<(1 + random.below(4)) where !bytes.isEmpty {
                bytes[random.below(bytes.count)] = UInt8(random.below(256))
            }
            machine.receive(bytes, from: sampleRecord(1).id, at: 10, into: &outbox)
            machine.receiveFrame(bytes, from: sampleRecord(1).id, at: 10, into: &outbox)
            outbox.removeAll()
        }
        // The only whole, rightly signed strangers in there are members 4 and 5.
        #expect(machine.counters.malformed > 1_000, "seed \(seed)")
        #expect(machine.viewDigest == digest || machine.presentCount <= 8, "seed \(seed)")
        #expect(machine.viewDigest == machine.roster.recountedDigest(), "seed \(seed)")
    }

    @Test("frames survive the wire and no cut of one is taken for whole") func frames() {
        let version = Self.version
        let evidence = [sampleAccusation(1, of: 2, version: version, phi: 2)]
        var known = sampleRecord(2)
        known.id = NodeID(high: known.id.high, low: 0)
        let entry = Frame.Entry(record: known, status: .dead, ageMicros: 5, accusations: evidence)
        let frames: [Frame] = [
            .offer(sums: (0..<256).map { UInt64($0) }, own: known),
            .reply(buckets: [1, 255], decrees: [sampleDecree(expelling: 4)], entries: [entry, entry]),
            .tell(decrees: [], entries: [entry]), .tell(decrees: [sampleDecree(expelling: nil)], entries: []),
            .ping(nonce: 4), .ack(nonce: 5), .askDescription(of: 6),
            .description(of: 6, metaVersion: 2, [1, 2, 3]),
        ]
        for frame in frames {
            let whole = frame.encoded()
            #expect(Frame.decode(whole) == frame)
            for length in 0..<whole.count { #expect(Frame.decode(Array(whole[..<length])) == nil) }
            #expect(Frame.decode(whole + [1]) == nil)
        }
    }

    @Test("a record is as long as it says, and at most 158 bytes") func recordSize() {
        for rumor in Self.rumors {
            guard case .record(let record) = rumor else { continue }
            var writer = ByteWriter(capacity: 0)
            record.encode(into: &writer)
            #expect(writer.count == record.encodedBytes)
            #expect(writer.count <= Record.encodedBytesMax)
            var reader = ByteReader(writer.bytes)
            let skipped = Record.skip(&reader)
            #expect(skipped.handle == record.id.handle && skipped.version == record.version)
            #expect(reader.remaining == 0 && !reader.failed)
        }
    }
}
