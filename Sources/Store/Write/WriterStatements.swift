import CSQLite

/// The statements with which the committer changes the index.
final class WriterStatements {
    let begin, commit, rollback: Statement
    let putVersion, deleteVersion, putNull, deleteNull: Statement
    let insertBody, body, deleteBody, putExtent, extent, extentsFrom, deleteExtent: Statement
    let putSegment, deleteSegment, putCounters: Statement
    let insertGarbage, deleteGarbage, garbage: Statement
    let putUpload, upload, deleteUpload: Statement
    let putInstance, deleteInstance, putWanted, deleteWanted, putClosed, deleteClosed, putGone: Statement
    let putHint, deleteHint, rowsBehind: Statement
    let putFeed, deleteFeed, putEntry, entry, deleteEntry: Statement
    let putUsage, deleteUsage: Statement
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
        putUpload = try make("INSERT OR REPLACE INTO uploads VALUES(?1, ?2)")
        upload = try make("SELECT data FROM uploads WHERE id = ?1")
        deleteUpload = try make("DELETE FROM uploads WHERE id = ?1")
        putInstance = try make("INSERT OR REPLACE INTO instances VALUES(?1, ?2, ?3)")
        deleteInstance = try make("DELETE FROM instances WHERE bucket = ?1 AND key = ?2")
        putWanted = try make("INSERT OR REPLACE INTO wanted VALUES(?1, ?2, ?3)")
        deleteWanted = try make("DELETE FROM wanted WHERE bucket = ?1 AND key = ?2 AND stamp = ?3")
        putClosed = try make("INSERT OR REPLACE INTO closed VALUES(?1)")
        deleteClosed = try make("DELETE FROM closed WHERE bucket = ?1")
        putGone = try make("INSERT OR REPLACE INTO gone VALUES(?1)")
        putHint = try make("INSERT OR IGNORE INTO hints VALUES(?1, ?2, ?3, ?4)")
        deleteHint = try make("DELETE FROM hints WHERE peer = ?1 AND bucket = ?2 AND key = ?3 AND stamp = ?4")
        putFeed = try make("INSERT OR REPLACE INTO feeds VALUES(?1, ?2)")
        deleteFeed = try make("DELETE FROM feeds WHERE id = ?1")
        putEntry = try make("INSERT OR REPLACE INTO outbox VALUES(?1, ?2, ?3)")
        entry = try make("SELECT data FROM outbox WHERE feed = ?1 AND key = ?2")
        deleteEntry = try make("DELETE FROM outbox WHERE feed = ?1 AND key = ?2")
        putUsage = try make("INSERT OR REPLACE INTO usage VALUES(?1, ?2)")
        deleteUsage = try make("DELETE FROM usage WHERE bucket = ?1")
        rowsBehind = try make(Schema.rowsBehind)
        quarantine = try make("INSERT OR IGNORE INTO quarantine VALUES(?1, ?2, ?3, ?4, ?5)")
        release = try make("DELETE FROM quarantine WHERE segment = ?1")
    }

    var changes: Int64 { sqlite3_total_changes64(handle) }
}
