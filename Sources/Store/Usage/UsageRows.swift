/// The table `usage`: a row for each bucket that has anything, written by the transaction that changes what it has.
///
/// A row under no bucket's id (`gapID`) says that they were counted, and by how much the counters were beyond their sum
/// then: damaged rows are in those and not in these.
enum UsageRows {
    private static let gapID = BucketID(rawValue: 0)

    /// Reads the table, and counts the rows of `versions` when what it says does not agree with the counters: the
    /// directory is of a build that kept no such table, or one has worked on it since.
    ///
    /// Where that fails the numbers are too low until the next start: no reason not to serve.
    static func load(_ database: Database, _ counters: Counters) throws -> [BucketID: Usage] {
        var known: [BucketID: Usage] = [:]
        var isWhole = true
        let rows = try database.prepare("SELECT bucket, data FROM usage")
        while try rows.step() {
            let bucket = BucketID(column: rows.int(0))
            if let usage = try? SmallRows.usage(bucket, rows.blob(1)) {
                known[bucket] = usage
            } else {
                isWhole = false
            }
        }
        let sum = known.sum
        isWhole = isWhole && known[gapID] != nil && known.values.allSatisfy { $0.partBytes >= 0 }
        let agrees = isWhole && sum.versions == counters.versions && sum.bytes == counters.logicalBytes
        guard !agrees, let counted = try? count(database) else { return known.filter { $0.key != gapID } }
        try? write(counted, counters, database)
        return counted
    }

    private static func count(_ database: Database) throws -> [BucketID: Usage] {
        var counted: [BucketID: Usage] = [:]
        let rows = try database.prepare("SELECT bucket, key, stamp, data FROM versions")
        while try rows.step() {
            let bucket = BucketID(column: rows.int(0))
            let row = try? RecordRow(
                bucket: bucket,
                key: Key([]),
                keyBytes: rows.blob(1),
                stamp: rows.blob(2),
                data: rows.blob(3)
            )
            guard let usage = row.flatMap({ Usage($0.record, 1) }) else { continue }
            counted[bucket.within(.object), default: Usage()] += usage
        }
        return counted.filter { !$0.value.isEmpty }
    }

    private static func write(_ counted: [BucketID: Usage], _ counters: Counters, _ database: Database) throws {
        var rows = counted
        let sum = counted.sum
        rows[gapID] = Usage(versions: counters.versions - sum.versions, bytes: counters.logicalBytes - sum.bytes)
        try database.execute("BEGIN IMMEDIATE")
        do {
            try database.execute("DELETE FROM usage")
            let put = try database.prepare("INSERT INTO usage VALUES(?1, ?2)")
            for (bucket, usage) in rows {
                try put.bind(1, bucket.column).bind(2, SmallRows.encode(usage, bucket)).run()
            }
            try database.execute("COMMIT")
        } catch {
            try? database.execute("ROLLBACK")
            throw error
        }
    }

    /// The rows that are of buckets, as they are kept.
    static func isOfBucket(_ id: BucketID) -> Bool { id != gapID }
}
