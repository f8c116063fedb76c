import NIOCore

extension IndexWriter {
    // MARK: Put

    func put(_ draft: Draft, _ condition: Precondition) throws -> Outcome {
        guard let bucket = pending.small[draft.bucket] else { return .noSuchBucket }
        try check(draft.key)
        let head = try versions.head(draft.bucket, draft.key)
        guard condition.holds(of: head?.record) else { return .preconditionFailed(current: head?.record) }

        switch draft.body {
        case .empty:
            return try write(draft, in: bucket, over: head, condition, body: .empty, bodyID: 0)
        case .inline(let buffer):
            let replaced = try replaced(in: bucket, draft.key, head)
            let id = try buffer.withUnsafeReadableBytes { try insertBody($0) }
            return try write(draft, in: bucket, over: head, condition, body: .inline, bodyID: id, replaced)
        case .blob(let blob):
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
    }

    func check(_ key: Key) throws {
        guard fits(key) else {
            throw StoreError.io(what: "a key has 1 to \(Key.bytesMax) bytes, this one \(key.bytes.count)")
        }
    }

    private func fits(_ key: Key) -> Bool { (1...Key.bytesMax).contains(key.bytes.count) }

    /// The version that a write without a version id takes the place of: the version `null`, unless versioning is on.
    func replaced(in bucket: Bucket, _ key: Key, _ head: RecordRow?) throws -> RecordRow? {
        bucket.versioning == .on ? nil : try versions.null(bucket.id, key, head: head)
    }

    private func write(
        _ draft: Draft,
        in bucket: Bucket,
        over head: RecordRow?,
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
            modifiedMillis: nowMillis
        )
        let replaced = try known ?? replaced(in: bucket, draft.key, head)
        return try place(record, bodyID, in: bucket, over: head, replacing: replaced)
    }

    /// The stamp of a new version. Only without versioning does a conditional write take the successor of its head: there
    /// the head goes away with it. Where the head stays, the successor may have been there before and been removed, and
    /// its stamp would be given out a second time.
    func stamp(after head: RecordRow?, in bucket: Bucket, _ condition: Precondition) -> Stamp {
        let asSuccessor = !condition.isNone && bucket.versioning == .off
        return clock.next(after: head?.record.stamp, asSuccessor: asSuccessor, nowMillis: nowMillis)
    }

    /// Puts a version on top of its key and takes away the one it replaces.
    func place(
        _ record: Record,
        _ bodyID: Int64,
        in bucket: Bucket,
        over head: RecordRow?,
        replacing replaced: RecordRow?
    ) throws -> Outcome {
        pending.changedKeys.append((record.bucket, record.key))
        if let replaced { try remove(replaced, versioning: bucket.versioning) }
        if !record.isNull, let head, head.record.isNull {
            // The null version is no longer the newest: from now on `nulls` says where it is.
            let row = SmallRows.encode(null: head.record.stamp.sortable, record.bucket, record.key)
            try rows.putNull.bind(1, record.bucket.column).bind(2, record.key.bytes).bind(3, row).run()
        }
        try insert(record, bodyID)
        return .done(record: record, removed: replaced?.record)
    }

    private func insert(_ record: Record, _ bodyID: Int64) throws {
        let stamp = record.stamp.sortable
        let data = RecordRow.encode(record, bodyID: bodyID, stamp: stamp)
        try rows.putVersion.bind(1, record.bucket.column).bind(2, record.key.bytes).bind(3, stamp).bind(4, data).run()
        pending.counters.versions += 1
        pending.counters.logicalBytes += Int64(record.size)
    }

    /// Takes a version out of the index and gives its bytes to the sweeper.
    private func remove(_ row: RecordRow, versioning: Versioning) throws {
        let record = row.record
        pending.changedKeys.append((record.bucket, record.key))
        try rows.deleteVersion.bind(1, record.bucket.column).bind(2, record.key.bytes).bind(3, record.stamp.sortable)
            .run()
        if record.isNull, versioning != .off {
            try rows.deleteNull.bind(1, record.bucket.column).bind(2, record.key.bytes).run()
        }
        switch record.body {
        case .empty: break
        case .inline: try rows.deleteBody.bind(1, row.bodyID).run()
        case .blob(let blob): try makeGarbage(.blob, blob.rawValue)
        case .parts: try makeGarbage(.manifest, row.bodyID)
        }
        pending.counters.versions -= 1
        pending.counters.logicalBytes -= Int64(record.size)
    }

    // MARK: Delete

    func delete(_ id: BucketID, _ key: Key, _ condition: Precondition) throws -> Outcome {
        guard let bucket = pending.small[id] else { return .noSuchBucket }
        let head = try versions.head(id, key)
        guard condition.holds(of: head?.record) else { return .preconditionFailed(current: head?.record) }
        if bucket.versioning == .off {
            guard let head else { return .done(record: nil, removed: nil) }
            try remove(head, versioning: .off)
            return .done(record: nil, removed: head.record)
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
            attributes: [],
            tags: [],
            modifiedMillis: nowMillis
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
        return .done(record: nil, removed: found.row.record)
    }

    func setTags(_ id: BucketID, _ key: Key, _ version: VersionSelector, _ tags: [UInt8]) throws -> Outcome {
        guard pending.small[id] != nil else { return .noSuchBucket }
        guard let found = try versions.select(id, key, version), found.row.record.kind == .object else {
            return version == .current ? .noSuchKey : .noSuchVersion
        }
        var record = found.row.record
        record.tags = tags
        pending.changedKeys.append((id, key))
        let stamp = record.stamp.sortable
        let data = RecordRow.encode(record, bodyID: found.row.bodyID, stamp: stamp)
        try rows.putVersion.bind(1, id.column).bind(2, key.bytes).bind(3, stamp).bind(4, data).run()
        return .done(record: record, removed: nil)
    }
}
