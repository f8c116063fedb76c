/// The table `usage`: a row for each bucket that has anything, written by the transaction that changes what it has.
enum UsageRows {
    /// Reads the table, and counts the versions when their sum is another one than that of the counters: the directory
    /// is of a build that kept no such table, or one has worked on it since.
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
        let wanted = Usage(versions: counters.versions, bytes: counters.logicalBytes)
        guard !isWhole || known.sum != wanted else { return known }
        let counted = try count(database)
        try database.execute("BEGIN IMMEDIATE; DELETE FROM usage")
        let put = try database.prepare("INSERT INTO usage VALUES(?1, ?2)")
        for (bucket, usage) in counted {
            try put.bind(1, bucket.column).bind(2, SmallRows.encode(usage, bucket)).run()
        }
        try database.execute("COMMIT")
        return counted
    }

    /// Rows that are damaged count for nothing here: repair brings them again, or the doctor names them.
    private static func count(_ database: Database) throws -> [BucketID: Usage] {
        var counted: [BucketID: Usage] = [:]
        let rows = try database.prepare("SELECT bucket, key, stamp, data FROM versions")
        while try rows.step() {
            let bucket = BucketID(column: rows.int(0))
            guard bucket.space == .object else { continue }
            let key = rows.blob(1)
            let row = try? RecordRow(
                bucket: bucket,
                key: Key([]),
                keyBytes: key,
                stamp: rows.blob(2),
                data: rows.blob(3)
            )
            guard let record = row?.record, record.kind.isVersion else { continue }
            counted[bucket, default: Usage()] += Usage(versions: 1, bytes: Int64(clamping: record.size))
        }
        return counted
    }
}

extension SmallRows {
    static func encode(_ usage: Usage, _ bucket: BucketID) -> [UInt8] {
        var row = ByteWriter(capacity: 24)
        row.number(usage.versions)
        row.number(usage.bytes)
        row.seal(seed: seed(.usage, bucket.rawValue))
        return row.bytes
    }

    static func usage(_ bucket: BucketID, _ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Usage {
        var row = try ByteScanner(sealed: bytes, seed: seed(.usage, bucket.rawValue))
        let usage = Usage(versions: try row.number(), bytes: try row.number())
        try row.end()
        return usage
    }
}

extension IndexWriter {
    /// Notes that a bucket has one version more, or one less.
    func countUsage(_ record: Record, _ change: Int64) {
        pending.usage[record.bucket, default: Usage()] +=
            Usage(versions: change, bytes: change * Int64(clamping: record.size))
    }

    /// Writes what the open transaction changed.
    func writeUsage() throws {
        for (bucket, change) in pending.usage where !change.isEmpty {
            var total = usage[bucket] ?? Usage()
            total += change
            if total.isEmpty {
                try rows.deleteUsage.bind(1, bucket.column).run()
            } else {
                try rows.putUsage.bind(1, bucket.column).bind(2, SmallRows.encode(total, bucket)).run()
            }
        }
    }
}
