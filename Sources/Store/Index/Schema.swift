/// The tables of the index and the version of their format.
///
/// Rows carry their own checksum at the end of `data`: SQLite's pages have none. Numbers that sort (`bucket`, ids) are
/// columns; everything else is packed, because one column is read faster than twelve. Objects, uploads, parts and small
/// state are all rows of `versions`, told apart by the space of their bucket; `uploads` only finds an upload by its id.
enum Schema {
    /// "MESH"
    static let applicationID: Int64 = 0x4d45_5348
    static let formatVersion: Int64 = 2

    static let tables = """
        CREATE TABLE meta(name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE counters(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE versions(bucket INTEGER, key BLOB, stamp BLOB, data BLOB NOT NULL,
            PRIMARY KEY(bucket, key, stamp)) WITHOUT ROWID;
        CREATE TABLE nulls(bucket INTEGER, key BLOB, data BLOB NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
        CREATE TABLE bodies(id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, data BLOB NOT NULL);
        CREATE TABLE extents(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE segments(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE uploads(id BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE garbage(kind INTEGER, id INTEGER, PRIMARY KEY(kind, id)) WITHOUT ROWID;
        CREATE TABLE quarantine(segment INTEGER, offset INTEGER, blob INTEGER, chunk INTEGER, millis INTEGER,
            PRIMARY KEY(segment, offset)) WITHOUT ROWID;
        CREATE TABLE instances(bucket INTEGER, key BLOB, data BLOB NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
        CREATE TABLE wanted(bucket INTEGER, key BLOB, stamp BLOB, PRIMARY KEY(bucket, key, stamp)) WITHOUT ROWID;
        CREATE TABLE hints(peer BLOB, bucket INTEGER, key BLOB, stamp BLOB,
            PRIMARY KEY(peer, bucket, key, stamp)) WITHOUT ROWID;
        CREATE TABLE closed(bucket INTEGER PRIMARY KEY);
        """

    /// Tables that came later: made in a directory that has none.
    static let laterTables = """
        CREATE TABLE IF NOT EXISTS gone(bucket INTEGER PRIMARY KEY);
        CREATE TABLE IF NOT EXISTS feeds(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS outbox(feed INTEGER, key BLOB, data BLOB NOT NULL,
            PRIMARY KEY(feed, key)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS usage(bucket INTEGER PRIMARY KEY, data BLOB NOT NULL);
        """

    /// The rows of all buckets behind a place, in the order of the table.
    static let rowsBehind = """
        SELECT bucket, key, stamp, data FROM versions
        WHERE (bucket, key, stamp) > (?1, ?2, ?3) ORDER BY bucket, key, stamp LIMIT ?4
        """

    /// Refuses a format that this program cannot read, with a whole sentence.
    static func check(version: Int64, _ path: String) throws {
        guard version != formatVersion else { return }
        let start =
            "The data directory \(path) has format version \(version), this program reads version \(formatVersion)"
        let advice = version < formatVersion ? "it was made before there was a mesh of stores" : "use a newer one"
        throw StoreError.unusable(reason: "\(start): \(advice).")
    }

    /// Set on every connection. The committer's checkpoints are made by a thread of their own.
    static func prepare(_ database: Database, cacheKibibytes: Int) throws {
        try database.execute(
            """
            PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA cache_size = -\(cacheKibibytes);
            PRAGMA mmap_size = 0;
            PRAGMA temp_store = MEMORY;
            """
        )
    }
}

/// Kinds of `garbage`: bytes that no version names any more and that wait for the sweeper.
enum GarbageKind: Int64 {
    case blob = 0
    /// A manifest in `bodies`, with all the blobs that it names.
    case manifest = 1
}
