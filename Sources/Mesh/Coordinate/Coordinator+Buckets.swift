internal import Store
internal import struct Store.Record
internal import Swim

/// Buckets and registers: rows of small state, held by the voters, a copy with everyone. Every change is decided by the
/// register of its key, so that a name has one bucket and no update is lost.
extension Coordinator {
    /// Looks for a bucket that this node has not heard of with those who decide, and takes it into the own copy.
    func learnBucket(_ name: String, _ mesh: MeshSide) async throws -> Bucket? {
        let address = RowAddress(.system, BucketRow.key(of: name))
        let epoch = mesh.book.current.epoch
        guard let found = try await sight(address, .current, .record, mesh).found else { return nil }
        await absorb(found, decidedIn: epoch)
        return BucketRow(encoded: found.record.attributes)?.bucket
    }

    func createBucket(_ bucket: Bucket, _ mesh: MeshSide) async throws -> Outcome {
        let address = RowAddress(.system, BucketRow.key(of: bucket.name))
        let changed = try await changeSmall(address, mesh) { found in
            if let found { return .refuse(found) }
            return .value(BucketRow(bucket).encoded)
        }
        switch changed {
        case .done: return .done(record: nil, removed: nil)
        case .refused(let row):
            guard let known = row.flatMap({ BucketRow(encoded: $0.record.attributes) }) else {
                throw StoreError.corrupt(what: "bucket \(bucket.name): a row of an unknown form")
            }
            if known.state == .deleting, try await !reviewClosed(known.bucket.id, mesh) {
                throw CoordinatorError.bucketClosing(.none)
            }
            return .bucketExists(known.bucket)
        case .left: throw CoordinatorError.contended(.none)
        }
    }

    /// Changes a bucket that is there under its identity, and not on its way out.
    func update(
        _ id: BucketID,
        _ mesh: MeshSide,
        _ change: @escaping @Sendable (inout Bucket) -> Void
    ) async throws -> Outcome {
        guard let name = store.bucket(id)?.name else { return .noSuchBucket }
        let address = RowAddress(.system, BucketRow.key(of: name))
        let changed = try await changeSmall(address, mesh) { found in
            guard let found, var known = BucketRow(encoded: found.record.attributes), known.bucket.id == id
            else { return .leave }
            if known.state == .deleting { return .refuse(found) }
            change(&known.bucket)
            return .value(known.encoded)
        }
        switch changed {
        case .done: return .done(record: nil, removed: nil)
        case .refused: throw CoordinatorError.bucketClosing(.none)
        case .left: return .noSuchBucket
        }
    }

    func setRegister(
        _ name: String,
        _ value: [UInt8]?,
        _ expected: [UInt8]?,
        _ always: Bool,
        _ mesh: MeshSide
    ) async throws -> Outcome {
        let changed = try await changeSmall(RowAddress(.system, Key(name)), mesh) { found in
            guard always || found?.record.attributes == expected else { return .refuse(found) }
            if value == nil, found == nil { return .leave }
            return value.map { .value($0) } ?? .remove
        }
        switch changed {
        case .done, .left: return .done(record: nil, removed: nil)
        case .refused(let row): return .registerChanged(current: row?.record.attributes)
        }
    }

    // MARK: Deletion of a bucket

    /// First the register says that the bucket closes, then a majority of every partition's holders closes it, so that no
    /// write can be acknowledged any more; what is there after that is all there will ever be. If that is something the
    /// bucket opens again.
    func deleteBucket(_ id: BucketID, _ mesh: MeshSide) async throws -> Outcome {
        guard let bucket = store.bucket(id) else { return .noSuchBucket }
        let address = RowAddress(.system, BucketRow.key(of: bucket.name))
        // Most deletions of buckets that are in use end here, and disturb nobody.
        guard try await isEmpty(id, mesh) else { return .bucketNotEmpty }
        try await abortUploads(of: id)
        guard let closing = try await setClosing(true, bucket, address, after: nil, mesh) else { return .noSuchBucket }
        do {
            return try await deleteClosing(bucket, address, closing, mesh)
        } catch CoordinatorError.alone {
            // It is closing: that something was done is certain.
            throw CoordinatorError.alone.uncertain
        }
    }

