/// What a store remembers of its places in the layout that it went by last: which of its rows are those of a holder,
/// and which are only old.
///
/// A store that comes back into a partition after others held it alone has rows that may have been removed there without
/// a trace: by a node that was alone for a while, with a bucket that is gone. They would come back with it. So it forgets
/// what it has of such partitions, before it takes up the layout that gives them to it, and is filled anew (the mutant
/// `noWipe` of the design). As long as a store is among those who hold a partition already it forgets nothing there.
package struct Tenure: Sendable, Hashable {
    /// Which admission of which lineage; another number is another life.
    package let membership: UInt64
    package let epoch: UInt64
    /// For each of `Partition.all`, whether the store had a place.
    package let holds: [Bool]

    package init(membership: UInt64, epoch: UInt64, holds: [Bool]) {
        self.membership = membership
        self.epoch = epoch
        self.holds = holds
    }

    /// The partitions of a next layout in which what is here is old.
    /// - Parameters:
    ///   - known: what the store remembers; nil: nothing.
    ///   - fences: for each partition the epoch in which its holders last changed.
    ///   - isCurrent: for each partition, whether the store is among those who hold it already, not only among those who
    ///     are to.
    package static func stale(_ known: Tenure?, next: Tenure, fences: [UInt64], isCurrent: [Bool]) -> [Partition] {
        (0..<Partition.count).filter { index in
            guard !isCurrent[index] else { return false }
            // Another life: whatever is here is of the one before, and not this one's to give away either.
            if let known, known.membership != next.membership { return true }
            guard next.holds[index] else { return false }
            guard let known, known.holds[index] else { return true }
            // Without a break: no layout was missed, or nothing changed here in those that were.
            return next.epoch > known.epoch + 1 && fences[index] > known.epoch
        }.map { Partition(number: UInt16($0)) }
    }

    private static let seed: UInt64 = 2

    var encoded: [UInt8] {
        var row = ByteWriter(capacity: 32 + holds.count)
        row.number(membership)
        row.number(epoch)
        row.counted(holds.map { $0 ? 1 : 0 })
        row.seal(seed: Self.seed)
        return row.bytes
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
        var row = try ByteScanner(sealed: bytes, seed: Self.seed)
        membership = try row.number()
        epoch = try row.number()
        holds = try row.counted().map { $0 != 0 }
        try row.end()
        guard holds.count == Partition.all else { throw Malformed() }
    }
}

/// The place of a store in a layout that it is to take up.
package struct TenurePlace: Sendable {
    package let membership: UInt64
    package let isCurrent: [Bool]
    /// Whether the store is to hold a key that it does not hold yet. It may have been one of more holders before, and
    /// remember promises and acceptances that those who held the key since know nothing of.
    package let isEntering: @Sendable (RowAddress) -> Bool

    package init(
        membership: UInt64,
        isCurrent: [Bool],
        isEntering: @escaping @Sendable (RowAddress) -> Bool = { _ in false }
    ) {
        self.membership = membership
        self.isCurrent = isCurrent
        self.isEntering = isEntering
    }
}

extension IndexWriter {
    /// What the store remembers; a row that cannot be read is none: then it forgets more than it has to.
    func tenure() throws -> Tenure? {
        let row = try database.prepare("SELECT data FROM meta WHERE name = 'tenure'")
        return try row.step() ? try? Tenure(row.blob(0)) : nil
    }

    func keep(_ tenure: Tenure) throws {
        try database.prepare("INSERT OR REPLACE INTO meta VALUES('tenure', ?1)").bind(1, tenure.encoded).run()
    }

    /// Forgets rows of these partitions behind a place, and looks at so many at most; where to go on, nil at the end.
    func forget(_ partitions: Set<Partition>, after place: Digest.Place?, limit: Int) throws -> Digest.Place? {
        let from = place ?? Digest.Place(bucket: .min, key: [], stamp: [])
        let statement = rows.rowsBehind
        statement.bind(1, from.bucket).bind(2, from.key).bind(3, from.stamp).bind(4, Int64(limit))
        var old: [RecordRow] = []
        var last = from
        var seen = 0
        do {
            defer { statement.reset() }
            while try statement.step() {
                seen += 1
                last = Digest.Place(
                    bucket: statement.int(0),
                    key: [UInt8](statement.blob(1)),
                    stamp: [UInt8](statement.blob(2))
                )
                let address = RowAddress(BucketID(column: last.bucket), Key(last.key))
                guard address.bucket.space != .system, partitions.contains(address.partition) else { continue }
                old.append(
                    try versions.decode(
                        address.bucket,
                        address.key,
                        stamp: statement.blob(2),
                        data: statement.blob(3)
                    )
                )
            }
        }
        for row in old {
            try erase(row)
            if row.record.isNull, !row.record.kind.isChange, hasNulls {
                try forgetNull(row.record.bucket, row.record.key)
            }
        }
        return seen < limit ? nil : last
    }

    func forgetInstances(_ isOld: (RowAddress) -> Bool) throws {
        guard pending.counters.instances > 0 else { return }
        var all: [(RowAddress, KeptInstance)] = []
        let statement = try database.prepare("SELECT bucket, key FROM instances")
        while try statement.step() {
            let address = RowAddress(BucketID(column: statement.int(0)), Key([UInt8](statement.blob(1))))
            if isOld(address), let kept = try versions.instance(address) { all.append((address, kept)) }
        }
        for (address, kept) in all { try forget(kept, address, takenOver: false) }
    }
}

extension ObjectStore {
    /// Rows that one transaction looks at while old ones are forgotten: some milliseconds.
    private static let forgetAtOnce = 2048

    /// The same as `adopt` for a store that may come back into partitions: what it has of those is forgotten first, in
    /// small steps, while it still goes by the layout before.
    package func adopt(
        epoch: UInt64,
        settled: UInt64,
        fences: [UInt64],
        holds: [Bool],
        isSole: Bool,
        place: TenurePlace,
        keepsBytes: Bool = true
    ) async throws {
        let next = Tenure(membership: place.membership, epoch: epoch, holds: holds)
        let known = try await run { try $0.tenure() }
        guard epoch >= known?.epoch ?? 0 || known?.membership != place.membership else { return }
        let stale = Set(Tenure.stale(known, next: next, fences: fences, isCurrent: place.isCurrent))
        if !stale.isEmpty {
            var from: Digest.Place?
            repeat {
                let at = from
                from = try await run { try $0.forget(stale, after: at, limit: Self.forgetAtOnce) }
            } while from != nil
            try await run { try $0.forgetInstances { stale.contains($0.partition) && $0.bucket.space != .system } }
        }
        // Once for each layout: what is promised behind its fence stays.
        if let known, known.epoch < epoch {
            try await run { try $0.forgetInstances { $0.bucket.space != .system && place.isEntering($0) } }
        }
        let fencing = Fencing(
            epoch: epoch,
            settled: settled,
            fences: fences,
            holds: holds,
            isSole: isSole,
            keepsBytes: keepsBytes
        )
        try await run { writer in
            try writer.adopt(fencing)
            if known != next { try writer.keep(next) }
        }
    }
}
