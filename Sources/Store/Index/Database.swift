import CSQLite

/// One SQLite connection, used by one thread at a time (no mutex inside).
final class Database {
    enum Access { case create, readWrite, readOnly }

    let handle: OpaquePointer
    let path: String

    init(_ path: String, _ access: Access) throws {
        var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        switch access {
        case .create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        case .readWrite: flags |= SQLITE_OPEN_READWRITE
        case .readOnly: flags |= SQLITE_OPEN_READONLY
        }
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle else {
            let text = String(cString: sqlite3_errstr(code))
            sqlite3_close_v2(handle)
            throw SQLiteFailure(code: code, what: "cannot open \(path): \(text)")
        }
        self.handle = handle
        self.path = path
        sqlite3_busy_timeout(handle, 10_000)
    }

    deinit { sqlite3_close_v2(handle) }

    func execute(_ sql: String) throws {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw failure(code, sql) }
    }

    func prepare(_ sql: String) throws -> Statement { try Statement(self, sql) }

    /// The single number that a statement like `PRAGMA user_version` answers.
    func number(_ sql: String) throws -> Int64 {
        let statement = try prepare(sql)
        return try statement.step() ? statement.int(0) : 0
    }

    func failure(_ code: Int32, _ doing: String) -> SQLiteFailure {
        SQLiteFailure(code: code, what: "\(path): \(String(cString: sqlite3_errmsg(handle))) (\(code)) in \(doing)")
    }
}

/// A result code that SQLite gave, with its extended part.
struct SQLiteFailure: Error {
    let code: Int32
    let what: String

    var isDiskFull: Bool { code & 0xff == SQLITE_FULL }
    var isCorruption: Bool { code & 0xff == SQLITE_CORRUPT || code & 0xff == SQLITE_NOTADB }

    /// What the callers of the store see.
    var storeError: StoreError {
        if isDiskFull { return .diskFull(freeBytes: 0) }
        return isCorruption ? .corrupt(what: what) : .io(what: what)
    }
}
