/// The index, table by table, in one read transaction: every row's checksum, and whether what names and what is named
/// agree.
extension Doctor {
    func examineIndex() throws {
        try guarded("the whole file") { try examineIntegrity() }
        try guarded("meta") { try examineScrub() }
        try guarded("small state") { try examineSmallState() }
        try guarded("segments") { try examineSegmentRows() }
        try guarded("versions") { try examineVersions() }
        try guarded("instances") { try examineInstances() }
        try guarded("nulls") { try examineNulls() }
        try guarded("garbage") { try examineGarbage() }
        try guarded("bodies") { try examineBodies() }
        try guarded("extents") { try examineExtents() }
        try guarded("quarantine") { try examineQuarantine() }
        try guarded("counters") { try examineCounters() }
    }

    /// A table that SQLite itself cannot read to its end is one finding, and the others are still looked at.
    private func guarded(_ table: String, _ body: () throws -> Void) throws {
        try checkStop()
        do { try body() } catch let failure as SQLiteFailure {
            report.add(.error, "The index cannot be read (\(table)): \(failure.what).")
        }
    }

    /// Hands out the rows of a statement; `isStopping` is looked at now and then.
    func each(_ sql: String, _ body: (Statement) throws -> Void) throws {
        let statement = try database.prepare(sql)
        var count = 0
        while try statement.step() {
            count += 1
            if count % 1024 == 0 { try checkStop() }
            try body(statement)
        }
    }

    private func examineIntegrity() throws {
        try each("PRAGMA integrity_check(100)") { row in
            let text = String(decoding: row.blob(0), as: UTF8.self)
            if text != "ok" { report.add(.error, "SQLite finds the index damaged: \(text).") }
        }
    }

    private func examineScrub() throws {
        let row = try database.prepare("SELECT data FROM meta WHERE name = 'scrub'")
        if try row.step(), (try? Scrubber.Place(row.blob(0))) == nil {
            report.add(
                .warning,
                "The row of the table meta that says how far the scrub came is damaged; it begins anew."
            )
        }
    }

    /// The names of buckets, for the sentences about their objects.
    private func examineSmallState() throws {
        try each("SELECT key, stamp, data FROM versions WHERE bucket = \(BucketID.system.column)") { row in
            let found = try? RecordRow(bucket: .system, keyBytes: row.blob(0), stamp: row.blob(1), data: row.blob(2))
            // A damaged row is reported with its table.
            guard let record = found?.record, record.kind == .object, record.key.text.hasPrefix(BucketRow.prefix) else {
                return
            }
            guard let bucket = BucketRow(encoded: record.attributes)?.bucket else {
                return report.add(.error, "The row \(record.key.text) of small state holds no bucket.")
            }
            if buckets[bucket.id] == nil { buckets[bucket.id] = bucket }
        }
    }

    private func examineSegmentRows() throws {
        try each("SELECT id, data FROM segments") { row in
            guard let id = UInt32(exactly: row.int(0)), let segment = try? SmallRows.segment(id, row.blob(1)) else {
                return report.add(.error, "The row \(row.int(0)) in the table segments is damaged.")
            }
            segmentRows[id] = segment
        }
    }

    private func examineNulls() throws {
        try each("SELECT bucket, key, data FROM nulls") { row in
            let bucket = BucketID(column: row.int(0))
            let key = Key([UInt8](row.blob(1)))
            guard let bytes = try? SmallRows.null(bucket, key, row.blob(2)),
                let stamp = try? bytes.withUnsafeBytes({ bytes throws(Malformed) in try Stamp(sortable: bytes) })
            else { return report.add(.error, "The row of \(name(bucket, key)) in the table nulls is damaged.") }
            do {
                let named = try versions.exact(bucket, key, stamp)
                guard let named, named.record.isNull else {
                    return report.add(
                        .error,
                        "The table nulls names a version of \(name(bucket, key)) that is not there or is not the "
                            + "version null."
                    )
                }
            } catch is StoreError {
                // The version itself is damaged, and was reported.
            }
        }
    }

    private func examineGarbage() throws {
        var manifests: [Int64] = []
        try each("SELECT kind, id FROM garbage") { row in
            let id = row.int(1)
            switch GarbageKind(rawValue: row.int(0)) {
            case .blob:
                if !blobs.insert(id) {
                    report.add(.error, "The table garbage holds blob \(id), which a version or a part still names.")
                }
            case .manifest:
                if bodies.insert(id) {
                    manifests.append(id)
                } else {
                    report.add(.error, "The table garbage holds manifest \(id), which a version still names.")
                }
            case nil:
                report.add(.error, "The table garbage has a row of the unknown kind \(row.int(0)).")
            }
        }
        for id in manifests { try claimGarbage(manifest: id) }
    }

    /// The blobs of a removed manifest are named by it until the sweeper has dissolved it.
    private func claimGarbage(manifest id: Int64) throws {
        let row = try database.prepare("SELECT data FROM bodies WHERE id = ?1").bind(1, id)
        guard try row.step(), let parts = try? SmallRows.manifest(row.blob(0)) else { return }
        for part in parts where part.blob != IndexWriter.noBlob && !blobs.insert(part.blob.rawValue) {
            report.add(.error, "The removed manifest \(id) names blob \(part.blob.rawValue), which is in use.")
        }
    }

