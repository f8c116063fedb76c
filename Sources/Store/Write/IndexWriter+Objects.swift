import NIOCore

extension IndexWriter {
    // MARK: Put

    func put(_ draft: Draft, _ condition: Precondition) throws -> Outcome {
        guard let bucket = pending.small[draft.bucket] else { return .noSuchBucket }
        try check(draft.key)
        let head = try versions.head(draft.bucket, draft.key)
        let current = head?.version?.record
        guard condition.holds(of: current) else { return .preconditionFailed(current: current) }

        switch draft.body {
        case .empty:
            return try write(draft, in: bucket, over: head, condition, body: .empty, bodyID: 0)
        case .inline(let buffer):
            let replaced = try replaced(in: bucket, draft.key, head)
            let id = try buffer.withUnsafeReadableBytes { try insertBody($0) }
            return try write(draft, in: bucket, over: head, condition, body: .inline, bodyID: id, replaced)
        case .blob(let blob): return try putStaged(blob, draft, in: bucket, over: head, condition)
        case .staged(let op):
            return try putStaged(try blob(stagedUnder: op), draft, in: bucket, over: head, condition)
        }
    }

    /// Bytes that are staged become those of the version.
    private func putStaged(
        _ blob: BlobID,
        _ draft: Draft,
        in bucket: Bucket,
        over head: KeyHead?,
        _ condition: Precondition
    ) throws -> Outcome {
        let locations = try staged(blob, size: draft.size)
        let replaced = try replaced(in: bucket, draft.key, head)
        try adopt(blob, locations)
        return try write(
            draft,
            in: bucket,
            over: head,
            condition,
            body: .blob(blob),
            bodyID: blob.rawValue,
            replaced
        )
    }

    func check(_ key: Key) throws {
        guard fits(key) else {
            throw StoreError.io(what: "a key has 1 to \(Key.bytesMax) bytes, this one \(key.bytes.count)")
        }
    }

    private func fits(_ key: Key) -> Bool { (1...Key.bytesMax).contains(key.bytes.count) }

    /// The row that a write without a version id takes the place of: the version `null` (or its tombstone), unless
    /// versioning is on.
    func replaced(in bucket: Bucket, _ key: Key, _ head: KeyHead?) throws -> RecordRow? {
        bucket.versioning == .on ? nil : try versions.null(bucket.id, key, head: head?.row)
    }

    private func write(
        _ draft: Draft,
        in bucket: Bucket,
        over head: KeyHead?,
        _ condition: Precondition,
        body: Body,
        bodyID: Int64,
        _ known: RecordRow? = nil
    ) throws -> Outcome {
        let record = Record(
            bucket: draft.bucket,
            key: draft.key,
            stamp: stamp(after: head, in: bucket, condition),
            kind: .object,
            isNull: bucket.versioning != .on,
            size: draft.size,
            etag: draft.etag,
            body: body,
            attributes: draft.attributes,
            tags: draft.tags,
            modifiedMillis: nowMillis,
            op: clock.nextOp()
        )
        let replaced = try known ?? replaced(in: bucket, draft.key, head)
        return try place(record, bodyID, in: bucket, over: head, replacing: replaced)
    }

    /// The stamp of a new version. Only without versioning does a conditional write take the successor of its head: there
    /// the head goes away with it. Where the head stays, the successor may have been there before and been removed, and
    /// its stamp would be given out a second time.
    func stamp(after head: KeyHead?, in bucket: Bucket, _ condition: Precondition) -> Stamp {
        let asSuccessor = !condition.isNone && bucket.versioning == .off
        return clock.next(after: head?.top, asSuccessor: asSuccessor, nowMillis: nowMillis)
    }

