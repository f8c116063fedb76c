import CSQLite

/// The statements with which the committer changes the index.
final class WriterStatements {
    let begin, commit, rollback: Statement
    let putVersion, deleteVersion, putNull, deleteNull: Statement
    let insertBody, body, deleteBody, putExtent, extent, extentsFrom, deleteExtent: Statement
    let putSegment, deleteSegment, putCounters: Statement
    let insertGarbage, deleteGarbage, garbage: Statement
    let putBucket, deleteBucket, anyVersion: Statement
    let putRegister, deleteRegister: Statement
    let insertUpload, upload, deleteUpload, uploadsOfBucket: Statement
    let putPart, part, parts, deleteParts: Statement
    let quarantine, release: Statement
    private let handle: OpaquePointer

    init(_ database: Database) throws {
        func make(_ sql: String) throws -> Statement { try database.prepare(sql) }
        handle = database.handle
        // Immediate: a connection that reads the log's header while a commit rewrites it takes the writer's lock for a
        // moment. Asked for inside a transaction that has read already, SQLite answers "locked" at once; asked for here,
        // it waits.
        begin = try make("BEGIN IMMEDIATE")
        commit = try make("COMMIT")
        rollback = try make("ROLLBACK")
        putVersion = try make("INSERT OR REPLACE INTO versions VALUES(?1, ?2, ?3, ?4)")
        deleteVersion = try make("DELETE FROM versions WHERE bucket = ?1 AND key = ?2 AND stamp = ?3")
        putNull = try make("INSERT OR REPLACE INTO nulls VALUES(?1, ?2, ?3)")
        deleteNull = try make("DELETE FROM nulls WHERE bucket = ?1 AND key = ?2")
        insertBody = try make("INSERT INTO bodies VALUES(?1, ?2, ?3)")
        body = try make("SELECT data FROM bodies WHERE id = ?1")
        deleteBody = try make("DELETE FROM bodies WHERE id = ?1")
        putExtent = try make("INSERT OR REPLACE INTO extents VALUES(?1, ?2)")
        extent = try make("SELECT data FROM extents WHERE id = ?1")
        extentsFrom = try make("SELECT id, data FROM extents WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3")
        deleteExtent = try make("DELETE FROM extents WHERE id = ?1")
        putSegment = try make("INSERT OR REPLACE INTO segments VALUES(?1, ?2)")
        deleteSegment = try make("DELETE FROM segments WHERE id = ?1")
        putCounters = try make("INSERT OR REPLACE INTO counters VALUES(1, ?1)")
        insertGarbage = try make("INSERT OR IGNORE INTO garbage VALUES(?1, ?2)")
        deleteGarbage = try make("DELETE FROM garbage WHERE kind = ?1 AND id = ?2")
        garbage = try make("SELECT kind, id FROM garbage WHERE (kind, id) > (?1, ?2) ORDER BY kind, id LIMIT ?3")
        putBucket = try make("INSERT OR REPLACE INTO buckets VALUES(?1, ?2)")
        deleteBucket = try make("DELETE FROM buckets WHERE id = ?1")
        anyVersion = try make("SELECT 1 FROM versions WHERE bucket = ?1 LIMIT 1")
        putRegister = try make("INSERT OR REPLACE INTO registers VALUES(?1, ?2)")
        deleteRegister = try make("DELETE FROM registers WHERE name = ?1")
        insertUpload = try make("INSERT INTO uploads VALUES(?1, ?2, ?3, ?4, ?5)")
        upload = try make("SELECT data FROM uploads WHERE id = ?1")
        deleteUpload = try make("DELETE FROM uploads WHERE id = ?1")
        uploadsOfBucket = try make("SELECT id FROM uploads WHERE bucket = ?1")
        putPart = try make("INSERT OR REPLACE INTO parts VALUES(?1, ?2, ?3)")
        part = try make("SELECT data FROM parts WHERE upload = ?1 AND number = ?2")
        parts = try make("SELECT number, data FROM parts WHERE upload = ?1 ORDER BY number")
        deleteParts = try make("DELETE FROM parts WHERE upload = ?1")
        quarantine = try make("INSERT OR IGNORE INTO quarantine VALUES(?1, ?2, ?3, ?4, ?5)")
        release = try make("DELETE FROM quarantine WHERE segment = ?1")
    }

    var changes: Int64 { sqlite3_total_changes64(handle) }
}
