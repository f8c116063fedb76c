/// The tables of the index and the version of their format.
///
/// Rows carry their own checksum at the end of `data`: SQLite's pages have none. Numbers that sort (`bucket`, ids) are
/// columns; everything else is packed, because one column is read faster than twelve.
enum Schema {
    /// "MESH"
    static let applicationID: Int64 = 0x4d45_5348
    static let formatVersion: Int64 = 1

    static let tables = """
        CREATE TABLE meta(name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE counters(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE buckets(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE registers(name BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE versions(bucket INTEGER, key BLOB, stamp BLOB, data BLOB NOT NULL,
            PRIMARY KEY(bucket, key, stamp)) WITHOUT ROWID;
        CREATE TABLE nulls(bucket INTEGER, key BLOB, data BLOB NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
        CREATE TABLE bodies(id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, data BLOB NOT NULL);
        CREATE TABLE extents(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE segments(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE uploads(id BLOB PRIMARY KEY, bucket INTEGER NOT NULL, key BLOB NOT NULL,
            initiated INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
        CREATE INDEX uploads_in_order ON uploads(bucket, key, initiated, id);
        CREATE TABLE parts(upload BLOB, number INTEGER, data BLOB NOT NULL, PRIMARY KEY(upload, number)) WITHOUT ROWID;
        CREATE TABLE garbage(kind INTEGER, id INTEGER, PRIMARY KEY(kind, id)) WITHOUT ROWID;
        CREATE TABLE quarantine(segment INTEGER, offset INTEGER, blob INTEGER, chunk INTEGER, millis INTEGER,
            PRIMARY KEY(segment, offset)) WITHOUT ROWID;
        """

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