    private func examineBodies() throws {
        try each("SELECT id, checksum, data FROM bodies") { row in
            let id = row.int(0)
            report.bodies += 1
            let isNamed = bodies.contains(id)
            if !isNamed { report.add(.warning, "Row \(id) in the table bodies is named by nothing.") }
            // What a version names was verified with it, and is reported with its key.
            if !isNamed, UInt64(bitPattern: row.int(1)) != VersionRows.checksum(row.blob(2), id: id) {
                report.add(.warning, "Row \(id) in the table bodies is damaged.")
            }
        }
    }

    private func examineExtents() throws {
        var lastOrphan: Int64?
        try each("SELECT id, data FROM extents") { row in
            let id = row.int(0)
            let blob = id >> 16
            let isNamed = blobs.contains(blob)
            if !isNamed, lastOrphan != blob {
                lastOrphan = blob
                report.add(.warning, "Blob \(blob) in the table extents is named by nothing.")
            }
            guard let locations = try? SmallRows.extent(id, row.blob(1)) else {
                return damage(BlobID(rawValue: blob), "row \(id) in the table extents is damaged")
            }
            for location in locations {
                live[location.segment, default: 0] += location.frameBytes
                guard let segment = segmentRows[location.segment] else {
                    damage(BlobID(rawValue: blob), "a chunk is in segment \(location.segment), which is not known")
                    continue
                }
                if location.end > segment.size {
                    damage(
                        BlobID(rawValue: blob),
                        "a chunk at \(location.offset) of segment \(location.segment) is beyond its end"
                    )
                }
            }
        }
    }

    private func examineQuarantine() throws {
        try each("SELECT segment, offset, blob, chunk FROM quarantine") { row in
            report.add(
                .warning,
                "Chunk \(row.int(3)) of blob \(row.int(2)), at \(row.int(1)) of segment \(row.int(0)), was found damaged "
                    + "before and is in quarantine."
            )
        }
    }

    /// A directory of an older build has no such table, or one that is behind: the next start counts anew.
    private func examineUsage() throws {
        guard try database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'usage'") > 0 else { return }
        var left = usage.filter { !$0.value.isEmpty }
        try each("SELECT bucket, data FROM usage") { row in
            let bucket = BucketID(column: row.int(0))
            guard UsageRows.isOfBucket(bucket) else { return }
            let counted = left.removeValue(forKey: bucket) ?? Usage()
            guard let known = try? SmallRows.usage(bucket, row.blob(1)) else {
                return report.add(.warning, "The row of bucket \(bucket.rawValue) in the table usage is damaged.")
            }
            if known != counted {
                report.add(
                    .warning,
                    "The table usage counts \(known.versions) versions and \(known.bytes + known.partBytes) bytes of "
                        + "bucket \(bucket.rawValue), there are \(counted.versions) and "
                        + "\(counted.bytes + counted.partBytes)."
                )
            }
        }
        for (bucket, counted) in left {
            report.add(
                .warning,
                "The table usage has nothing of bucket \(bucket.rawValue), there are \(counted.versions) versions."
            )
        }
    }

    private func examineCounters() throws {
        let row = try database.prepare("SELECT data FROM counters WHERE id = 1")
        guard try row.step(), let counters = try? SmallRows.counters(row.blob(0)) else {
            return report.add(.error, "The row of the table counters is damaged or missing.")
        }
        if counters.versions != Int64(clamping: report.versions) {
            report.add(
                .warning,
                "The table counters counts \(counters.versions) versions, there are \(report.versions)."
            )
        }
        if counters.logicalBytes != Int64(clamping: report.logicalBytes) {
            report.add(
                .warning,
                "The table counters counts \(counters.logicalBytes) bytes of objects, there are \(report.logicalBytes)."
            )
        }
        try examineUsage()
        if counters.systemRows != systemRows {
            report.add(
                .error,
                "The table counters counts \(counters.systemRows) rows of small state, there are \(systemRows)."
            )
        }
        let rowsWanted = try database.number("SELECT count(*) FROM wanted")
        if !unwanted.isEmpty, rowsWanted == 0 {
            wanted -= Int64(unwanted.count)
            report.add(.note, "\(unwanted.count) rows are here without their bytes, and want none: as on a witness.")
        } else {
            for place in unwanted {
                report.add(.error, "A version of \(place) lacks bytes, and the table wanted does not say so.")
            }
        }
        if counters.wanted != wanted || rowsWanted != wanted {
            report.add(
                .warning,
                "\(wanted) rows lack bytes, the table wanted has \(rowsWanted), the counters say \(counters.wanted)."
            )
        }
        if counters.instances != instances {
            report.add(
                .warning,
                "The table counters counts \(counters.instances) undecided changes, there are \(instances)."
            )
        }
        if counters.marks != marks {
            report.add(
                .warning,
                "The table counters counts \(counters.marks) tombstones and changes, there are \(marks)."
            )
        }
        for (id, segment) in segmentRows.sorted(by: { $0.key < $1.key }) {
            let counted = live[id] ?? 0
            if segment.live != counted {
                report.add(
                    .warning,
                    "The table segments counts \(segment.live) live bytes in segment \(id), there are \(counted)."
                )
            }
            report.deadBytes += segment.size - min(segment.size, counted + SegmentFile.headerBytes)
        }
        if report.deadBytes > 0 {
            report.add(
                .note,
                "\(report.deadBytes) bytes in segments belong to nothing any more; compaction takes them."
            )
        }
    }
}
