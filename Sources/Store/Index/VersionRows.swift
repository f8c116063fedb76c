import NIOCore

/// What a look from the top of a key finds.
struct KeyHead {
    /// The stamp of the newest row of any kind.
    let top: Stamp
    /// The newest version or tombstone; nil: there are only changes.
    let row: RecordRow?

    /// The current version, if the key has one.
    var version: RecordRow? { row.flatMap { $0.record.kind.isVersion ? $0 : nil } }
}

/// Reads rows of `versions`, verified. The committer and the readers each have one for their connection.
final class VersionRows {
    private let headRow: Statement
    private let exactRow: Statement
    private let nullRow: Statement
    private let bodyRow: Statement
    private let rowBehind: Statement
    private let rowBefore: Statement
    private let rowsFrom: Statement
    private let instanceRow: Statement
    private let path: String
    /// Told of bodies that cannot be read; nil on the committer's connection.
    var damage: DamageBook?

    init(_ database: Database) throws {
        path = database.path
        headRow = try database.prepare(
            "SELECT stamp, data FROM versions WHERE bucket = ?1 AND key = ?2 ORDER BY stamp"
        )
        exactRow = try database.prepare("SELECT data FROM versions WHERE bucket = ?1 AND key = ?2 AND stamp = ?3")
        nullRow = try database.prepare("SELECT data FROM nulls WHERE bucket = ?1 AND key = ?2")
        rowBehind = try database.prepare(
            "SELECT key, stamp, data FROM versions WHERE bucket = ?1 AND key > ?2 ORDER BY key, stamp LIMIT 1"
        )
        rowBefore = try database.prepare(
            "SELECT key, stamp, data FROM versions WHERE bucket = ?1 AND key < ?2 ORDER BY key DESC, stamp DESC LIMIT 1"
        )
        rowsFrom = try database.prepare(
            "SELECT key, stamp, data FROM versions WHERE bucket = ?1 AND key >= ?2 ORDER BY key, stamp"
        )
        instanceRow = try database.prepare("SELECT data FROM instances WHERE bucket = ?1 AND key = ?2")
        bodyRow = try database.prepare("SELECT checksum, data FROM bodies WHERE id = ?1")
    }

    /// The newest rows of a key, down to its newest version or tombstone. One step for a key without changes.
    func head(_ bucket: BucketID, _ key: Key) throws -> KeyHead? {
        var top: Stamp?
        var found: RecordRow?
        try each(of: bucket, key) { row in
            if top == nil { top = row.record.stamp }
            guard row.record.kind.isChange else {
                found = row
                return false
            }
            return true
        }
        return top.map { KeyHead(top: $0, row: found) }
    }

    /// The newest row of a key.
    func top(_ address: RowAddress) throws -> RecordRow? {
        var top: RecordRow?
        try each(of: address.bucket, address.key) { row in
            top = row
            return false
        }
        return top
    }

    /// Hands out the rows of a key, newest first, until `body` says false.
    func each(of bucket: BucketID, _ key: Key, _ body: (RecordRow) throws -> Bool) throws {
        headRow.bind(1, bucket.column).bind(2, key.bytes)
        defer { headRow.reset() }
        while try headRow.step() {
            guard try body(try decode(bucket, key, stamp: headRow.blob(0), data: headRow.blob(1))) else { return }
        }
    }

    /// Hands out the rows of a bucket whose keys begin with `prefix`, until `body` says false; from the key `from` on.
    func each(
        of bucket: BucketID,
        from: [UInt8]? = nil,
        prefix: [UInt8],
        _ body: (RecordRow) throws -> Bool
    ) throws {
        rowsFrom.bind(1, bucket.column).bind(2, from ?? prefix)
        defer { rowsFrom.reset() }
        while try rowsFrom.step() {
            let key = Key([UInt8](rowsFrom.blob(0)))
            guard key.bytes.starts(with: prefix) else { return }
            guard try body(try decode(bucket, key, stamp: rowsFrom.blob(1), data: rowsFrom.blob(2))) else { return }
        }
    }

    func exact(_ bucket: BucketID, _ key: Key, _ stamp: Stamp) throws -> RecordRow? {
        let sortable = stamp.sortable
        exactRow.bind(1, bucket.column).bind(2, key.bytes).bind(3, sortable)
        defer { exactRow.reset() }
        guard try exactRow.step() else { return nil }
        return try sortable.withUnsafeBytes { try decode(bucket, key, stamp: $0, data: exactRow.blob(0)) }
    }

    /// The newest row that was written while versioning was off or suspended: `head`, or the one that `nulls` names.
    /// A tombstone is such a row.
    func null(_ bucket: BucketID, _ key: Key, head: RecordRow?) throws -> RecordRow? {
        guard let head else { return nil }
        if head.record.isNull { return head }
        nullRow.bind(1, bucket.column).bind(2, key.bytes)
        defer { nullRow.reset() }
        guard try nullRow.step() else { return nil }
        let stamp: Stamp
        do {
            stamp = try SmallRows.null(bucket, key, nullRow.blob(0)).withUnsafeBytes { bytes throws(Malformed) in
                try Stamp(sortable: bytes)
            }
        } catch {
            throw corrupt("nulls", bucket, key)
        }
        guard let row = try exact(bucket, key, stamp), row.record.isNull else { throw corrupt("nulls", bucket, key) }
        return row
    }

