import Glibc
import Synchronization

/// Brings a data directory into a state to work with: makes it, or finishes and rolls back what a crash interrupted.
enum Opening {
    /// The index, made if there is none, with all that is held in memory.
    static func index(_ directory: DataDirectory) throws -> (Database, LoadedIndex) {
        let isNew = !DataDirectory.exists(directory.index)
        if isNew, try !DataDirectory.segmentFiles(in: directory.segments).ids.isEmpty {
            throw StoreError.unusable(
                reason: "The data directory \(directory.path) has segments but no index.sqlite: it was lost or moved."
            )
        }
        do {
            let database = try Database(directory.index, .create)
            try check(database, directory)
            try database.execute("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL")
            try Schema.prepare(database, cacheKibibytes: 8192)
            if try database.number("PRAGMA user_version") == 0 { try make(database, directory) }
            try database.execute(Schema.laterTables)
            let loaded = try load(database, directory)
            return (database, loaded)
        } catch let failure as SQLiteFailure {
            throw StoreError.unusable(reason: "The index cannot be opened: \(failure.what).")
        }
    }

    private static func check(_ database: Database, _ directory: DataDirectory) throws {
        let version = try database.number("PRAGMA user_version")
        let owner = try database.number("PRAGMA application_id")
        if version == 0, owner == 0, try database.number("SELECT count(*) FROM sqlite_schema") == 0 { return }
        guard owner == Schema.applicationID else {
            throw StoreError.unusable(reason: "\(directory.index) is not the index of a store.")
        }
        try Schema.check(version: version, directory.path)
    }

    private static func make(_ database: Database, _ directory: DataDirectory) throws {
        var random = SystemRandomNumberGenerator()
        let storeID = random.next()
        try database.execute("BEGIN")
        try database.execute(Schema.tables)
        var id = ByteWriter(capacity: 16)
        id.number(storeID)
        id.seal(seed: 0)
        try database.prepare("INSERT INTO meta VALUES('store', ?1)").bind(1, id.bytes).run()
        try database.prepare("INSERT INTO counters VALUES(1, ?1)").bind(1, SmallRows.encode(Counters())).run()
        try database.execute("PRAGMA application_id = \(Schema.applicationID)")
        try database.execute("PRAGMA user_version = \(Schema.formatVersion)")
        try database.execute("COMMIT")
        try DataDirectory.sync(directory: directory.path)
    }

    private static func load(_ database: Database, _ directory: DataDirectory) throws -> LoadedIndex {
        func unreadable(_ table: String) -> StoreError {
            .unusable(reason: "A row of the table \(table) in \(directory.index) does not match its checksum.")
        }
        func each(_ sql: String, _ table: String, _ body: (Statement) throws -> Void) throws {
            let statement = try database.prepare(sql)
            while try statement.step() {
                do { try body(statement) } catch is Malformed { throw unreadable(table) }
            }
        }
        var storeID: UInt64?
        try each("SELECT data FROM meta WHERE name = 'store'", "meta") {
            var row = try ByteScanner(sealed: $0.blob(0), seed: 0)
            storeID = try row.number()
        }
        guard let storeID else { throw unreadable("meta") }
        try checkOwner(storeID, directory)

        var loaded = LoadedIndex(storeID: storeID, small: SmallState(), counters: Counters(), segments: [:])
        try each("SELECT data FROM counters WHERE id = 1", "counters") {
            loaded.counters = try SmallRows.counters($0.blob(0))
        }
        let systemRows = try projectSmallState(database, &loaded.small) { unreadable("versions") }
        try each("SELECT id, data FROM segments", "segments") {
            guard let id = UInt32(exactly: $0.int(0)) else { throw Malformed() }
            loaded.segments[id] = try SmallRows.segment(id, $0.blob(1))
        }
        try each("SELECT bucket FROM closed", "closed") { loaded.closed.insert(BucketID(column: $0.int(0))) }
        try each("SELECT bucket FROM gone", "gone") { loaded.gone.insert(BucketID(column: $0.int(0))) }
        try each("SELECT peer, count(*) FROM hints GROUP BY peer", "hints") {
            loaded.hints[try HintPeer(column: $0.blob(0))] = Int($0.int(1))
        }
        try each("SELECT id, data FROM feeds", "feeds") {
            let id = UInt64(bitPattern: $0.int(0))
            loaded.feeds[id] = try SmallRows.feed(id, $0.blob(1))
        }
        try each("SELECT feed, count(*) FROM outbox GROUP BY feed", "outbox") {
            loaded.outbox[UInt64(bitPattern: $0.int(0))] = Int($0.int(1))
        }
        try checkRows(loaded, systemRows, directory)
        loaded.usage = try UsageRows.load(database, loaded.counters)
        return loaded
    }

