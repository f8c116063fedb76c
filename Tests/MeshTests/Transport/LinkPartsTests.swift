import NIOCore
import Swim
import Testing

@testable import Mesh

/// Frames, records and waiting calls without sockets.
@Suite struct LinkPartsTests {
    private static func cipher(_ key: Secret, _ suite: RecordSuite, isSealing: Bool) -> RecordCipher {
        RecordCipher(key: key, suite: suite, isSealing: isSealing)
    }

    private static func frames(_ random: inout SeededBytes) -> [LinkFrame] {
        let sizes = [0, 1, 100, 5_000, 16_383, 16_384, 65_536, 65_537, 200_000]
        return (0..<60).map { number in
            let size = sizes[Int(random.word() % UInt64(sizes.count))]
            var payload = ByteBuffer()
            payload.writeRepeatingByte(UInt8(number), count: size)
            return LinkFrame(kind: .request, method: UInt8(number), id: random.word(), limitMillis: 9, payload: payload)
        }
    }

    private static func sealed(_ frames: [LinkFrame], _ cipher: RecordCipher) -> ByteBuffer {
        var sealer = FrameSealer(cipher: cipher)
        var records: [ByteBuffer] = []
        for (number, frame) in frames.enumerated() {
            var isSealed = sealer.add(frame, into: &records)
            if number % 7 == 0 { isSealed = sealer.finish(into: &records) && isSealed }
            #expect(isSealed)
        }
        let isSealed = sealer.finish(into: &records)
        #expect(isSealed)
        #expect(records.allSatisfy { $0.readableBytes <= 4 + RecordCipher.recordBytesMax + RecordCipher.tagBytes })
        return records.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
    }

    @Test("frames come out as they went in, however the stream is cut", arguments: RecordSuite.allCases)
    func roundTrip(_ suite: RecordSuite) {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededBytes(seed)
        for piece in [1, 3, 1_000, 65_555, 262_144] {
            let key = Secret(bytes: SecureRandom.bytes(32))
            let sealing = Self.cipher(key, suite, isSealing: true)
            let opening = Self.cipher(key, suite, isSealing: false)
            // Byte by byte is slow where the payloads are large.
            let sent = Self.frames(&random).filter { piece >= 1_000 || $0.payload.readableBytes < 1_000 }
            var stream = Self.sealed(sent, sealing)
            var opener = FrameOpener(cipher: opening)
            var heard: [LinkFrame] = []
            while let part = stream.readSlice(length: min(piece, stream.readableBytes)), part.readableBytes > 0 {
                guard opener.take(part, into: &heard) else {
                    Issue.record("seed \(seed), pieces of \(piece)")
                    break
                }
            }
            #expect(heard.count == sent.count, "seed \(seed)")
            for (a, b) in zip(sent, heard) {
                #expect(a.method == b.method && a.id == b.id && a.payload == b.payload, "seed \(seed)")
            }
        }
    }

    @Test("a record that was changed, repeated, lost or made up ends the stream", arguments: RecordSuite.allCases)
    func hostile(_ suite: RecordSuite) {
        let key = Secret(bytes: SecureRandom.bytes(32))
        let sealing = Self.cipher(key, suite, isSealing: true)
        let one = Self.sealed([LinkFrame(kind: .ping, payload: ByteBuffer(string: "one"))], sealing)
        let two = Self.sealed([LinkFrame(kind: .ping, payload: ByteBuffer(string: "two"))], sealing)
        var changed = one
        changed.setInteger(one.getInteger(at: 9, as: UInt8.self)! ^ 1, at: 9)
        let noise: [UInt8] = [0, 0, 0, 40] + [UInt8](repeating: 5, count: 40)
        let bad: [[ByteBuffer]] = [
            [changed], [two], [one, one], [ByteBuffer(bytes: noise)], [ByteBuffer(bytes: [0, 0, 0, 0, 1])],
            [ByteBuffer(bytes: [0, 0, 0, 16, 1])], [ByteBuffer(bytes: [0xff, 0xff, 0xff, 0xff, 1])],
        ]
        for stream in bad {
            var opener = FrameOpener(cipher: Self.cipher(key, suite, isSealing: false))
            var heard: [LinkFrame] = []
            let isSound = stream.allSatisfy { opener.take($0, into: &heard) }
            #expect(!isSound)
        }
    }

    @Test("a head of an unknown kind, or with a length beyond the bound, ends the stream")
    func heads() {
        let good: [UInt8] = [0, 0, 0, 0, 1, 9, 0, 0] + [UInt8](repeating: 1, count: 12)
        var unknown = good
        unknown[4] = 7
        var reserved = good
        reserved[6] = 1
        var long = good
        long[0] = 1
        for (head, isHead) in [(good, true), (unknown, false), (reserved, false), (long, false)] {
            let key = Secret(bytes: SecureRandom.bytes(32))
            var record = ByteBuffer(integer: UInt32(head.count + RecordCipher.tagBytes))
            let isSealed = head.withUnsafeBytes {
                Self.cipher(key, .aes256GCM, isSealing: true).seal($0, into: &record)
            }
            var opener = FrameOpener(cipher: Self.cipher(key, .aes256GCM, isSealing: false))
            var heard: [LinkFrame] = []
            let isSound = opener.take(record, into: &heard)
            #expect(isSealed && isSound == isHead)
            #expect(heard.count == (isHead ? 1 : 0))
        }
    }

    // MARK: Calls

    @Test("calls are found by id and by deadline, as in a plain list")
    func table() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededBytes(seed)
        var table = CallTable<Int>(callsMax: 100, now: 1_000)
        var model: [UInt64: (call: Int, due: UInt64)] = [:]
        var now: UInt64 = 1_000
        for step in 0..<20_000 {
            switch random.word() % 4 {
            case 0, 1:
                let due = now + random.word() % 600
                let id = table.insert(step, due: due)
                #expect((id == nil) == (model.count == 100), "seed \(seed)")
                if let id {
                    let former = model.updateValue((step, max(due, now + 1)), forKey: id)
                    #expect(former == nil, "seed \(seed)")
                }
            case 2:
                guard let id = model.keys.min(by: { $0 &* 31 < $1 &* 31 }) else { continue }
                let (found, again) = (table.remove(id), table.remove(id))
                #expect(found == model.removeValue(forKey: id)?.call, "seed \(seed)")
                #expect(again == nil && !table.contains(id), "seed \(seed)")
            default:
                now += random.word() % 100 == 0 ? 2_000 : random.word() % 5
                var expired: [(id: UInt64, call: Int)] = []
                table.advance(to: now, into: &expired)
                let due = model.filter { $0.value.due <= now }
                #expect(Set(expired.map(\.id)) == Set(due.keys), "seed \(seed)")
                for id in due.keys { model[id] = nil }
            }
            #expect(table.count == model.count, "seed \(seed)")
        }
        let rest = Set(table.removeAll())
        #expect(rest == Set(model.values.map(\.call)) && table.isEmpty)
    }
}