    /// The version that is asked for, as the rows of the key stand.
    func select(
        _ bucket: BucketID,
        _ key: Key,
        _ version: VersionSelector
    ) throws -> (row: RecordRow, isCurrent: Bool, isTop: Bool)? {
        guard let found = try self.head(bucket, key), let head = found.row else { return nil }
        let row: RecordRow? =
            switch version {
            case .current: head
            case .null: try null(bucket, key, head: head)
            case .stamp(let stamp): stamp == head.record.stamp ? head : try exact(bucket, key, stamp)
            }
        guard let row, row.record.kind.isVersion else { return nil }
        return (row, row.record.stamp == head.record.stamp, row.record.stamp == found.top)
    }

    /// The version with the tags that a later row gave it.
    func shown(_ row: RecordRow) throws -> RecordRow {
        guard let retag = row.retag else { return row }
        guard let change = try exact(row.record.bucket, row.record.key, retag), change.record.kind == .retag else {
            throw corrupt("versions", row.record.bucket, row.record.key)
        }
        var shown = row
        shown.record.tags = change.record.tags
        return shown
    }

    /// What is kept of the key's Paxos instance.
    func instance(_ address: RowAddress) throws -> KeptInstance? {
        instanceRow.bind(1, address.bucket.column).bind(2, address.key.bytes)
        defer { instanceRow.reset() }
        guard try instanceRow.step() else { return nil }
        do { return try SmallRows.instance(address, instanceRow.blob(0)) } catch {
            throw corrupt("instances", address.bucket, address.key)
        }
    }

    /// Before a reader is told that there is no such key: verifies the rows on both sides of where it would be.
    ///
    /// Rows carry checksums, but a key whose own bytes were damaged is not found by its name. Whoever searches takes one
    /// wrong turn at the damaged row and right ones from there on, and so ends up beside it.
    func checkMissing(_ bucket: BucketID, _ key: Key) throws {
        for statement in [rowBehind, rowBefore] {
            statement.bind(1, bucket.column).bind(2, key.bytes)
            defer { statement.reset() }
            guard try statement.step() else { continue }
            let neighbour = Key([UInt8](statement.blob(0)))
            _ = try decode(bucket, neighbour, stamp: statement.blob(1), data: statement.blob(2))
        }
    }

    /// Hands out the verified bytes of a row of `bodies`.
    func body<Value>(_ id: Int64, of record: Record, _ use: (UnsafeRawBufferPointer) throws -> Value) throws -> Value {
        bodyRow.bind(1, id)
        defer { bodyRow.reset() }
        guard try bodyRow.step() else {
            damage?.note(body: id)
            throw corrupt("bodies (row \(id) is missing)", record.bucket, record.key)
        }
        let bytes = bodyRow.blob(1)
        guard UInt64(bitPattern: bodyRow.int(0)) == Self.checksum(bytes, id: id) else {
            damage?.note(body: id)
            throw corrupt("bodies (row \(id))", record.bucket, record.key)
        }
        return try use(bytes)
    }

    func manifest(_ id: Int64, of record: Record) throws -> [PartRef] {
        try body(id, of: record) {
            do { return try SmallRows.manifest($0) } catch {
                throw corrupt("bodies (manifest \(id))", record.bucket, record.key)
            }
        }
    }

    /// A row as it travels: inline bytes come along, larger ones are named. `blob`: what is said of a blob,
    /// `.staged` for an accepted row.
    func row(_ kept: RecordRow, blob: RowBody = .absent) throws -> Row {
        let record = kept.record
        let body: RowBody =
            switch kept.lacksBytes && record.body != .parts ? .absent : record.body {
            case .empty: .empty
            case .inline: .inline(try self.body(kept.bodyID, of: record) { ByteBuffer(bytes: $0) })
            case .blob: blob
            case .parts:
                .parts(
                    try manifest(kept.bodyID, of: record).map {
                        PartName(number: $0.number, op: $0.op, size: $0.size, attributes: $0.attributes)
                    }
                )
            case .absent: .absent
            }
        return Row(record: record, body: body)
    }

    static func checksum(_ bytes: UnsafeRawBufferPointer, id: Int64) -> UInt64 {
        Checksum.of(bytes, seed: UInt64(bitPattern: id))
    }

    func decode(
        _ bucket: BucketID,
        _ key: Key,
        stamp: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer
    ) throws -> RecordRow {
        do {
            return try key.bytes.withUnsafeBytes { bytes throws(Malformed) in
                try RecordRow(bucket: bucket, key: key, keyBytes: bytes, stamp: stamp, data: data)
            }
        } catch {
            throw corrupt("versions", bucket, key)
        }
    }

    func corrupt(_ table: String, _ bucket: BucketID, _ key: Key) -> StoreError {
        .corrupt(what: "\(path): table \(table), bucket \(bucket.rawValue), key \(key.text)")
    }
}
