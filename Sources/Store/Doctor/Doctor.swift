import Glibc

/// Examines a data directory: is every row whole, does every version have its bytes, do the bytes match.
///
/// It changes nothing. The index is looked at in one read transaction, so that a running store shows one moment; chunks
/// are read after that, a page of locations at a time, because a transaction of hours would keep the log from ending.
/// Memory: one bit per body and blob, one number per segment.
package final class Doctor {
    let database: Database
    let versions: VersionRows
    /// The directory of the segment files.
    let segmentsPath: String
    let path: String
    let storeID: UInt64
    /// Segments that are being written, and so have no row yet.
    let isInUse: (UInt32) -> Bool
    /// A running store has uncommitted bytes behind the last chunk of a segment; one at rest has none.
    let isOnline: Bool
    let isStopping: () -> Bool

    var report = DoctorReport()
    /// Blobs and bodies that something names.
    var blobs = IDSet()
    var bodies = IDSet()
    /// Bytes of located chunks per segment, recounted.
    var live: [UInt32: UInt64] = [:]
    var segmentRows: [UInt32: SegmentRow] = [:]
    var buckets: [BucketID: Bucket] = [:]
    /// Rows of small state, tombstones and changes, and the bytes of unfinished uploads: recounted.
    var systemRows: Int64 = 0
    var marks: Int64 = 0
    var usage: [BucketID: Usage] = [:]
    var instances: Int64 = 0
    var wanted: Int64 = 0
    /// Rows that lack bytes, of which the table wanted says nothing.
    var unwanted: [String] = []
    var partBytes: UInt64 = 0
    /// Buckets that are gone and have rows of writes that failed.
    var leftoverBuckets = 0
    /// Blobs with damaged chunks, and what is wrong with them, until their keys are known.
    var damaged: [BlobID: [String]] = [:]

    init(
        _ database: Database,
        path: String,
        storeID: UInt64,
        isOnline: Bool,
        isInUse: @escaping (UInt32) -> Bool,
        isStopping: @escaping () -> Bool
    ) throws {
        self.database = database
        self.path = path
        self.storeID = storeID
        self.isOnline = isOnline
        self.isInUse = isInUse
        self.isStopping = isStopping
        segmentsPath = path + "/segments"
        versions = try VersionRows(database)
    }

    /// Examines a directory that no store has open. Blocks, for as long as it takes to read all of it.
    ///
    /// Throws `StoreError.unusable` with a whole sentence when there is no store, another process has it, or its format
    /// is newer; everything else is a finding.
    package static func examine(_ path: String) throws -> DoctorReport {
        let index = path + "/index.sqlite"
        guard DataDirectory.exists(index) else {
            throw StoreError.unusable(reason: "There is no store in \(path): index.sqlite is missing.")
        }
        let directory = try DataDirectory(path)
        defer { directory.unlock() }
        do {
            let database = try Database(index, .readOnly)
            try Schema.prepare(database, cacheKibibytes: 8192)
            let owner = try database.number("PRAGMA application_id")
            let version = try database.number("PRAGMA user_version")
            guard owner == Schema.applicationID else {
                throw StoreError.unusable(reason: "\(index) is not the index of a store.")
            }
            try Schema.check(version: version, path)
            guard let storeID = try Self.storeID(database) else {
                var report = DoctorReport()
                report.add(.error, "The row of the table meta in \(index) that names the store is damaged or missing.")
                return report
            }
            let doctor = try Doctor(
                database,
                path: path,
                storeID: storeID,
                isOnline: false,
                isInUse: { _ in false },
                isStopping: { false }
            )
            return try doctor.examine()
        } catch let failure as SQLiteFailure {
            var report = DoctorReport()
            report.add(.error, "The index cannot be read: \(failure.what).")
            return report
        }
    }

    /// Examines a running store on a connection of its own. Blocks.
    static func examine(_ engine: Engine, isStopping: @escaping () -> Bool) throws -> DoctorReport {
        let database = try Database(engine.directory.index, .readOnly)
        try Schema.prepare(database, cacheKibibytes: 8192)
        guard let storeID = try storeID(database) else {
            throw StoreError.corrupt(what: "\(engine.directory.index): table meta")
        }
        let doctor = try Doctor(
            database,
            path: engine.directory.path,
            storeID: storeID,
            isOnline: true,
            isInUse: { engine.active.contains($0) || engine.staging.hasChunks(in: $0) },
            isStopping: isStopping
        )
        return try doctor.examine()
    }

    private static func storeID(_ database: Database) throws -> UInt64? {
        let row = try database.prepare("SELECT data FROM meta WHERE name = 'store'")
        guard try row.step(), var bytes = try? ByteScanner(sealed: row.blob(0), seed: 0) else { return nil }
        return try? bytes.number(UInt64.self)
    }

    private func examine() throws -> DoctorReport {
        try examineDirectory()
        try database.execute("BEGIN")
        try examineIndex()
        try database.execute("COMMIT")
        try examineChunks()
        try examineSegments()
        try nameDamaged()
        report.sort()
        return report
    }

    private func examineDirectory() throws {
        let mine = String(storeID, radix: 16)
        guard let text = DataDirectory.text(of: path + "/store-id") else {
            return report.add(.warning, "The file \(path)/store-id is missing; the next start makes it anew.")
        }
        if text != mine {
            report.add(.error, "The index in \(path) belongs to store \(mine), its directory to store \(text).")
        }
    }

    func checkStop() throws { if isStopping() { throw StoreError.closed } }

    private func name(_ bucket: BucketID) -> String { buckets[bucket]?.name ?? "with id \(bucket.rawValue)" }

    /// "bucket photos, key a/b"
    func name(_ bucket: BucketID, _ key: Key) -> String {
        let owner = bucket.within(.object)
        switch bucket.space {
        case .object: return "bucket \(name(bucket)), key \(key.text)"
        case .upload: return "unfinished upload of bucket \(name(owner)), key \(Self.objectKey(key))"
        case .part: return "part of an unfinished upload of bucket \(name(owner)), key \(Self.objectKey(key))"
        case .system: return "small state, row \(key.text)"
        }
    }

    private static func objectKey(_ key: Key) -> String { Key(UploadKey.objectKey(of: key.bytes)).text }
}
