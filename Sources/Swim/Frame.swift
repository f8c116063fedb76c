/// What control streams carry: the sync of two views, pings where datagrams are lost, and descriptions.
///
/// A sync is three frames. The offer holds 256 sums, one per bucket of members and decrees; the reply holds all that
/// the buckets that differ hold, and the offerer sends back what the replier lacks. Steady state transfers nothing.
package enum Frame: Equatable, Sendable {
    /// A member as the sender holds it. An entry of a dead member carries the evidence, and its age so that a
    /// tombstone cannot be kept alive for ever by being passed on.
    package struct Entry: Equatable, Sendable {
        package var record: Record
        package var status: Status
        package var ageMicros: UInt64
        package var accusations: [Accusation]

        package init(record: Record, status: Status, ageMicros: UInt64, accusations: [Accusation]) {
            self.record = record
            self.status = status
            self.ageMicros = ageMicros
            self.accusations = accusations
        }
    }

    case offer(sums: [UInt64], own: Record)
    /// Decrees and entries of these buckets, all of them; the receiver answers with what is newer at its side.
    case reply(buckets: [UInt8], decrees: [Decree], entries: [Entry])
    /// Decrees and entries that need no answer.
    case tell(decrees: [Decree], entries: [Entry])
    case ping(nonce: UInt64)
    case ack(nonce: UInt64)
    /// Anybody who has a description may give it: the hash in the subject's record proves it.
    case askDescription(of: UInt64)
    case description(of: UInt64, metaVersion: UInt32, [UInt8])

    package static var bucketCount: Int { 256 }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        switch self {
        case .offer(let sums, let own):
            writer.put(1 as UInt8)
            for sum in sums { writer.put(sum) }
            own.encode(into: &writer)
        case .reply(let buckets, let decrees, let entries):
            writer.put(2 as UInt8)
            writer.put(UInt16(truncatingIfNeeded: buckets.count))
            writer.put(buckets)
            Self.encode(decrees, into: &writer)
            Self.encode(entries, into: &writer)
        case .tell(let decrees, let entries):
            writer.put(3 as UInt8)
            Self.encode(decrees, into: &writer)
            Self.encode(entries, into: &writer)
        case .ping(let nonce):
            writer.put(4 as UInt8)
            writer.put(nonce)
        case .ack(let nonce):
            writer.put(5 as UInt8)
            writer.put(nonce)
        case .askDescription(let subject):
            writer.put(6 as UInt8)
            writer.put(subject)
        case .description(let subject, let version, let bytes):
            writer.put(7 as UInt8)
            writer.put(subject)
            writer.put(version)
            writer.put(UInt16(truncatingIfNeeded: bytes.count))
            writer.put(bytes)
        }
        return writer.bytes
    }

    private static func encode(_ decrees: [Decree], into writer: inout ByteWriter) {
        writer.put(UInt16(truncatingIfNeeded: decrees.count))
        for decree in decrees { decree.encode(into: &writer) }
    }

    private static func encode(_ entries: [Entry], into writer: inout ByteWriter) {
        writer.put(UInt16(truncatingIfNeeded: entries.count))
        for entry in entries {
            entry.record.encode(into: &writer)
            writer.put(entry.status.rawValue)
            writer.put(entry.ageMicros)
            writer.put(UInt8(truncatingIfNeeded: min(entry.accusations.count, Codec.accusationsMax)))
            for accusation in entry.accusations.prefix(Codec.accusationsMax) { accusation.encode(into: &writer) }
        }
    }

    package static func decode(_ bytes: [UInt8]) -> Frame? {
        var reader = ByteReader(bytes)
        let frame: Frame?
        switch reader.byte() {
        case 1:
            guard reader.remaining >= 8 * bucketCount else { return nil }
            let sums = (0..<bucketCount).map { _ in reader.word64() }
            frame = Record.decode(from: &reader).map { .offer(sums: sums, own: $0) }
        case 2:
            let count = Int(reader.word16())
            guard count <= bucketCount else { return nil }
            let buckets = reader.array(count)
            guard let decrees = decodeDecrees(&reader) else { return nil }
            frame = decodeEntries(&reader).map { .reply(buckets: buckets, decrees: decrees, entries: $0) }
        case 3:
            guard let decrees = decodeDecrees(&reader) else { return nil }
            frame = decodeEntries(&reader).map { .tell(decrees: decrees, entries: $0) }
        case 4: frame = .ping(nonce: reader.word64())
        case 5: frame = .ack(nonce: reader.word64())
        case 6: frame = .askDescription(of: reader.word64())
        case 7:
            let subject = reader.word64()
            let version = reader.word32()
            let count = Int(reader.word16())
            frame = .description(of: subject, metaVersion: version, reader.array(count))
        default: frame = nil
        }
        return reader.failed || reader.remaining != 0 ? nil : frame
    }

    /// A count of 16 bits and that many decrees; in snapshots too.
    static func decodeDecrees(_ reader: inout ByteReader) -> [Decree]? {
        let count = Int(reader.word16())
        guard count <= Decrees.limit else { return nil }
        var decrees: [Decree] = []
        for _ in 0..<count {
            guard let decree = Decree.decode(from: &reader) else { return nil }
            decrees.append(decree)
        }
        return decrees
    }

    private static func decodeEntries(_ reader: inout ByteReader) -> [Entry]? {
        let count = Int(reader.word16())
        var entries: [Entry] = []
        // A count is no promise: room is made for what can be there, not for what is claimed.
        entries.reserveCapacity(min(count, reader.remaining / 128))
        for _ in 0..<count {
            guard let record = Record.decode(from: &reader) else { return nil }
            guard let status = Status(wire: reader.byte()) else { return nil }
            let age = reader.word64()
            let accusers = Int(reader.byte())
            guard !reader.failed, accusers <= Codec.accusationsMax else { return nil }
            let accusations = (0..<accusers).map { _ in Accusation.decode(from: &reader) }
            guard !reader.failed else { return nil }
            entries.append(Entry(record: record, status: status, ageMicros: age, accusations: accusations))
        }
        return entries
    }
}
