/// A connection that only reads, for one thread. The read transaction begins with the first look at the index and ends
/// with the batch.
final class IndexReader {
    let database: Database
    let versions: VersionRows
    let rows: ReaderStatements
    private var isInside = false

    init(_ path: String, cacheKibibytes: Int) throws {
        database = try Database(path, .readWrite)
        try Schema.prepare(database, cacheKibibytes: cacheKibibytes)
        try database.execute("PRAGMA query_only = 1")
        versions = try VersionRows(database)
        rows = try ReaderStatements(database)
    }

    func begin() throws {
        guard !isInside else { return }
        try rows.begin.run()
        isInside = true
    }

    func endTransaction() {
        guard isInside else { return }
        isInside = false
        // A read transaction has nothing to lose.
        try? rows.commit.run()
    }

    /// A fresh look: what was committed since the batch began is seen too.
    func refresh() throws {
        endTransaction()
        try begin()
    }

    /// One page of a blob's locations; nil if there is none.
    func locations(_ blob: BlobID, page: Int) throws -> [Location]? {
        let id = Location.extentID(blob, page: page)
        rows.extent.bind(1, id)
        defer { rows.extent.reset() }
        guard try rows.extent.step() else { return nil }
        do { return try SmallRows.extent(id, rows.extent.blob(0)) } catch {
            throw StoreError.corrupt(what: "\(database.path): table extents, blob \(blob.rawValue), page \(page)")
        }
    }
}

final class ReaderStatements {
    let begin, commit, extent, extentsFrom: Statement
    let versionsFrom, upload, rowsBehind, counters: Statement

    init(_ database: Database) throws {
        func make(_ sql: String) throws -> Statement { try database.prepare(sql) }
        begin = try make("BEGIN")
        commit = try make("COMMIT")
        extent = try make("SELECT data FROM extents WHERE id = ?1")
        extentsFrom = try make("SELECT id, data FROM extents WHERE id >= ?1 ORDER BY id LIMIT ?2")
        versionsFrom = try make(
            """
            SELECT key, stamp, data FROM versions
            WHERE bucket = ?1 AND (key, stamp) >= (?2, ?3) ORDER BY key, stamp
            """
        )
        counters = try make("SELECT data FROM counters WHERE id = 1")
        rowsBehind = try make(Schema.rowsBehind)
        upload = try make("SELECT data FROM uploads WHERE id = ?1")
    }
}
