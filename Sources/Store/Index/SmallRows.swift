/// The bytes of the rows beside `versions`: each packed, each with a checksum seeded by its table and key.
enum SmallRows {
    private enum Table: UInt64 {
        case counters = 1, bucket, register, null, extents, segment, upload, part, manifest
    }

    private static func seed(_ table: Table, _ key: UInt64) -> UInt64 { key &* 31 &+ table.rawValue }

    private static func seed(_ table: Table, _ key: [UInt8]) -> UInt64 {
        Checksum.of(key, seed: table.rawValue)
    }

    // MARK: Counters

    static func encode(_ counters: Counters) -> [UInt8] {
        var row = ByteWriter(capacity: 72)
        row.number(counters.sequence)
        row.number(counters.versions)
        row.number(counters.logicalBytes)
        row.number(counters.blobsReserved)
        if let rows = counters.rows {
            row.number(rows.buckets)
            row.number(rows.registers)
            row.number(rows.segments)
        }
        row.seal(seed: seed(.counters, 1))
        return row.bytes
    }

    static func counters(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Counters {
        var row = try ByteScanner(sealed: bytes, seed: seed(.counters, 1))
        var counters = Counters(
            sequence: try row.number(),
            versions: try row.number(),
            logicalBytes: try row.number(),
            blobsReserved: try row.number()
        )
        if row.remaining > 0 {
            counters.rows = .init(
                buckets: try row.number(),
                registers: try row.number(),
                segments: try row.number()
            )
        }
        try row.end()
        return counters
    }

    // MARK: Buckets and registers

    static func encode(_ bucket: Bucket) -> [UInt8] {
        var row = ByteWriter(capacity: 64 + bucket.settings.count)
        row.counted(Array(bucket.name.utf8))
        row.number(bucket.createdMillis)
        row.number(bucket.versioning.rawValue)
        row.counted(bucket.settings)
        row.seal(seed: seed(.bucket, bucket.id.rawValue))
        return row.bytes
    }

    static func bucket(_ id: BucketID, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Bucket {
        var row = try ByteScanner(sealed: bytes, seed: seed(.bucket, id.rawValue))
        let name = String(decoding: try row.counted(), as: UTF8.self)
        let created = try row.number(UInt64.self)
        guard let versioning = Versioning(rawValue: try row.number()) else { throw Malformed() }
        let settings = try row.counted()
        try row.end()
        return Bucket(id: id, name: name, createdMillis: created, versioning: versioning, settings: settings)
    }

    static func encode(register value: [UInt8], name: [UInt8]) -> [UInt8] {
        var row = ByteWriter(capacity: 16 + value.count)
        row.counted(value)
        row.seal(seed: seed(.register, name))
        return row.bytes
    }

    static func register(_ name: [UInt8], _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> [UInt8] {
        var row = try ByteScanner(sealed: bytes, seed: seed(.register, name))
        let value = try row.counted()
        try row.end()
        return value
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

    // MARK: Uploads, parts, manifests

    static func encode(_ upload: Upload) -> [UInt8] {
        var row = ByteWriter(capacity: 32 + upload.attributes.count + upload.tags.count)
        row.number(upload.bucket.rawValue)
        row.number(upload.initiatedMillis)
        row.counted(upload.key.bytes)
        row.counted(upload.attributes)
        row.counted(upload.tags)
        row.seal(seed: seed(.upload, upload.id.column))
        return row.bytes
    }

    static func upload(_ id: UploadID, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Upload {
        var row = try ByteScanner(sealed: bytes, seed: seed(.upload, id.column))
        let bucket = BucketID(rawValue: try row.number())
        let initiated = try row.number(UInt64.self)
        let upload = Upload(
            id: id,
            bucket: bucket,
            key: Key(try row.counted()),
            initiatedMillis: initiated,
            attributes: try row.counted(),
            tags: try row.counted()
        )
        try row.end()
        return upload
    }

    static func encode(_ part: Part, of upload: UploadID) -> [UInt8] {
        var row = ByteWriter(capacity: 64 + part.attributes.count)
        row.number(part.blob.rawValue)
        row.number(part.size)
        row.number(part.etag.high)
        row.number(part.etag.low)
        row.number(part.etag.parts)
        row.number(part.modifiedMillis)
        row.counted(part.attributes)
        row.seal(seed: seed(.part, upload.column) ^ UInt64(part.number))
        return row.bytes
    }

    static func part(_ number: UInt16, of upload: UploadID, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Part {
        var row = try ByteScanner(sealed: bytes, seed: seed(.part, upload.column) ^ UInt64(number))
        let part = Part(
            number: number,
            blob: BlobID(rawValue: try row.number()),
            size: try row.number(),
            etag: ETag(high: try row.number(), low: try row.number(), parts: try row.number()),
            modifiedMillis: try row.number(),
            attributes: try row.counted()
        )
        try row.end()
        return part
    }

    static func encode(_ parts: [PartRef]) -> [UInt8] {
        var row = ByteWriter(capacity: 16 + parts.count * 48)
        for part in parts {
            row.number(part.number)
            row.number(part.blob.rawValue)
            row.number(part.size)
            row.counted(part.attributes)
        }
        row.seal(seed: seed(.manifest, 0))
        return row.bytes
    }

    static func manifest(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> [PartRef] {
        var row = try ByteScanner(sealed: bytes, seed: seed(.manifest, 0))
        var parts: [PartRef] = []
        while row.remaining > 0 {
            parts.append(
                PartRef(
                    number: try row.number(),
                    blob: BlobID(rawValue: try row.number()),
                    size: try row.number(),
                    attributes: try row.counted()
                )
            )
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
    var versions: Int64 = 0
    var logicalBytes: Int64 = 0
    /// Blob ids below this one may have been given out.
    var blobsReserved: Int64 = 1
    /// How many rows the small tables have: a damaged page can drop rows without a trace, and a segment without its row
    /// would be taken for one that was never committed. nil: written before there were counts.
    var rows: Rows?

    struct Rows: Equatable {
        var buckets: UInt64
        var registers: UInt64
        var segments: UInt64
    }
}

/// A segment as the last transaction left it.
struct SegmentRow: Equatable {
    /// The end of the last committed chunk. What follows in the file was never acknowledged.
    var size: UInt64
    /// Bytes of committed chunks, with their headers, that a version still names.
    var live: UInt64
}
