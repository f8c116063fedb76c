/// Reads rows of `versions`, verified. The committer and the readers each have one for their connection.
final class VersionRows {
    private let headRow: Statement
    private let exactRow: Statement
    private let nullRow: Statement
    private let bodyRow: Statement
    private let rowBehind: Statement
    private let rowBefore: Statement
    private let path: String

    init(_ database: Database) throws {
        path = database.path
        headRow = try database.prepare(
            "SELECT stamp, data FROM versions WHERE bucket = ?1 AND key = ?2 ORDER BY stamp LIMIT 1"
        )
        exactRow = try database.prepare("SELECT data FROM versions WHERE bucket = ?1 AND key = ?2 AND stamp = ?3")
        nullRow = try database.prepare("SELECT data FROM nulls WHERE bucket = ?1 AND key = ?2")
        rowBehind = try database.prepare(
            "SELECT key, stamp, data FROM versions WHERE bucket = ?1 AND key > ?2 ORDER BY key, stamp LIMIT 1"
        )
        rowBefore = try database.prepare(
            "SELECT key, stamp, data FROM versions WHERE bucket = ?1 AND key < ?2 ORDER BY key DESC, stamp DESC LIMIT 1"
        )
        bodyRow = try database.prepare("SELECT checksum, data FROM bodies WHERE id = ?1")
    }

    /// The newest version of a key, delete markers included.
    func head(_ bucket: BucketID, _ key: Key) throws -> RecordRow? {
        headRow.bind(1, bucket.column).bind(2, key.bytes)
        defer { headRow.reset() }
        guard try headRow.step() else { return nil }
        return try decode(bucket, key, stamp: headRow.blob(0), data: headRow.blob(1))
    }

    func exact(_ bucket: BucketID, _ key: Key, _ stamp: Stamp) throws -> RecordRow? {
        let sortable = stamp.sortable
        exactRow.bind(1, bucket.column).bind(2, key.bytes).bind(3, sortable)
        defer { exactRow.reset() }
        guard try exactRow.step() else { return nil }
        return try sortable.withUnsafeBytes { try decode(bucket, key, stamp: $0, data: exactRow.blob(0)) }
    }

    /// The version `null`: the newest one, or the one that `nulls` names.
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

    func select(_ bucket: BucketID, _ key: Key, _ version: VersionSelector) throws -> (row: RecordRow, isCurrent: Bool)?
    {
        guard let head = try head(bucket, key) else { return nil }
        let row: RecordRow? =
            switch version {
            case .current: head
            case .null: try null(bucket, key, head: head)
            case .stamp(let stamp): stamp == head.record.stamp ? head : try exact(bucket, key, stamp)
            }
        return row.map { ($0, $0.record.stamp == head.record.stamp) }
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
        guard try bodyRow.step() else { throw corrupt("bodies (row \(id) is missing)", record.bucket, record.key) }
        let bytes = bodyRow.blob(1)
        guard UInt64(bitPattern: bodyRow.int(0)) == Self.checksum(bytes, id: id) else {
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
