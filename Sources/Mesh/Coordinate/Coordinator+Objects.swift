internal import NIOCore
internal import Store
internal import struct Store.Record
internal import Swim

/// Mutations of objects as rows under their key: what S3 means by them, decided with a quorum of the holders.
///
/// Where versions are not kept, a write without a condition is blind, and the last one wins. All others are changes of
/// the key's register: decided once, behind the row that the condition was judged by.
extension Coordinator {
    func put(
        _ draft: Draft,
        _ condition: Precondition,
        _ mesh: MeshSide,
        _ asked: Consistency?
    ) async throws -> Outcome {
        guard let bucket = store.bucket(draft.bucket) else { return .noSuchBucket }
        try check(draft.key)
        var record = record(.object, bucket, draft.key)
        record.size = draft.size
        record.etag = draft.etag
        record.attributes = draft.attributes
        record.tags = draft.tags
        let isBlind = condition.isNone && bucket.versioning == .off
        let body: RowBody
        switch draft.body {
        case .empty: body = .empty
        case .inline(let bytes) where !isBlind && bytes.readableBytes > store.inlineBytesMax:
            // A change may send its row twice, and holders keep what they accept in their index.
            let sink = spread(RowAddress(bucket.id, draft.key), mesh)
            try await sink.append(bytes)
            try await sink.finish()
            body = .staged
            record.op = sink.op
        case .inline(let bytes):
            body = .inline(bytes)
            record.body = .inline
        case .staged(let op):
            body = .staged
            record.op = op
        case .blob(let blob):
            // The mesh grew while the body came in: its bytes are here alone.
            store.discard(blob)
            throw CoordinatorError.quorumLost(answered: 1, of: 1, effect: .none)
        }
        let row = Row(record: record, body: body)
        guard !isBlind else {
            let written = try await write(row, mesh, asked)
            return .done(record: (written ?? row).record, removed: nil)
        }
        let changed: Changed
        do {
            changed = try await change(row.address, .current, mesh, asked) { sight in
                guard condition.holds(of: sight.found?.record) else { return .refuse(sight.found) }
                return .write(row)
            }
        } catch CoordinatorError.alone {
            // Staged here: the store takes the draft as it came.
            if case .inline = draft.body { store.unstage(row.record.op) }
            throw CoordinatorError.alone
        }
        switch changed {
        case .done(let written): return .done(record: written.record, removed: nil)
        case .refused(let current): return .preconditionFailed(current: current?.record)
        case .left: return .done(record: nil, removed: nil)
        }
    }

    func delete(
        _ id: BucketID,
        _ key: Key,
        _ condition: Precondition,
        _ attributes: [UInt8],
        _ mesh: MeshSide,
        _ asked: Consistency?
    ) async throws -> Outcome {
        guard let bucket = store.bucket(id) else { return .noSuchBucket }
        guard fits(key) else {
            return condition.holds(of: nil)
                ? .done(record: nil, removed: nil) : .preconditionFailed(current: nil)
        }
        let isVersioned = bucket.versioning != .off
        var record = record(isVersioned ? .deleteMarker : .tombstone, bucket, key)
        record.attributes = attributes
        let row = Row(record: record, body: .empty)
        guard !condition.isNone || isVersioned else {
            _ = try await write(row, mesh, asked)
            return .done(record: nil, removed: nil)
        }
        let changed = try await change(row.address, .current, mesh, asked) { sight in
            guard condition.holds(of: sight.found?.record) else { return .refuse(sight.found) }
            return isVersioned || sight.found != nil ? .write(row) : .keep
        }
        switch changed {
        case .done(let written): return .done(record: isVersioned ? written.record : nil, removed: nil)
        case .refused(let current): return .preconditionFailed(current: current?.record)
        case .left: return .done(record: nil, removed: nil)
        }
    }

    /// The condition is judged against the version that is named.
    func deleteVersion(
        _ id: BucketID,
        _ key: Key,
        _ version: VersionSelector,
        _ condition: Precondition,
        _ mesh: MeshSide
    ) async throws -> Outcome {
        guard let bucket = store.bucket(id) else { return .noSuchBucket }
        guard fits(key) else { return .noSuchVersion }
        let template = Row(record: record(.removal, bucket, key), body: .empty)
        let removed = Captured<Row>()
        let changed = try await change(template.address, version, mesh) { sight in
            guard let found = sight.found else { return .keep }
            guard condition.holds(of: found.record) else { return .refuse(found) }
            removed.set(found)
            var row = template
            row.record.target = found.stamp
            row.record.isNull = found.record.isNull
            return .write(row)
        }
        switch changed {
        case .done: return .done(record: nil, removed: removed.value?.record)
        case .refused(let found): return .preconditionFailed(current: found?.record)
        case .left: return .noSuchVersion
        }
    }

    func setTags(
        _ id: BucketID,
        _ key: Key,
        _ version: VersionSelector,
        _ tags: [UInt8],
        _ mesh: MeshSide
    ) async throws -> Outcome {
        guard let bucket = store.bucket(id) else { return .noSuchBucket }
        guard fits(key) else { return version == .current ? .noSuchKey : .noSuchVersion }
        let template = Row(record: record(.retag, bucket, key), body: .empty)
        let tagged = Captured<Row>()
        let changed = try await change(template.address, version, mesh) { sight in
            guard let found = sight.found, found.record.kind == .object else { return .keep }
            tagged.set(found)
            var row = template
            row.record.target = found.stamp
            row.record.isNull = found.record.isNull
            row.record.tags = tags
            return .write(row)
        }
        guard case .done = changed, var record = tagged.value?.record else {
            return version == .current ? .noSuchKey : .noSuchVersion
        }
        record.tags = tags
        return .done(record: record, removed: nil)
    }

    // MARK: Rows

    /// A row that is to be given its stamp.
    func record(_ kind: Record.Kind, _ bucket: Bucket, _ key: Key) -> Record {
        record(kind, bucket.id, key, isNull: bucket.versioning != .on)
    }

    func record(_ kind: Record.Kind, _ bucket: BucketID, _ key: Key, isNull: Bool = true) -> Record {
        var record = Record(
            bucket: bucket,
            key: key,
            stamp: .zero,
            kind: kind,
            isNull: isNull,
            size: 0,
            etag: ETag(high: 0, low: 0),
            body: .empty,
            attributes: [],
            tags: [],
            modifiedMillis: WallClock.unixMillis
        )
        record.op = names.op()
        return record
    }

    func fits(_ key: Key) -> Bool { (1...Key.bytesMax).contains(key.bytes.count) }

    private func check(_ key: Key) throws {
        guard fits(key) else {
            throw StoreError.io(what: "a key has 1 to \(Key.bytesMax) bytes, this one \(key.bytes.count)")
        }
    }
}