    private func deleteClosing(
        _ bucket: Bucket,
        _ address: RowAddress,
        _ closing: Stamp,
        _ mesh: MeshSide
    ) async throws -> Outcome {
        let isEmpty: Bool
        do {
            isEmpty = try await isEmptyOnceClosed(bucket, mesh)
        } catch {
            await reopen(bucket, address, closing, mesh)
            throw error
        }
        guard isEmpty else {
            await reopen(bucket, address, closing, mesh)
            return .bucketNotEmpty
        }
        let removed = try await changeSmall(address, mesh) { found in
            found?.stamp == closing ? .remove : .refuse(found)
        }
        guard case .done = removed else { throw CoordinatorError.contended(.none) }
        return .done(record: nil, removed: nil)
    }

    /// The stamp of the row that says so; nil: there is no such bucket. Only over the row `after`, if one is given.
    private func setClosing(
        _ isClosing: Bool,
        _ bucket: Bucket,
        _ address: RowAddress,
        after: Stamp?,
        _ mesh: MeshSide
    ) async throws -> Stamp? {
        let changed = try await changeSmall(address, mesh) { found in
            guard let found, let known = BucketRow(encoded: found.record.attributes),
                known.bucket.id == bucket.id, after == nil || found.stamp == after
            else { return .leave }
            return .value(BucketRow(known.bucket, state: isClosing ? .deleting : .active).encoded)
        }
        if case .done(let row) = changed { return row.stamp }
        return nil
    }

    /// Closes it, and says whether it is empty. Both in one epoch: between them nobody has come who holds some of it and
    /// has not heard.
    private func isEmptyOnceClosed(_ bucket: Bucket, _ mesh: MeshSide) async throws -> Bool {
        for _ in 0..<Self.epochsMax {
            let epoch = mesh.book.current.epoch
            try await close(bucket, mesh)
            let isEmpty = try await isEmpty(bucket.id, mesh)
            if mesh.book.current.epoch == epoch { return isEmpty }
        }
        throw CoordinatorError.contended(.none)
    }

    /// Tries, each in an epoch of its own: layouts do not change faster than a bucket closes.
    private static let epochsMax = 4

    /// A call that got lost, or a link that broke, is there again in a moment: members that have not closed it are asked
    /// again after rests. Those that have stay closed meanwhile.
    private func close(_ bucket: Bucket, _ mesh: MeshSide) async throws {
        var closed: Set<NodeID> = []
        for rest in 0...Self.restsMax {
            closed.formUnion(await setClosed(bucket.id, true, mesh, besides: closed))
            let cover = cover(of: bucket.id, mesh.book.current)
            if cover.isCovered(by: Array(closed)) { return }
            guard rest < Self.restsMax else { throw cover.lost(answered: closed) }
            try await Task.sleep(for: .milliseconds(Self.restMillis << rest))
        }
    }

    /// Best effort: who meets a closed holder of a bucket that is open opens it (`reviewClosed`).
    private func reopen(_ bucket: Bucket, _ address: RowAddress, _ closing: Stamp, _ mesh: MeshSide) async {
        let opened = try? await setClosing(false, bucket, address, after: closing, mesh)
        if opened != nil { _ = await setClosed(bucket.id, false, mesh) }
    }

    /// What a majority of the voters has of a bucket; nil: this node, or they, know none of that identity.
    func registered(_ id: BucketID, _ mesh: MeshSide) async throws -> (row: Row, value: BucketRow)? {
        guard let bucket = store.bucket(id.within(.object)) else { return nil }
        let address = RowAddress(.system, BucketRow.key(of: bucket.name))
        guard let found = try await sight(address, .current, .record, mesh).found,
            let known = BucketRow(encoded: found.record.attributes), known.bucket.id == bucket.id
        else { return nil }
        return (found, known)
    }

