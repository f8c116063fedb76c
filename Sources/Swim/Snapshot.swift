/// What a node remembers of its mesh over a restart, and what can be read of one that does not run.
///
/// Ages stand in it and no points in time, because no clock outlives a restart. The time that the node was down is not
/// counted: a tombstone that lives a little longer harms nobody.
package struct Snapshot: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package var record: Record
        package var status: Status
        /// How long the member is dead or gone; zero for those who are there.
        package var ageMicros: UInt64
        /// For how long the identity is known.
        package var knownMicros: UInt64
        /// The evidence for a death.
        package var accusations: [Accusation]

        package init(
            record: Record,
            status: Status,
            ageMicros: UInt64 = 0,
            knownMicros: UInt64 = 0,
            accusations: [Accusation] = []
        ) {
            self.record = record
            self.status = status
            self.ageMicros = ageMicros
            self.knownMicros = knownMicros
            self.accusations = accusations
        }
    }

    /// The node whose view this is.
    package var own: Record
    package var decrees: [Decree]
    /// Everybody else, in slot order.
    package var entries: [Entry]

    package init(own: Record, decrees: [Decree], entries: [Entry]) {
        self.own = own
        self.decrees = decrees
        self.entries = entries
    }

    // MARK: Bytes

    private static var magic: UInt64 { 0x6d65_7368_646d_656d }
    private static var format: UInt16 { 1 }
    /// The most members that a snapshot may hold, whatever the settings of its writer were.
    private static var entriesMax: Int { 65_536 }

    /// | field | bytes |
    /// |---|---|
    /// | magic, format | 8, 2 |
    /// | own | record |
    /// | decrees | count 2, then each as on the wire |
    /// | members | count 4, then each: record, status 1, age 8, known for 8, count 1 and accusations |
    /// | checksum of all before | 8 |
    ///
    /// A record here has the second half of the name in front of it, because a reader without the signer cannot hash
    /// the key.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 512 + entries.count * 192)
        writer.put(Self.magic)
        writer.put(Self.format)
        Self.put(own, into: &writer)
        let decrees = decrees.prefix(Decrees.limit)
        writer.put(UInt16(truncatingIfNeeded: decrees.count))
        for decree in decrees { decree.encode(into: &writer) }
        let entries = entries.prefix(Self.entriesMax)
        writer.put(UInt32(truncatingIfNeeded: entries.count))
        for entry in entries {
            Self.put(entry.record, into: &writer)
            writer.put(entry.status.rawValue)
            writer.put(entry.ageMicros)
            writer.put(entry.knownMicros)
            let accusations = entry.accusations.prefix(Codec.accusationsMax)
            writer.put(UInt8(truncatingIfNeeded: accusations.count))
            for accusation in accusations { accusation.encode(into: &writer) }
        }
        return Self.sealed(writer.bytes)
    }

    /// The bytes with their checksum behind them.
    package static func sealed(_ bytes: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.put(checksum(bytes[...]))
        return bytes + writer.bytes
    }

    /// Nothing for bytes that are not a whole snapshot of this format.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count > 18 else { return nil }
        var tail = ByteReader(bytes, from: bytes.count - 8)
        guard tail.word64() == Self.checksum(bytes.dropLast(8)) else { return nil }
        var reader = ByteReader(bytes)
        guard reader.word64() == Self.magic, reader.word16() == Self.format,
            let own = Self.record(from: &reader), let decrees = Frame.decodeDecrees(&reader)
        else { return nil }
        let count = Int(reader.word32())
        guard count <= Self.entriesMax else { return nil }
        var entries: [Entry] = []
        // A count is no promise: room is made for what can be there, not for what is claimed.
        entries.reserveCapacity(min(count, reader.remaining / 160))
        for _ in 0..<count {
            guard let entry = Self.entry(from: &reader) else { return nil }
            entries.append(entry)
        }
        guard !reader.failed, reader.remaining == 8 else { return nil }
        self.init(own: own, decrees: decrees, entries: entries)
    }

    private static func entry(from reader: inout ByteReader) -> Entry? {
        guard let record = record(from: &reader), let status = Status(rawValue: reader.byte()) else { return nil }
        let age = reader.word64()
        let known = reader.word64()
        let count = Int(reader.byte())
        guard !reader.failed, count <= Codec.accusationsMax else { return nil }
        let accusations = (0..<count).map { _ in Accusation.decode(from: &reader) }
        guard !reader.failed else { return nil }
        return Entry(record: record, status: status, ageMicros: age, knownMicros: known, accusations: accusations)
    }

    private static func put(_ record: Record, into writer: inout ByteWriter) {
        writer.put(record.id.low)
        record.encode(into: &writer)
    }

    private static func record(from reader: inout ByteReader) -> Record? {
        let low = reader.word64()
        guard var record = Record.decode(from: &reader) else { return nil }
        record.id = NodeID(high: record.id.high, low: low)
        return record
    }

    /// Against rot and torn writes; against forgery, every signature in here is checked when the node starts.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        Random.fold(bytes, onto: Random.mix(UInt64(bytes.count)))
    }
}