    /// Puts a version on top of its key and takes away the one it replaces.
    func place(
        _ record: Record,
        _ bodyID: Int64,
        in bucket: Bucket,
        over head: KeyHead?,
        replacing replaced: RecordRow?
    ) throws -> Outcome {
        if let replaced { try remove(replaced, versioning: bucket.versioning) }
        if record.isNull {
            try eraseChanges(of: record.bucket, record.key) { $0.isNull }
        } else if let row = head?.row, row.record.isNull {
            // The null version is no longer the newest: from now on `nulls` says where it is.
            try setNull(row.record)
        }
        try insert(RecordRow(record, bodyID: bodyID))
        return .done(record: record, removed: replaced.flatMap { $0.record.kind.isVersion ? $0.record : nil })
    }

    func setNull(_ record: Record) throws {
        let row = SmallRows.encode(null: record.stamp.sortable, record.bucket, record.key)
        hasNulls = true
        try rows.putNull.bind(1, record.bucket.column).bind(2, record.key.bytes).bind(3, row).run()
    }

    func forgetNull(_ bucket: BucketID, _ key: Key) throws {
        try rows.deleteNull.bind(1, bucket.column).bind(2, key.bytes).run()
    }

    /// Takes a version out of the index and gives its bytes to the sweeper.
    private func remove(_ row: RecordRow, versioning: Versioning) throws {
        try erase(row)
        if row.record.isNull, versioning != .off { try forgetNull(row.record.bucket, row.record.key) }
    }

    // MARK: Delete

    func delete(
        _ id: BucketID,
        _ key: Key,
        _ condition: Precondition,
        _ attributes: [UInt8]
    ) throws -> Outcome {
        guard let bucket = pending.small[id] else { return .noSuchBucket }
        let head = try versions.head(id, key)
        let current = head?.version
        guard condition.holds(of: current?.record) else { return .preconditionFailed(current: current?.record) }
        if bucket.versioning == .off {
            guard let current else { return .done(record: nil, removed: nil) }
            try remove(current, versioning: .off)
            try eraseChanges(of: id, key) { $0.target == current.record.stamp }
            // Alone, nothing of the key is left that would queue it.
            try enqueueRemoval(of: current.record, attributes)
            return .done(record: nil, removed: current.record)
        }
        guard fits(key) else { return .done(record: nil, removed: nil) }
        let marker = Record(
            bucket: id,
            key: key,
            stamp: stamp(after: head, in: bucket, condition),
            kind: .deleteMarker,
            isNull: bucket.versioning == .suspended,
            size: 0,
            etag: ETag(high: 0, low: 0),
            body: .empty,
            attributes: attributes,
            tags: [],
            modifiedMillis: nowMillis,
            op: clock.nextOp()
        )
        let replaced = try replaced(in: bucket, key, head)
        return try place(marker, 0, in: bucket, over: head, replacing: replaced)
    }

    /// The condition is judged against the version that is named.
    func deleteVersion(
        _ id: BucketID,
        _ key: Key,
        _ version: VersionSelector,
        _ condition: Precondition
    ) throws -> Outcome {
        guard let bucket = pending.small[id] else { return .noSuchBucket }
        guard let found = try versions.select(id, key, version) else { return .noSuchVersion }
        guard condition.holds(of: found.row.record) else {
            return .preconditionFailed(current: found.row.record)
        }
        try remove(found.row, versioning: bucket.versioning)
        try eraseChanges(of: id, key) { $0.target == found.row.record.stamp }
        try enqueueRemoval(of: found.row.record, [])
        return .done(record: nil, removed: found.row.record)
    }

    func setTags(_ id: BucketID, _ key: Key, _ version: VersionSelector, _ tags: [UInt8]) throws -> Outcome {
        guard pending.small[id] != nil else { return .noSuchBucket }
        guard let found = try versions.select(id, key, version), found.row.record.kind == .object else {
            return version == .current ? .noSuchKey : .noSuchVersion
        }
        var shown = found.row
        shown.record.tags = tags
        if let retag = shown.retag, var change = try versions.exact(id, key, retag) {
            change.record.tags = tags
            try rewrite(change)
        } else {
            try rewrite(shown)
        }
        try enqueueRetag(of: found.row.record)
        return .done(record: shown.record, removed: nil)
    }
}
