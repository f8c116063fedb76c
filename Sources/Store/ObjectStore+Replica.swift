/// The door through which coordinators, on this node and on others, use this store as one holder of several.
extension ObjectStore {
    /// The identity of this data directory, random.
    package var storeID: UInt64 { engine.storeID }

    /// The highest time in any stamp that was ever written here.
    package var lastTime: UInt64 { get async { engine.published.read { $0.counters.lastTime } } }

    /// One holder's answer to a call. `done` runs once, on a store thread or here, and must not block.
    ///
    /// What a commit, a promise or an acceptance answers is on the disk before it is answered.
    package func answer(_ call: ReplicaCall, _ done: @escaping @Sendable (ReplicaReply) -> Void) {
        if engine.isClosed { return done(.refused(.closed)) }
        switch call.request {
        case .commit, .prepare, .accept: engine.committer.submit(.call(call, done))
        case .look(let address, let selector, let depth): look(call.epoch, address, selector, depth, done)
        case .newest(let address, let time):
            if let refusal = refusal(call.epoch, address.partition) { return done(.refused(refusal)) }
            guard engine.bounds.bound(address.bucket, address.key) >= time else {
                return done(.view(KeyView(chain: [], found: nil)))
            }
            look(call.epoch, address, .current, .stamps, done)
        case .fetch(let address, let stamps):
            if let refusal = refusal(call.epoch, address.partition) { return done(.refused(refusal)) }
            reply(done) { .rows(try $0.fetch(address, stamps)) }
        case .scan(let query):
            let refusal = engine.fencing.read { $0.refusal(call.epoch, of: query.bucket) }
            if let refusal { return done(.refused(refusal)) }
            reply(isLong: true, done) { reader in
                let page = try reader.scan(query)
                return query.digestSeed.map { .digested(PageDigest(page, seed: $0)) } ?? .scanned(page)
            }
        }
    }

    private func look(
        _ epoch: UInt64,
        _ address: RowAddress,
        _ selector: VersionSelector,
        _ depth: LookDepth,
        _ done: @escaping @Sendable (ReplicaReply) -> Void
    ) {
        if let refusal = refusal(epoch, address.partition) { return done(.refused(refusal)) }
        guard selector == .current else { return reply(done) { .view(try $0.look(address, selector, depth).view) } }
        let hot = engine.hot
        // What lies with an upload changes with the rows of its parts.
        let isInRow = depth != .body || address.bucket.space != .upload
        if isInRow, let found = hot.find(address.bucket, address.key, body: depth == .body) {
            return done(.view(KeyView(found, depth)))
        }
        let ticket = hot.ticket(address.bucket, address.key)
        reply(done) { reader in
            let (view, newest) = try reader.look(address, .current, depth)
            if let newest { hot.keep(newest, ticket) }
            return .view(view)
        }
    }

    private func refusal(_ epoch: UInt64, _ partition: Partition) -> Refusal? {
        engine.fencing.read { $0.refusal(epoch, partition) }
    }

    private func reply(
        isLong: Bool = false,
        _ done: @escaping @Sendable (ReplicaReply) -> Void,
        _ body: @escaping @Sendable (IndexReader) throws -> ReplicaReply
    ) {
        let metrics = engine.metrics
        engine.readers.submit(isLong: isLong) { reader in
            let result = Result { try metrics.noting { try body(try reader.get()) } }
            switch result {
            case .success(let reply): done(reply)
            case .failure(let error): done(.refused(Refusal(error)))
            }
        }
    }

    /// Takes rows that other holders have, in one transaction, and answers each, in order. Nil: refused, because the
    /// sender goes by an epoch that is over, or failed.
    package func merge(_ rows: [Row], epoch: UInt64, _ done: @escaping @Sendable ([Stored]?) -> Void) {
        run({ try $0.merge(rows, epoch: epoch) }) { done((try? $0.get()) ?? nil) }
    }

    /// Takes a row of small state that a quorum decided in that epoch or later, whatever layout this store goes by; false:
    /// not, because the store was left alone since.
    package func absorb(_ row: Row, decidedIn epoch: UInt64, _ done: @escaping @Sendable (Bool) -> Void) {
        run({ try $0.absorb(row, decidedIn: epoch) }) { done(((try? $0.get()) ?? nil) != nil) }
    }

    /// Goes by a layout: takes effect behind all writes that were queued before, durable with the layout's own row.
    ///
    /// `fences`: for each of `Partition.all` the epoch in which its holders last changed; `holds`: whether this node is
    /// one of them. Until the first call every request is refused. An epoch below the present one changes nothing.
    /// `keepsBytes`: false on a witness, whose rows are rows alone.
    package func adopt(
        epoch: UInt64,
        settled: UInt64,
        fences: [UInt64],
        holds: [Bool],
        isSole: Bool,
        keepsBytes: Bool = true
    ) async throws {
        let next = Fencing(
            epoch: epoch,
            settled: settled,
            fences: fences,
            holds: holds,
            isSole: isSole,
            keepsBytes: keepsBytes
        )
        try await run { try $0.adopt(next) }
    }

