/// The bytes of a row of `versions`, and the place of the version's body.
struct RecordRow {
    enum BodyKind: UInt8 {
        case empty = 0
        case inline, blob, parts, absent
    }

    var record: Record
    /// The id in `bodies` (inline, parts) or the blob. Of a part that was handed over: to which object; 0 if nobody wrote
    /// it down.
    var bodyID: Int64
    /// The newest row that gives this version other tags; nil: it has its own.
    var retag: Stamp?
    /// Some of the version's bytes are not here; the table `wanted` names it.
    var lacksBytes = false

    private static let layout: UInt8 = 2
    private static let fixedBytes = 80

    private struct Flags: OptionSet {
        let rawValue: UInt8
        static let null = Flags(rawValue: 1)
        static let target = Flags(rawValue: 2)
        static let retag = Flags(rawValue: 4)
        static let lacksBytes = Flags(rawValue: 8)
        static let all: Flags = [.null, .target, .retag, .lacksBytes]
    }

    init(_ record: Record, bodyID: Int64, retag: Stamp? = nil, lacksBytes: Bool = false) {
        self.record = record
        self.bodyID = bodyID
        self.retag = retag
        self.lacksBytes = lacksBytes
    }

    /// Of a part: its bytes are those of an object that was made of it.
    var isHandedOver: Bool { record.body == .absent && !lacksBytes }

    func isHandedOver(to object: OpID) -> Bool { isHandedOver && bodyID == Self.mark(of: object) }

    /// Of a part: from now on its bytes are those of the object that this operation wrote.
    mutating func handOver(to object: OpID) {
        record.body = .absent
        bodyID = Self.mark(of: object)
        lacksBytes = false
    }

    /// 64 random bits.
    private static func mark(of object: OpID) -> Int64 { Int64(bitPattern: object.low) }

    var address: RowAddress { RowAddress(record.bucket, record.key) }

    var ref: RowRef {
        RowRef(stamp: record.stamp, op: record.op, kind: record.kind, isNull: record.isNull, target: record.target)
    }

    /// The seed of the row's checksum: what stands in its key columns.
    static func seed(_ bucket: BucketID, _ key: UnsafeRawBufferPointer, _ stamp: UnsafeRawBufferPointer) -> UInt64 {
        Checksum.of(stamp, seed: Checksum.of(key, seed: bucket.rawValue))
    }

    func encoded(stamp: [UInt8]) -> [UInt8] {
        var row = ByteWriter(capacity: Self.fixedBytes + record.attributes.count + record.tags.count)
        row.number(Self.layout)
        row.number(record.kind.rawValue)
        var flags: Flags = record.isNull ? .null : []
        if record.target != nil { flags.insert(.target) }
        if retag != nil { flags.insert(.retag) }
        if lacksBytes { flags.insert(.lacksBytes) }
        row.number(flags.rawValue)
        let kind: BodyKind =
            switch record.body {
            case .empty: .empty
            case .inline: .inline
            case .blob: .blob
            case .parts: .parts
            case .absent: .absent
            }
        row.number(kind.rawValue)
        row.number(bodyID)
        row.number(record.size)
        row.number(record.etag.high)
        row.number(record.etag.low)
        row.number(record.etag.parts)
        row.number(record.modifiedMillis)
        row.number(record.op.high)
        row.number(record.op.low)
        if let target = record.target { row.stamp(target) }
        if let retag { row.stamp(retag) }
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
            case let flags = Flags(rawValue: try row.number()), Flags.all.isSuperset(of: flags),
            let bodyKind = BodyKind(rawValue: try row.number())
        else { throw Malformed() }
        bodyID = try row.number()
        let body: Body =
            switch bodyKind {
            case .empty: .empty
            case .inline: .inline
            case .blob: .blob(BlobID(rawValue: bodyID))
            case .parts: .parts
            case .absent: .absent
            }
        let size = try row.number(UInt64.self)
        let etag = ETag(high: try row.number(), low: try row.number(), parts: try row.number())
        let modifiedMillis = try row.number(UInt64.self)
        let op = OpID(high: try row.number(), low: try row.number())
        let target = flags.contains(.target) ? try row.stamp() : nil
        retag = flags.contains(.retag) ? try row.stamp() : nil
        lacksBytes = flags.contains(.lacksBytes)
        record = Record(
            bucket: bucket,
            key: key ?? Key([UInt8](keyBytes)),
            stamp: try Stamp(sortable: stamp),
            kind: kind,
            isNull: flags.contains(.null),
            size: size,
            etag: etag,
            body: body,
            attributes: try row.counted(),
            tags: try row.counted(),
            modifiedMillis: modifiedMillis,
            op: op,
            target: target
        )
        try row.end()
    }

    /// The same from bytes that were kept elsewhere.
    init(_ address: RowAddress, stamp: [UInt8], data: [UInt8]) throws(Malformed) {
        let row: RecordRow? = address.key.bytes.withUnsafeBytes { key in
            stamp.withUnsafeBytes { stamp in
                data.withUnsafeBytes {
                    try? RecordRow(bucket: address.bucket, key: address.key, keyBytes: key, stamp: stamp, data: $0)
                }
            }
        }
        guard let row else { throw Malformed() }
        self = row
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
