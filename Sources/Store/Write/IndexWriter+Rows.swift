/// Every change of the table `versions`, and what follows from it: counts, the rows' bytes, the hot records, the index of
/// uploads, the projection of small state.
extension IndexWriter {
    /// Where the bytes of a row that goes away go.
    enum Bytes {
        /// To the sweeper.
        case dropped
        /// Another row has them now.
        case kept
    }

    func insert(_ row: RecordRow) throws {
        let record = row.record
        try write(row)
        count(record, 1)
        pending.digest.note(record, isAdded: true)
        if row.lacksBytes { try setWanted(record, true) }
        pending.counters.lastTime = max(pending.counters.lastTime, record.stamp.t)
        if record.bucket.space == .upload, record.kind == .object, let upload = Upload(record) {
            let id = upload.id.column
            let data = SmallRows.encode(upload: RowAddress(record.bucket, record.key), id: id)
            try rows.putUpload.bind(1, id).bind(2, data).run()
        }
        try enqueue(record)
        try changed(record)
    }

    /// Writes a row in place of itself: its tags or the place of its bytes are other ones.
    func rewrite(_ row: RecordRow) throws {
        try write(row)
        try changed(row.record)
    }

    /// The same when bytes came that were missing.
    func rewrite(_ row: RecordRow, lacked: Bool) throws {
        if lacked, !row.lacksBytes { try setWanted(row.record, false) }
        try rewrite(row)
    }

    /// On a witness no bytes are wanted.
    func setWanted(_ record: Record, _ isWanted: Bool) throws {
        if isWanted, !pending.fencing.keepsBytes { return }
        let before = rows.changes
        try (isWanted ? rows.putWanted : rows.deleteWanted).bind(1, record.bucket.column).bind(2, record.key.bytes)
            .bind(3, record.stamp.sortable).run()
        if rows.changes > before { pending.counters.wanted += isWanted ? 1 : -1 }
    }

    func erase(_ row: RecordRow, bytes: Bytes = .dropped) throws {
        let record = row.record
        try rows.deleteVersion.bind(1, record.bucket.column).bind(2, record.key.bytes).bind(3, record.stamp.sortable)
            .run()
        if bytes == .dropped { try drop(bytesOf: row) }
        if row.lacksBytes { try setWanted(record, false) }
        count(record, -1)
        pending.digest.note(record, isAdded: false)
        if record.bucket.space == .upload, record.kind == .object,
            let identity = UploadKey.identity(of: record.key.bytes)
        {
            try rows.deleteUpload.bind(1, identity.id.column).run()
        }
        try changed(record)
    }

    func drop(bytesOf row: RecordRow) throws {
        switch row.record.body {
        case .empty, .absent: break
        case .inline: try rows.deleteBody.bind(1, row.bodyID).run()
        case .blob(let blob): try makeGarbage(.blob, blob.rawValue)
        case .parts: try makeGarbage(.manifest, row.bodyID)
        }
    }

    /// Erases the changes of a key that the store, alone, need not keep.
    func eraseChanges(of bucket: BucketID, _ key: Key, where isVoid: (Record) -> Bool) throws {
        guard pending.counters.marks > 0 else { return }
        var void: [RecordRow] = []
        try versions.each(of: bucket, key) { row in
            if row.record.kind.isChange, isVoid(row.record) { void.append(row) }
            return true
        }
        for row in void { try erase(row) }
    }

    private func write(_ row: RecordRow) throws {
        let record = row.record
        let stamp = record.stamp.sortable
        bounds.raise(record.bucket, record.key, to: record.stamp.t)
        try rows.putVersion.bind(1, record.bucket.column).bind(2, record.key.bytes).bind(3, stamp)
            .bind(4, row.encoded(stamp: stamp)).run()
    }

    private func count(_ record: Record, _ change: Int64) {
        countUsage(record, change)
        if !record.kind.isVersion { pending.counters.marks += change }
        if record.kind.isChange, record.isNull { pending.counters.nullMarks += change }
        switch record.bucket.space {
        case .object:
            guard record.kind.isVersion else { return }
            pending.counters.versions += change
            pending.counters.logicalBytes += change * Int64(record.size)
        case .system: pending.counters.systemRows += change
        case .upload, .part: break
        }
    }

    private func changed(_ record: Record) throws {
        pending.changedKeys.append((record.bucket, record.key))
        if record.bucket.space == .system { try project(record.key) }
    }

    /// Takes over into memory what a key of small state holds now.
    private func project(_ key: Key) throws {
        let current = try versions.head(.system, key)?.version?.record
        let value = current.flatMap { $0.kind == .object ? $0.attributes : nil }
        guard pending.small.set(key, value) else { throw versions.corrupt("versions", .system, key) }
        if pending.systemKeys.last != key { pending.systemKeys.append(key) }
    }
}