    /// A holder said that the bucket is closed. True: it is open after all, holders were told, and the operation may be
    /// tried again; false: there is no such bucket. Throws while its deletion is under way.
    func reviewClosed(_ id: BucketID, _ mesh: MeshSide) async throws -> Bool {
        guard let (found, known) = try await registered(id, mesh) else { return false }
        let bucket = known.bucket
        let address = RowAddress(.system, BucketRow.key(of: bucket.name))
        if known.state == .deleting {
            // Whoever deletes takes seconds; after that he is gone, and the bucket stays.
            guard found.record.modifiedMillis + Self.closingMillisMax < WallClock.unixMillis else {
                throw CoordinatorError.bucketClosing(.none)
            }
            await reopen(bucket, address, found.stamp, mesh)
        } else {
            _ = await setClosed(bucket.id, false, mesh)
        }
        return true
    }

    private static let closingMillisMax: UInt64 = 60_000

    /// The members that made it durable: a majority of every partition's holders, if there is one. The others are told
    /// too, and nobody waits for them.
    /// `besides`: those that have, and need not be told again.
    private func setClosed(
        _ bucket: BucketID,
        _ isClosed: Bool,
        _ mesh: MeshSide,
        besides: Set<NodeID> = []
    ) async -> [NodeID] {
        let layout = mesh.book.current
        let cover = cover(of: bucket, layout)
        let holders = mesh.holders
        let answers: [(node: NodeID, answer: Void)] = await gather(
            Array(Set(layout.members.map(\.node)).subtracting(besides)),
            orElse: [],
            patienceMicros: 0,
            isEnough: { cover.isCovered(by: $0 + besides) }
        ) { node, done in
            holders.setClosed(node, bucket, isClosed) { done($0 ? () : nil) }
        }
        return answers.map(\.node)
    }

    private func isEmpty(_ id: BucketID, _ mesh: MeshSide) async throws -> Bool {
        try await listVersions(VersionsQuery(bucket: id, limit: 1), mesh).entries.isEmpty
    }

    private func abortUploads(of id: BucketID) async throws {
        var query = UploadsQuery(bucket: id, limit: 100)
        while true {
            let page = try await listUploads(query)
            for case .upload(let upload) in page.entries {
                _ = try await abort(upload)
                query.keyMarker = upload.key.bytes
                query.uploadMarker = upload.id
            }
            guard page.isTruncated else { return }
        }
    }

    // MARK: Rows of small state

    enum SmallVerdict: Sendable {
        case value([UInt8])
        case remove
        case refuse(Row?)
        case leave
    }

    private func changeSmall(
        _ address: RowAddress,
        _ mesh: MeshSide,
        _ verdict: @escaping @Sendable (Row?) -> SmallVerdict
    ) async throws -> Changed {
        let live = Row(record: record(.object, .system, address.key), body: .empty)
        let gone = Row(record: record(.tombstone, .system, address.key), body: .empty)
        let epoch = mesh.book.current.epoch
        let changed = try await change(address, .current, mesh) { sight in
            switch verdict(sight.found) {
            case .value(let value):
                var row = live
                row.record.attributes = value
                return .write(row)
            case .remove: return .write(gone)
            case .refuse(let row): return .refuse(row)
            case .leave: return .keep
            }
        }
        switch changed {
        case .done(let row):
            await absorb(row, decidedIn: epoch)
            await announce(row, mesh)
        case .refused(let row?): await absorb(row, decidedIn: epoch)
        case .refused(nil), .left: break
        }
        return changed
    }

    /// Takes a row that a quorum has into this node's own copy: what a client was told here holds here at once.
    private func absorb(_ row: Row, decidedIn epoch: UInt64) async {
        // Resumed exactly once: the store answers each call.
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            store.absorb(row, decidedIn: epoch) { _ in continuation.resume() }
        }
    }
}
