import NIOCore

/// What is on this disk: versions of keys, their bytes, and the small state beside them.
///
/// The door of the room. Writes go through one committer and are durable when their call returns; reads use their own
/// threads and never wait for a writer. No call blocks the thread of its caller.
///
/// Cost of a small PUT: one hop to the committer, about four statements, a share of one fdatasync. Of a small GET:
/// nothing beside a lock if the key is hot, else one hop to a reader and two point reads.
package final class ObjectStore: Sendable {
    let engine: Engine

    private init(_ engine: Engine) { self.engine = engine }

    deinit { engine.stop() }

    /// Opens (or makes) a data directory: takes its lock, finishes or rolls back what a crash interrupted.
    ///
    /// Blocks; called once, at start. Throws `StoreError.unusable` with a whole sentence.
    package static func open(_ directory: String, settings: StoreSettings) throws -> ObjectStore {
        try open(directory, settings: settings, calls: .system)
    }

    static func open(_ directory: String, settings: StoreSettings, calls: DiskCalls) throws -> ObjectStore {
        do {
            return ObjectStore(try Engine(directory, settings, calls))
        } catch let failure as SQLiteFailure {
            throw failure.storeError
        }
    }

    /// Finishes what is queued, checkpoints the index, frees the lock. Later calls throw `.closed`.
    package func close() async {
        let engine = engine
        // Resumed exactly once: by the thread, or here if none can be had.
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            do {
                _ = try StoreThread("store-close") {
                    engine.stop()
                    continuation.resume()
                }
            } catch {
                engine.stop()
                continuation.resume()
            }
        }
    }

    // MARK: Writing

    /// Applies one mutation. Durable (fdatasync) when this returns an outcome. Throws `.overloaded` when this store is
    /// one holder of several (`adopt`) and so cannot decide alone.
    package func commit(_ mutation: Mutation) async throws -> Outcome {
        if engine.isClosed { throw StoreError.closed }
        // Resumed exactly once: the committer answers each mutation, taken in or refused.
        return try await withUnsafeThrowingContinuation { engine.committer.submit(.mutation(mutation, $0)) }
    }

    /// Starts a stream of bytes of any length. Nothing is visible until a mutation names the finished blob; a stream
    /// that is dropped leaves only dead bytes, which compaction takes.
    package func makeBlob() throws -> BlobWriter { try makeBlob(nil, isClients: true) }

    func makeBlob(_ op: OpID?, isClients: Bool) throws -> BlobWriter {
        if engine.isClosed { throw StoreError.closed }
        try engine.condition.admit(growing: true, isClients: isClients)
        let id = try engine.blobs.next()
        let lane = engine.lanes[Int(id.rawValue) % engine.lanes.count]
        return BlobWriter(id, lane: lane, staging: engine.staging, op: op)
    }

    /// Gives up a finished blob that no mutation will name. Without this call it is given up after a while.
    package func discard(_ blob: BlobID) { engine.staging.remove(blob) }

    // MARK: Reading

    /// One version of a key; nil if there is none. Delete markers are returned as such. With `body`, a small body comes
    /// along.
    package func find(_ bucket: BucketID, _ key: Key, _ version: VersionSelector, body: Bool) async throws -> Found? {
        let metrics = engine.metrics
        let hot = engine.hot
        if version == .current, !engine.isClosed, let found = hot.find(bucket, key, body: body) {
            return found
        }
        let ticket = hot.ticket(bucket, key)
        return try await engine.readers.read { reader in
            try metrics.noting {
                // A batch is taken when all its jobs have their tickets, so this look is newer than the ticket.
                try reader.begin()
                guard let (kept, isCurrent, isTop) = try reader.versions.select(bucket, key, version) else {
                    try reader.versions.checkMissing(bucket, key)
                    return nil
                }
                let row = try reader.versions.shown(kept)
                var bytes: ByteBuffer?
                if body, row.record.body == .inline {
                    bytes = try reader.versions.body(row.bodyID, of: row.record) { ByteBuffer(bytes: $0) }
                }
                let found = Found(record: row.record, inlineBody: bytes, isCurrent: isCurrent)
                if isTop { hot.keep(found, ticket) }
                return found
            }
        }
    }

    /// A version and a reader for its bytes in one look, so that nothing can come between.
    package func open(
        _ bucket: BucketID,
        _ key: Key,
        _ version: VersionSelector
    ) async throws -> (found: Found, body: BodyReader)? {
        let opening = engine.opening
        return try await engine.readers.read { reader in
            try opening.chunks.metrics.noting {
                try reader.begin()
                guard let (kept, isCurrent, _) = try reader.versions.select(bucket, key, version) else {
                    try reader.versions.checkMissing(bucket, key)
                    return nil
                }
                let row = try reader.versions.shown(kept)
                let found = Found(record: row.record, inlineBody: nil, isCurrent: isCurrent)
                return (found, try opening.open(row, reader))
            }
        }
    }

    /// A reader for the bytes of a version. It stays valid while it lives, whatever happens to the version. Throws
    /// `.gone` if the version was removed since `record` was read.
    package func openBody(of record: Record) async throws -> BodyReader {
        let opening = engine.opening
        return try await engine.readers.read { reader in
            try opening.chunks.metrics.noting {
                try reader.begin()
                guard let row = try reader.versions.exact(record.bucket, record.key, record.stamp) else {
                    throw StoreError.gone
                }
                return try opening.open(row, reader)
            }
        }
    }

    /// The parts of a completed multipart object (`record.body == .parts`), in order. Throws `.gone` if the version was
    /// removed since `record` was read.
    package func manifest(of record: Record) async throws -> [PartRef] {
        guard record.body == .parts else { return [] }
        let metrics = engine.metrics
        return try await engine.readers.read { reader in
            try metrics.noting {
                try reader.begin()
                guard let row = try reader.versions.exact(record.bucket, record.key, record.stamp) else {
                    throw StoreError.gone
                }
                return try reader.versions.manifest(row.bodyID, of: record)
            }
        }
    }

    /// One page of a bucket's current objects (delete markers left out), in the order of key bytes.
    package func list(_ query: ListQuery) async throws -> ListPage {
        let metrics = engine.metrics
        return try await engine.readers.read(isLong: true) { reader in try metrics.noting { try reader.list(query) } }
    }

    /// One page of a bucket's versions: by key, newest first, delete markers included.
    package func listVersions(_ query: VersionsQuery) async throws -> VersionsPage {
        let metrics = engine.metrics
        return try await engine.readers.read(isLong: true) { reader in
            try metrics.noting { try reader.listVersions(query) }
        }
    }

    package func upload(_ id: UploadID) async throws -> Upload? {
        let metrics = engine.metrics
        return try await engine.readers.read { reader in try metrics.noting { try reader.upload(id) } }
    }

    /// Parts of an upload with a number above `after`, by number; at most `limit`.
    package func parts(of upload: UploadID, after: UInt16, limit: Int) async throws -> [Part] {
        let metrics = engine.metrics
        return try await engine.readers.read { reader in
            try metrics.noting { try reader.parts(upload, after: after, limit: limit) }
        }
    }

    /// One page of a bucket's unfinished uploads, by key, then by time of initiation.
    package func listUploads(_ query: UploadsQuery) async throws -> UploadsPage {
        let metrics = engine.metrics
        return try await engine.readers.read(isLong: true) { reader in
            try metrics.noting { try reader.listUploads(query) }
        }
    }

    // MARK: Small state, held in memory

    package func bucket(named name: String) -> Bucket? { engine.published.read { $0.small.bucket(named: name) } }

    package func bucket(_ id: BucketID) -> Bucket? { engine.published.read { $0.small[id] } }

    /// All buckets, by name.
    package func buckets() -> [Bucket] {
        engine.published.read { Array($0.small.byID.values) }.sorted { $0.name < $1.name }
    }

    package func register(_ name: String) -> [UInt8]? { engine.published.read { $0.small.registers[name] } }

    /// Registers whose name begins with `prefix`, by name.
    package func registers(prefix: String) -> [(name: String, value: [UInt8])] {
        let all = engine.published.read { $0.small.registers }
        return all.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }.map {
            (name: $0.key, value: $0.value)
        }
    }

    // MARK: Examining

    /// Reads and verifies all that is here, beside the running store. Takes as long as reading the disk once; ends
    /// early with `.closed` when the store closes. One at a time: others are told `.overloaded`.
    package func examine() async throws -> DoctorReport {
        let engine = engine
        if engine.isClosed { throw StoreError.closed }
        guard engine.beginExamination() else { throw StoreError.overloaded }
        defer { engine.endExamination() }
        // Resumed exactly once: by the thread, or here if none can be had.
        return try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<DoctorReport, any Error>) in
            do {
                _ = try StoreThread("store-doctor") {
                    continuation.resume(
                        with: Result {
                            do {
                                return try Doctor.examine(engine) { engine.isClosed }
                            } catch let failure as SQLiteFailure {
                                throw failure.storeError
                            }
                        }
                    )
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Numbers for metrics and status: a consistent copy.
    package func statistics() -> StoreStatistics { engine.statistics() }
}
