/// What repair asks of this store beside the door of coordinators: comparisons, walks, hints, and what to forget.
extension ObjectStore {
    // MARK: Comparing

    /// The sums of all partitions, that of small state last; nil until the rows were counted after a start.
    package func digestRoots() -> [DigestSum]? { engine.digest.roots() }

    /// The 256 sums of one partition.
    package func digestLeaves(_ partition: Partition) -> [DigestSum]? { engine.digest.leaves(of: partition) }

    /// The next rows of some partitions (and leaves of them) in one pass over the table, which goes on at `next` until
    /// that is nil. A call may come back with few rows or none: it looks at a bounded number, and its caller sets the
    /// pace.
    package func walk(
        partitions: Set<Partition>,
        leaves: (@Sendable (Partition, Int) -> Bool)?,
        after: WalkCursor?,
        limit: Int
    ) async throws -> (rows: [WalkedRow], next: WalkCursor?) {
        let metrics = engine.metrics
        return try await engine.readers.read(isLong: true) { reader in
            try metrics.noting { try reader.walk(partitions, leaves, after: after, limit: limit) }
        }
    }

    /// What is here of rows that another holder told of, in order.
    package func standing(of rows: [(address: RowAddress, ref: RowRef)]) async throws -> [RowStanding] {
        let metrics = engine.metrics
        // A witness has all that it is to have when it has the row.
        let keepsBytes = engine.fencing.read { $0.keepsBytes }
        let burials = engine.published.read { $0.burials }
        return try await engine.readers.read(isLong: true) { reader in
            try metrics.noting {
                try rows.map { row in
                    // Nobody needs anything of a bucket that is gone.
                    if burials.isGone(row.address.bucket) { return .settled }
                    let standing = try reader.standing(of: row.ref, at: row.address)
                    return standing == .withoutBytes && !keepsBytes ? .settled : standing
                }
            }
        }
    }

    // MARK: Moving

    /// The Paxos state of keys that are not decided yet, for a holder that takes a partition over: after its rows.
    package func openInstances(partitions: Set<Partition>) async throws -> [OpenInstance] {
        let metrics = engine.metrics
        return try await engine.readers.read(isLong: true) { reader in
            try metrics.noting { try reader.openInstances(partitions) }
        }
    }

    /// Keeps, of each key, the highest promise and the highest accepted proposal of its own and these. False: the epoch
    /// in which they were read is over.
    @discardableResult
    package func merge(instances: [OpenInstance], epoch: UInt64) async throws -> Bool {
        try await run { writer in
            guard epoch >= writer.pending.fencing.epoch else { return false }
            for instance in instances { try writer.merge(instance) }
            return true
        }
    }

    /// Forgets rows of partitions that this node has no place in any more.
    package func drop(_ rows: [(RowAddress, Stamp)]) async throws {
        try await run { writer in for (address, stamp) in rows { try writer.drop(address, stamp) } }
    }

    // MARK: Hints

    /// Notes that a peer has missed a row: durable with the next write, or within a second or two. At most a million for
    /// each peer are kept; what comes then is left to the comparison of partitions.
    package func addHint(_ peer: HintPeer, _ address: RowAddress, _ stamp: Stamp) {
        if SeededBug.hintDropped.isOn { return }
        engine.hints.add(HintBook.Hint(peer: peer, row: HintRow(address, stamp)))
    }

    /// The bytes of a part are not wanted any more if an object here became of it. Whether it is so.
    package func waiveBytes(_ address: RowAddress, _ stamp: Stamp) async throws -> Bool {
        try await run { try $0.waive(address, stamp) }
    }

    package func hints(_ peer: HintPeer, limit: Int) async throws -> [HintRow] {
        try await engine.readers.read { try $0.hints(peer, limit: limit) }
    }

    package func removeHints(_ peer: HintPeer, _ hints: [HintRow]) async throws {
        try await run { try $0.removeHints(peer, hints) }
    }

    /// How many hints each peer has on this disk.
    package func hintCounts() -> [HintPeer: Int] { engine.hints.counts() }
}