    /// Reads the rows of small state; how many there are.
    private static func projectSmallState(
        _ database: Database,
        _ small: inout SmallState,
        unreadable: () -> StoreError
    ) throws -> Int64 {
        var count: Int64 = 0
        var done: Key?
        try VersionRows(database).each(of: .system, prefix: []) { row in
            count += 1
            let record = row.record
            // Newest first: what comes behind the current row of a key is older.
            guard record.key != done, !record.kind.isChange else { return true }
            done = record.key
            guard small.set(record.key, record.kind == .object ? record.attributes : nil) else { throw unreadable() }
            return true
        }
        return count
    }

    private static func checkRows(_ loaded: LoadedIndex, _ systemRows: Int64, _ directory: DataDirectory) throws {
        let pairs = [
            ("rows of small state", systemRows, loaded.counters.systemRows),
            ("rows of segments", Int64(loaded.segments.count), Int64(clamping: loaded.counters.segments)),
        ]
        for (what, count, promised) in pairs where count != promised {
            throw StoreError.unusable(
                reason: "The index \(directory.index) has \(count) \(what) of \(promised): it is damaged."
            )
        }
    }

    /// The file beside the index says whose directory this is: files of two stores must not be mixed.
    private static func checkOwner(_ storeID: UInt64, _ directory: DataDirectory) throws {
        let mine = String(storeID, radix: 16)
        guard let text = DataDirectory.text(of: directory.storeIDFile) else {
            return try DataDirectory.write(mine, to: directory.storeIDFile, in: directory.path)
        }
        guard text == mine else {
            throw StoreError.unusable(
                reason: "The index in \(directory.path) belongs to store \(mine), its directory to store \(text)."
            )
        }
    }

    /// Brings the segment files in line with the index: cuts what follows the last committed chunk, deletes files that
    /// no committed transaction knows. Answers the segments with room, for the lanes to go on with.
    static func segments(
        _ directory: DataDirectory,
        _ loaded: LoadedIndex,
        _ settings: StoreSettings
    ) throws -> (resumable: [(SegmentFile, UInt64)], damaged: Int) {
        var known = loaded.segments
        var resumable: [(SegmentFile, UInt64)] = []
        var damaged = 0
        for id in try DataDirectory.segmentFiles(in: directory.segments).ids {
            let path = directory.segment(id)
            guard let row = known.removeValue(forKey: id) else {
                let file = try SegmentFile.open(id, in: directory, forWriting: false)
                if let owner = file.store(), owner != loaded.storeID {
                    throw StoreError.unusable(reason: "The segment \(path) belongs to another store.")
                }
                unlink(path)
                continue
            }
            let bytes = DataDirectory.fileBytes(path) ?? 0
            if bytes < row.size { damaged += 1 }
            if bytes > row.size {
                let file = try SegmentFile.open(id, in: directory, forWriting: true)
                guard ftruncate(file.file, Int(row.size)) == 0, fsync(file.file) == 0 else {
                    throw StoreError.io(what: "cutting \(path) to \(row.size) bytes: \(errnoText(errno))")
                }
            }
            if bytes >= row.size, row.size < settings.segmentBytesMax / 2, resumable.count < 2 {
                resumable.append((try SegmentFile.open(id, in: directory, forWriting: true), row.size))
            }
        }
        try DataDirectory.sync(directory: directory.segments)
        return (resumable, damaged + known.count)
    }
}
