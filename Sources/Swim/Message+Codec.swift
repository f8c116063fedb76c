/// The table of datagram bodies. Integers are big-endian and fixed in width; a body that is short, long or unknown
/// decodes to nothing, and no length in it is believed before it is checked.
///
/// | kind | fields | then |
/// |---|---|---|
/// | 1 ping | nonce 8, digest 8, flags 1, health 1, version 12, status 1 | rumors |
/// | 2 ack | nonce 8, digest 8, flags 1, health 1 | rumors |
/// | 3 ask | nonce 8, target 8 | |
/// | 4 relayPing | nonce 8, asker 8, asker's nonce 8 | |
/// | 5 relayAck | nonce 8, token 8 | |
/// | 6 vouch | nonce 8, token 8 | |
/// | 7 nack | nonce 8, version 12, count 1, accusation 73 × count, count at most 1 | |
/// | 8 gossip | digest 8, flags 1, health 1 | rumors |
///
/// Rumors: tag 1 is a record; tag 2 is target 8, version 12, count 1, count accusations of 73; tag 3 is a decree:
/// sequence 8, kind 1, epoch 4, for kind 1 the target's 16, reason length 1, reason, signature 64.
package enum Codec {
    package static var accusationsMax: Int { 8 }

    package static func encode(_ message: Message, into writer: inout ByteWriter) {
        switch message {
        case .ping(let nonce, let sight, let belief):
            writer.put(1 as UInt8)
            writer.put(nonce)
            encode(sight, into: &writer)
            writer.put(belief.version)
            writer.put(belief.status.rawValue)
        case .ack(let nonce, let sight):
            writer.put(2 as UInt8)
            writer.put(nonce)
            encode(sight, into: &writer)
        case .ask(let nonce, let target):
            writer.put(3 as UInt8)
            writer.put(nonce)
            writer.put(target)
        case .relayPing(let nonce, let asker, let askerNonce):
            writer.put(4 as UInt8)
            writer.put(nonce)
            writer.put(asker)
            writer.put(askerNonce)
        case .relayAck(let nonce, let token):
            writer.put(5 as UInt8)
            writer.put(nonce)
            writer.put(token)
        case .vouch(let nonce, let token):
            writer.put(6 as UInt8)
            writer.put(nonce)
            writer.put(token)
        case .nack(let nonce, let version, let accusation):
            writer.put(7 as UInt8)
            writer.put(nonce)
            writer.put(version)
            writer.put(UInt8(accusation == nil ? 0 : 1))
            accusation?.encode(into: &writer)
        case .gossip(let sight):
            writer.put(8 as UInt8)
            encode(sight, into: &writer)
        }
    }

    /// Decodes the message and checks the form of every rumor behind it; `rumors` stands at the first of them.
    package static func decode(_ bytes: [UInt8]) -> (message: Message, rumors: ByteReader)? {
        var reader = ByteReader(bytes)
        guard let (message, carriesRumors) = decodeMessage(&reader), !reader.failed else { return nil }
        guard carriesRumors else { return reader.remaining == 0 ? (message, reader) : nil }
        let start = reader
        while reader.remaining > 0 {
            skipRumor(&reader)
            if reader.failed { return nil }
        }
        return (message, start)
    }

    private static func decodeMessage(_ reader: inout ByteReader) -> (Message, carriesRumors: Bool)? {
        let kind = reader.byte()
        switch kind {
        case 1:
            let nonce = reader.word64()
            let sight = decodeSight(&reader)
            let version = reader.version()
            guard let status = Status(wire: reader.byte()) else { return nil }
            return (.ping(nonce: nonce, sight, Belief(version: version, status: status)), true)
        case 2:
            let nonce = reader.word64()
            return (.ack(nonce: nonce, decodeSight(&reader)), true)
        case 3:
            let nonce = reader.word64()
            return (.ask(nonce: nonce, target: reader.word64()), false)
        case 4:
            let nonce = reader.word64()
            let asker = reader.word64()
            return (.relayPing(nonce: nonce, asker: asker, askerNonce: reader.word64()), false)
        case 5:
            let nonce = reader.word64()
            return (.relayAck(nonce: nonce, token: reader.word64()), false)
        case 6:
            let nonce = reader.word64()
            return (.vouch(nonce: nonce, token: reader.word64()), false)
        case 7:
            let nonce = reader.word64()
            let version = reader.version()
            switch reader.byte() {
            case 0: return (.nack(nonce: nonce, version: version, nil), false)
            case 1: return (.nack(nonce: nonce, version: version, Accusation.decode(from: &reader)), false)
            default: return nil
            }
        case 8:
            return (.gossip(decodeSight(&reader)), true)
        default:
            return nil
        }
    }

    private static func encode(_ sight: Sight, into writer: inout ByteWriter) {
        writer.put(sight.digest)
        writer.put(sight.flags.rawValue)
        writer.put(sight.health)
    }

    private static func decodeSight(_ reader: inout ByteReader) -> Sight {
        let digest = reader.word64()
        let flags = Sight.Flags(rawValue: reader.byte() & 3)
        return Sight(digest: digest, flags: flags, health: reader.byte())
    }

    package static func encode(_ rumor: Rumor, into writer: inout ByteWriter) {
        switch rumor {
        case .record(let record):
            writer.put(1 as UInt8)
            record.encode(into: &writer)
        case .suspicion(let target, let version, let accusations):
            writer.put(2 as UInt8)
            writer.put(target)
            writer.put(version)
            writer.put(UInt8(truncatingIfNeeded: min(accusations.count, accusationsMax)))
            for accusation in accusations.prefix(accusationsMax) { accusation.encode(into: &writer) }
        case .decree(let decree):
            writer.put(3 as UInt8)
            decree.encode(into: &writer)
        }
    }

    /// Whose rumor comes next, of which version, and of which kind, without moving the caller's reader; nothing for a
    /// decree, which is about no version of anybody.
    package static func peekRumor(_ reader: ByteReader) -> (isRecord: Bool, handle: UInt64, version: Version)? {
        var reader = reader
        let tag = reader.byte()
        guard tag != 3 else { return nil }
        let handle = reader.word64()
        return (tag == 1, handle, reader.version())
    }

    /// Whether each accusation of the suspicion that comes next is known with its weight or more; the signatures are
    /// not even read.
    package static func accusationsAreKnown(_ reader: ByteReader, weight: (UInt64) -> UInt8) -> Bool {
        var reader = reader
        reader.skip(21)
        for _ in 0..<reader.byte() {
            let accuser = reader.word64()
            guard reader.byte() <= weight(accuser) else { return false }
            reader.skip(64)
        }
        return !reader.failed
    }

    package static func decodeRumor(_ reader: inout ByteReader) -> Rumor? {
        switch reader.byte() {
        case 1:
            guard let record = Record.decode(from: &reader) else { return nil }
            return .record(record)
        case 2:
            let target = reader.word64()
            let version = reader.version()
            let count = Int(reader.byte())
            guard !reader.failed, count >= 1, count <= accusationsMax else {
                reader.fail()
                return nil
            }
            var accusations: [Accusation] = []
            accusations.reserveCapacity(count)
            for _ in 0..<count { accusations.append(Accusation.decode(from: &reader)) }
            return reader.failed ? nil : .suspicion(target: target, version: version, accusations)
        case 3: return Decree.decode(from: &reader).map { .decree($0) }
        default:
            reader.fail()
            return nil
        }
    }

    package static func skipRumor(_ reader: inout ByteReader) {
        switch reader.byte() {
        case 1:
            _ = Record.skip(&reader)
        case 2:
            reader.skip(20)
            let count = Int(reader.byte())
            guard count >= 1, count <= accusationsMax else { return reader.fail() }
            reader.skip(count * Accusation.encodedBytes)
        case 3: _ = Decree.decode(from: &reader)
        default:
            reader.fail()
        }
    }
}
