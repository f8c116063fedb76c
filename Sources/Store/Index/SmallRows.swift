/// The bytes of the rows beside `versions`: each packed, each with a checksum seeded by its table and key.
enum SmallRows {
    private enum Table: UInt64 {
        case counters = 1, null, extents, segment, upload, manifest, instance, feed, entry, usage
    }

    private static func seed(_ table: Table, _ key: UInt64) -> UInt64 { key &* 31 &+ table.rawValue }

    private static func seed(_ table: Table, _ key: [UInt8]) -> UInt64 {
        Checksum.of(key, seed: table.rawValue)
    }

    // MARK: Counters

    static func encode(_ counters: Counters) -> [UInt8] {
        var row = ByteWriter(capacity: 96)
        row.number(counters.sequence)
        row.number(counters.versions)
        row.number(counters.logicalBytes)
        row.number(counters.blobsReserved)
        row.number(counters.lastTime)
        row.number(counters.systemRows)
        row.number(counters.marks)
        row.number(counters.nullMarks)
        row.number(counters.instances)
        row.number(counters.wanted)
        row.number(counters.segments)
        row.seal(seed: seed(.counters, 1))
        return row.bytes
    }

    static func counters(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Counters {
        var row = try ByteScanner(sealed: bytes, seed: seed(.counters, 1))
        let counters = Counters(
            sequence: try row.number(),
            versions: try row.number(),
            logicalBytes: try row.number(),
            blobsReserved: try row.number(),
            lastTime: try row.number(),
            systemRows: try row.number(),
            marks: try row.number(),
            nullMarks: try row.number(),
            instances: try row.number(),
            wanted: try row.number(),
            segments: try row.number()
        )
        try row.end()
        return counters
    }

    // MARK: The null version that is not the newest of its key

    static func encode(null stamp: [UInt8], _ bucket: BucketID, _ key: Key) -> [UInt8] {
        var row = ByteWriter(capacity: 32)
        row.counted(stamp)
        row.seal(seed: seed(.null, key.bytes) ^ bucket.rawValue)
        return row.bytes
    }

    static func null(_ bucket: BucketID, _ key: Key, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> [UInt8] {
        var row = try ByteScanner(sealed: bytes, seed: seed(.null, key.bytes) ^ bucket.rawValue)
        let stamp = try row.counted()
        try row.end()
        guard stamp.count == 20 else { throw Malformed() }
        return stamp
    }

    // MARK: Usage

    static func encode(_ usage: Usage, _ bucket: BucketID) -> [UInt8] {
        var row = ByteWriter(capacity: 24)
        row.number(usage.versions)
        row.number(usage.bytes)
        row.number(usage.partBytes)
        row.seal(seed: seed(.usage, bucket.rawValue))
        return row.bytes
    }

    static func usage(_ bucket: BucketID, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Usage {
        var row = try ByteScanner(sealed: bytes, seed: seed(.usage, bucket.rawValue))
        let usage = Usage(versions: try row.number(), bytes: try row.number(), partBytes: try row.number())
        try row.end()
        return usage
    }

    // MARK: Paxos instances

    static func encode(_ instance: KeptInstance, _ address: RowAddress) -> [UInt8] {
        var row = ByteWriter(capacity: 256)
        let hasPredecessor = instance.predecessor != nil
        row.number(UInt8((hasPredecessor ? 1 : 0) | (instance.accepted != nil ? 2 : 0)))
        if let predecessor = instance.predecessor { row.stamp(predecessor) }
        row.number(instance.promised.round)
        row.number(instance.promised.proposer)
        if let (ballot, accepted) = instance.accepted {
            row.number(ballot.round)
            row.number(ballot.proposer)
            let stamp = accepted.record.stamp.sortable
            row.counted(stamp)
            row.counted(accepted.encoded(stamp: stamp))
        }
        row.seal(seed: seed(.instance, address.key.bytes) ^ address.bucket.rawValue)
        return row.bytes
    }

    static func instance(_ address: RowAddress, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> KeptInstance {
        var row = try ByteScanner(sealed: bytes, seed: seed(.instance, address.key.bytes) ^ address.bucket.rawValue)
        let flags = try row.number(UInt8.self)
        guard flags < 4 else { throw Malformed() }
        let predecessor = flags & 1 == 1 ? try row.stamp() : nil
        let promised = Ballot(round: try row.number(), proposer: try row.number())
        var instance = KeptInstance(predecessor: predecessor, promised: promised)
        if flags & 2 == 2 {
            let ballot = Ballot(round: try row.number(), proposer: try row.number())
            let (stamp, data) = (try row.counted(), try row.counted())
            let accepted = try RecordRow(address, stamp: stamp, data: data)
            instance.accepted = (ballot, accepted)
        }
        try row.end()
        return instance
    }

    // MARK: Segments and extents

    static func encode(_ segment: SegmentRow, id: UInt32) -> [UInt8] {
        var row = ByteWriter(capacity: 24)
        row.number(segment.size)
        row.number(segment.live)
        row.seal(seed: seed(.segment, UInt64(id)))
        return row.bytes
    }

    static func segment(_ id: UInt32, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> SegmentRow {
        var row = try ByteScanner(sealed: bytes, seed: seed(.segment, UInt64(id)))
        let segment = SegmentRow(size: try row.number(), live: try row.number())
        try row.end()
        return segment
    }

    static func encode(_ locations: ArraySlice<Location>, extent: Int64) -> [UInt8] {
        var row = ByteWriter(capacity: 8 + locations.count * 20)
        for location in locations {
            row.number(location.segment)
            row.number(location.offset)
            row.number(location.length)
            row.number(location.checksum)
        }
        row.seal(seed: seed(.extents, UInt64(bitPattern: extent)))
        return row.bytes
    }

    static func extent(_ id: Int64, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> [Location] {
        var row = try ByteScanner(sealed: bytes, seed: seed(.extents, UInt64(bitPattern: id)))
        guard row.remaining % 20 == 0, row.remaining > 0, row.remaining / 20 <= Location.perPage else {
            throw Malformed()
        }
        var locations: [Location] = []
        locations.reserveCapacity(row.remaining / 20)
        while row.remaining > 0 {
            locations.append(
                Location(
                    segment: try row.number(),
                    offset: try row.number(),
                    length: try row.number(),
                    checksum: try row.number()
                )
            )
        }
        return locations
    }

    // MARK: Outbox

    static func encode(_ kept: KeptFeed) -> [UInt8] {
        let feed = kept.feed
        var row = ByteWriter(capacity: 64)
        row.number(feed.bucket.rawValue)
        row.counted(feed.prefix)
        row.number(feed.sinceMillis)
        row.number(feed.begunMillis)
        row.number(feed.round)
        switch kept.filled {
        case nil: row.number(0 as UInt8)
        case .start: row.number(1 as UInt8)
        case .behind(let key):
            row.number(2 as UInt8)
            row.counted(key.bytes)
        }
        row.seal(seed: seed(.feed, feed.id))
        return row.bytes
    }

    static func feed(_ id: UInt64, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> KeptFeed {
        var row = try ByteScanner(sealed: bytes, seed: seed(.feed, id))
        let feed = Feed(
            id: id,
            bucket: BucketID(rawValue: try row.number()),
            prefix: try row.counted(),
            sinceMillis: try row.number(),
            begunMillis: try row.number(),
            round: try row.number()
        )
        let filled: KeptFeed.Filling?
        switch try row.number(UInt8.self) {
        case 0: filled = nil
        case 1: filled = .start
        case 2: filled = .behind(Key(try row.counted()))
        default: throw Malformed()
        }
        try row.end()
        return KeptFeed(feed: feed, filled: filled)
    }

    static func encode(_ entry: OutboxEntry, feed: UInt64) -> [UInt8] {
        var row = ByteWriter(capacity: 64 + entry.deletion.count)
        row.stamp(entry.stamp)
        row.number(entry.changedMillis)
        row.counted(entry.deletion)
        row.number(entry.sequence)
        row.number(entry.queuedMillis)
        // Builds before this one read those that nobody asked for.
        if entry.askedMicros > 0 { row.number(entry.askedMicros) }
        row.seal(seed: seed(.entry, entry.key.bytes) ^ feed)
        return row.bytes
    }

    static func entry(_ feed: UInt64, _ key: Key, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> OutboxEntry {
        var row = try ByteScanner(sealed: bytes, seed: seed(.entry, key.bytes) ^ feed)
        let stamp = try row.stamp()
        let changedMillis: UInt64 = try row.number()
        let deletion = try row.counted()
        let sequence: UInt64 = try row.number()
        let queuedMillis: UInt64 = try row.number()
        let entry = OutboxEntry(
            key: key,
            stamp: stamp,
            changedMillis: changedMillis,
            deletion: deletion,
            askedMicros: row.remaining > 0 ? try row.number() : 0,
            sequence: sequence,
            queuedMillis: queuedMillis
        )
        try row.end()
        return entry
    }

    // MARK: Uploads and manifests

    static func encode(upload address: RowAddress, id: [UInt8]) -> [UInt8] {
        var row = ByteWriter(capacity: 32 + address.key.bytes.count)
        row.number(address.bucket.rawValue)
        row.counted(address.key.bytes)
        row.seal(seed: seed(.upload, id))
        return row.bytes
    }

    static func upload(_ id: [UInt8], _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> RowAddress {
        var row = try ByteScanner(sealed: bytes, seed: seed(.upload, id))
        let address = RowAddress(BucketID(rawValue: try row.number()), Key(try row.counted()))
        try row.end()
        return address
    }

    static func encode(_ parts: [PartRef]) -> [UInt8] {
        var row = ByteWriter(capacity: 16 + parts.count * 64)
        for part in parts {
            row.number(part.number)
            row.number(part.blob.rawValue)
            row.number(part.size)
            row.number(part.op.high)
            row.number(part.op.low)
            row.counted(part.attributes)
        }
        row.seal(seed: seed(.manifest, 0))
        return row.bytes
    }

    static func manifest(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> [PartRef] {
        var row = try ByteScanner(sealed: bytes, seed: seed(.manifest, 0))
        var parts: [PartRef] = []
        while row.remaining > 0 {
            let number = try row.number(UInt16.self)
            let blob = BlobID(rawValue: try row.number())
            let size = try row.number(UInt64.self)
            let op = OpID(high: try row.number(), low: try row.number())
            parts.append(PartRef(number: number, blob: blob, size: size, attributes: try row.counted(), op: op))
        }
        return parts
    }
}

extension UploadID {
    /// 16 bytes, big-endian: the order of S3's markers.
    var column: [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: high.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: low.bigEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    init(column bytes: UnsafeRawBufferPointer) throws(Malformed) {
        guard bytes.count == 16 else { throw Malformed() }
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }
}

/// What the index counts, in one row that every transaction updates.
struct Counters {
    /// Transactions since the store was made: a copy of an old disk shows by it.
    var sequence: UInt64 = 0
    /// Versions of objects, and the bytes that they speak of.
    var versions: Int64 = 0
    var logicalBytes: Int64 = 0
    /// Blob ids below this one may have been given out.
    var blobsReserved: Int64 = 1
    /// The highest time in any stamp that was ever written here.
    var lastTime: UInt64 = 0
    /// How many rows of small state and of `segments` there are: a damaged page can drop rows without a trace, and a
    /// segment without its row would be taken for one that was never committed.
    var systemRows: Int64 = 0
    /// Tombstones and changes: a store that has none need not look for them.
    var marks: Int64 = 0
    /// Changes that are about versions `null`.
    var nullMarks: Int64 = 0
    /// Rows of `instances` and of `wanted`.
    var instances: Int64 = 0
    var wanted: Int64 = 0
    var segments: UInt64 = 0
}

/// A segment as the last transaction left it.
struct SegmentRow: Equatable {
    /// The end of the last committed chunk. What follows in the file belongs to nobody, or to whoever is writing now.
    var size: UInt64
    /// Bytes of committed chunks, with their headers, that a version still names.
    var live: UInt64
}