    /// Begins or ends the deletion of buckets: as long as they are closed, no coordinator writes to them. Those that are
    /// gone for good stay so. Durable.
    package func setClosed(_ buckets: [BucketID], _ isClosed: Bool) async throws {
        try await run { writer in for bucket in buckets { try writer.setClosed(bucket, isClosed) } }
    }

    /// How many buckets were closed since the store was opened.
    package func closings() async throws -> UInt64 { try await run { $0.closings } }

    /// Ends the deletion of a bucket, unless some bucket was closed since there were `closings`. Whether it is open now.
    /// Durable.
    package func open(_ bucket: BucketID, after closings: UInt64) async throws -> Bool {
        try await run { writer in
            guard writer.closings == closings else { return false }
            try writer.setClosed(bucket, false)
            return true
        }
    }

    /// Calls `observer` with the names of committed rows of small state, on the committer's thread, once they are
    /// durable and can be read. It must not block.
    package func onSystemChange(_ observer: @escaping @Sendable ([Key]) -> Void) { engine.observers.add(observer) }

    // MARK: Bytes

    /// Starts a stream of bytes for the row that the operation will write; `finish` makes them durable and known under
    /// it. Without a row they are given up after a day. `isRepair`: the row is here already or is owed, and the limit of
    /// bytes that clients are held to does not keep its bytes away.
    package func stage(_ op: OpID, isRepair: Bool = false) throws -> BlobWriter {
        try makeBlob(op, isClients: !isRepair)
    }

    /// Bodies above this do not belong in the index: one of a single chunk that comes with its row is staged on its way.
    package var inlineBytesMax: Int { engine.settings.inlineBytesMax }

    package func isStaged(_ op: OpID) -> Bool { engine.staging.blob(of: op) != nil }

    package func unstage(_ op: OpID) {
        if let blob = engine.staging.blob(of: op) { engine.staging.remove(blob) }
    }

    /// The bytes that a row lacks are staged now: one operation for each of its parts, or one.
    package func supply(_ address: RowAddress, _ stamp: Stamp, ops: [OpID]) async throws {
        try await run { _ = try $0.supply(address, stamp, ops: ops) }
    }

    /// A row as it was written, its small body included.
    package func row(_ address: RowAddress, _ stamp: Stamp) async throws -> Row? {
        let metrics = engine.metrics
        return try await engine.readers.read { reader in
            try metrics.noting { try reader.fetch(address, [stamp]).first }
        }
    }

    /// A reader for the bytes of a row; nil: there is no such row, or its bytes are not all here.
    package func openBody(_ address: RowAddress, _ stamp: Stamp) async throws -> BodyReader? {
        let opening = engine.opening
        return try await engine.readers.read { reader in
            try opening.chunks.metrics.noting {
                try reader.begin()
                guard let row = try reader.versions.exact(address.bucket, address.key, stamp), !row.lacksBytes,
                    row.record.body != .absent
                else { return nil }
                return try opening.open(row, reader)
            }
        }
    }

    /// Rows whose bytes this node should have and has not, behind an address; all those of the last address.
    package func wanted(after: RowAddress?, limit: Int) async throws -> [(RowAddress, Stamp)] {
        try await engine.readers.read(isLong: true) { try $0.wanted(after: after, limit: limit) }
    }

    package var wantedCount: Int { engine.published.read { Int(max(0, $0.counters.wanted)) } }

    // MARK: The committer's thread

    /// Runs a job between the writes and answers when it is durable.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (IndexWriter) throws -> Value,
        _ done: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        let value = Box<Value>()
        engine.committer.submit(
            .upkeep({ value.set(try body($0)) }) { result in
                done(result.flatMap { value.get().map { .success($0) } ?? .failure(StoreError.closed) })
            }
        )
    }

    @discardableResult
    func run<Value: Sendable>(_ body: @escaping @Sendable (IndexWriter) throws -> Value) async throws -> Value {
        if engine.isClosed { throw StoreError.closed }
        // Resumed exactly once: the committer answers each job, taken in or refused.
        return try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Value, any Error>) in
            run(body) { continuation.resume(with: $0) }
        }
    }
}

extension KeyView {
    /// Of a key whose newest row is its current version.
    fileprivate init(_ found: Found, _ depth: LookDepth) {
        let record = found.record
        let ref = RowRef(stamp: record.stamp, op: record.op, kind: record.kind, isNull: record.isNull)
        self.init(chain: [ref], found: nil)
        guard depth != .stamps else { return }
        var row = Row(record: record, body: record.body == .empty ? .empty : .absent)
        if depth == .body, let bytes = found.inlineBody { row.body = .inline(bytes) }
        self.found = row
    }
}
