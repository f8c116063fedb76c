/// The bytes of a row of `versions`, and the place of the version's body.
struct RecordRow {
    enum BodyKind: UInt8 {
        case empty = 0
        case inline, blob, parts
    }

    var record: Record
    /// The id in `bodies` (inline, parts) or the blob.
    var bodyID: Int64

    private static let layout: UInt8 = 1
    private static let fixedBytes = 64

    /// The seed of the row's checksum: what stands in its key columns.
    static func seed(_ bucket: BucketID, _ key: UnsafeRawBufferPointer, _ stamp: UnsafeRawBufferPointer) -> UInt64 {
        Checksum.of(stamp, seed: Checksum.of(key, seed: bucket.rawValue))
    }

    static func encode(_ record: Record, bodyID: Int64, stamp: [UInt8]) -> [UInt8] {
        var row = ByteWriter(capacity: fixedBytes + record.attributes.count + record.tags.count)
        row.number(layout)
        row.number(record.kind.rawValue)
        row.number(UInt8(record.isNull ? 1 : 0))
        let kind: BodyKind =
            switch record.body {
            case .empty: .empty
            case .inline: .inline
            case .blob: .blob
            case .parts: .parts
            }
        row.number(kind.rawValue)
        row.number(bodyID)
        row.number(record.size)
        row.number(record.etag.high)
        row.number(record.etag.low)
        row.number(record.etag.parts)
        row.number(record.modifiedMillis)
        row.counted(record.attributes)
        row.counted(record.tags)
        let seed = record.key.bytes.withUnsafeBytes { key in
            stamp.withUnsafeBytes { Self.seed(record.bucket, key, $0) }
        }
        row.seal(seed: seed)
        return row.bytes
    }

    /// Takes a row apart. `key`: the key, if the caller has it already.
    init(
        bucket: BucketID,
        key: Key? = nil,
        keyBytes: UnsafeRawBufferPointer,
        stamp: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer
    ) throws(Malformed) {
        var row = try ByteScanner(sealed: data, seed: Self.seed(bucket, keyBytes, stamp))
        guard try row.number(UInt8.self) == Self.layout,
            let kind = Record.Kind(rawValue: try row.number()),
            case let flags = try row.number(UInt8.self), flags < 2,
            let bodyKind = BodyKind(rawValue: try row.number())
        else { throw Malformed() }
        bodyID = try row.number()
        let body: Body =
            switch bodyKind {
            case .empty: .empty
            case .inline: .inline
            case .blob: .blob(BlobID(rawValue: bodyID))
            case .parts: .parts
            }
        let size = try row.number(UInt64.self)
        let etag = ETag(high: try row.number(), low: try row.number(), parts: try row.number())
        let modifiedMillis = try row.number(UInt64.self)
        record = Record(
            bucket: bucket,
            key: key ?? Key([UInt8](keyBytes)),
            stamp: try Stamp(sortable: stamp),
            kind: kind,
            isNull: flags & 1 == 1,
            size: size,
            etag: etag,
            body: body,
            attributes: try row.counted(),
            tags: try row.counted(),
            modifiedMillis: modifiedMillis
        )
        try row.end()
    }
}

extension Stamp {
    /// 20 bytes, big-endian and inverted, so that the newest version of a key sorts first.
    var sortable: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20)
        withUnsafeBytes(of: (~t).bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: (~w).bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: (~q).bigEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    init(sortable bytes: UnsafeRawBufferPointer) throws(Malformed) {
        guard bytes.count == 20 else { throw Malformed() }
        self.init(
            t: ~UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            w: ~UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
            q: ~UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
        )
    }
}

extension BucketID {
    var column: Int64 { Int64(bitPattern: rawValue) }

    init(column: Int64) { self.init(rawValue: UInt64(bitPattern: column)) }
}
