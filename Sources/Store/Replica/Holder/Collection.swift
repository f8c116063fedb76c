/// What rows must be older than before they are collected, in the time words of their stamps.
package struct CollectionCut: Sendable, Hashable {
    package let rows: UInt64
    /// Of uploads that ended: bodies of their parts may still be on their way, and have nowhere to go without the row.
    package let uploads: UInt64

    package init(rows: UInt64, uploads: UInt64) {
        self.rows = rows
        self.uploads = uploads
    }

    func isOld(_ stamp: Stamp, at address: RowAddress) -> Bool {
        stamp.t <= (address.bucket.space == .object ? rows : uploads)
    }
}

/// A tombstone or a removal that might be collected, by its place.
package struct SpentRow: Sendable, Hashable {
    package let address: RowAddress
    package let ref: RowRef

    package init(_ address: RowAddress, _ ref: RowRef) {
        self.address = address
        self.ref = ref
    }
}

/// What a holder says of a row that another one wants to collect.
package enum SpentStanding: UInt8, Sendable {
    /// There are rows that it is still needed for, or it may be that some come.
    case needed = 0
    /// It is here, and says nothing any more.
    case spent = 1
    /// It is not here, other rows of the key are.
    case missing = 2
    /// Nothing of the key is here.
    case absent = 3
}

extension IndexReader {
    /// Rows of the table that one call looks at: some ten milliseconds of a reader.
    private static let spentRowsMax = 4096

    func spent(
        _ partitions: Set<Partition>,
        _ cut: CollectionCut,
        after cursor: WalkCursor?,
        limit: Int
    ) throws -> (rows: [SpentRow], next: WalkCursor?) {
        try begin()
        let start = Digest.Place(bucket: .min, key: [], stamp: [])
        guard let from = cursor == nil ? start : cursor?.place else {
            throw StoreError.io(what: "a walk was to go on at a place that is none")
        }
        let statement = rows.rowsBehind
        statement.bind(1, from.bucket).bind(2, from.key).bind(3, from.stamp).bind(4, Int64(Self.spentRowsMax))
        defer { statement.reset() }
        var found: [SpentRow] = []
        var seen = 0
        while try statement.step() {
            seen += 1
            let address = RowAddress(BucketID(column: statement.int(0)), Key([UInt8](statement.blob(1))))
            // A row that cannot be read is mended first.
            let row = try? versions.decode(
                address.bucket,
                address.key,
                stamp: statement.blob(2),
                data: statement.blob(3)
            )
            if let row, row.record.kind == .tombstone || row.record.kind == .removal,
                cut.isOld(row.record.stamp, at: address), address.bucket.space != .system,
                partitions.contains(address.partition), try spentStanding(of: row.ref, at: address) == .spent
            {
                found.append(SpentRow(address, row.ref))
            }
            guard found.count >= limit || seen == Self.spentRowsMax else { continue }
            let place = Digest.Place(
                bucket: address.bucket.column,
                key: address.key.bytes,
                stamp: [UInt8](statement.blob(2))
            )
            return (found, WalkCursor(place))
        }
        return (found, nil)
    }

    func spentStanding(of ref: RowRef, at address: RowAddress) throws -> SpentStanding {
        try begin()
        return try versions.spentStanding(of: ref, at: address)
    }
}

extension VersionRows {
    /// A key with Paxos state keeps what it has: what is being decided may be based on the tombstone.
    func spentStanding(of ref: RowRef, at address: RowAddress) throws -> SpentStanding {
        guard address.bucket.space != .system, try instance(address) == nil else { return .needed }
        var refs: [RowRef] = []
        try each(of: address.bucket, address.key) { row in
            refs.append(row.ref)
            return true
        }
        let all = KeyRows(refs)
        guard all.rows.contains(ref) else {
            if all.isVoid(ref) { return .needed }
            return refs.isEmpty ? .absent : .missing
        }
        guard KeyRules.isSpent(ref, among: all) else { return .needed }
        if address.bucket.space == .object, try hasDecidedUpload(address) { return .needed }
        return .spent
    }

    /// An upload whose object has its stamp already: whoever finishes it writes that row, also when it was deleted since.
    private func hasDecidedUpload(_ address: RowAddress) throws -> Bool {
        var isFound = false
        try each(of: address.bucket.within(.upload), prefix: UploadKey.prefix(address.key)) { row in
            isFound = row.record.kind == .object && UploadRow(row.record)?.completion != nil
            return !isFound
        }
        return isFound
    }
}

extension IndexWriter {
    /// Forgets rows that all holders said to have, and to have as spent, in the epoch before this one. What changed
    /// since stays. The rows that went.
    func collect(_ spent: [SpentRow], epoch: UInt64) throws -> Int {
        guard pending.fencing.epoch == epoch, !pending.fencing.isSole else { return 0 }
        var count = 0
        for row in spent where row.ref.stamp.t <= pending.fencing.settled {
            guard try versions.spentStanding(of: row.ref, at: row.address) == .spent else { continue }
            try drop(row.address, row.ref.stamp)
            count += 1
        }
        return count
    }
}

/// Collection of tombstones, the store's side: which rows there are, what they are worth here, and their end.
extension ObjectStore {
    /// The next rows of some partitions that might be collected, in one pass over the table, as `walk` does it.
    package func spentRows(
        partitions: Set<Partition>,
        cut: CollectionCut,
        after: WalkCursor?,
        limit: Int
    ) async throws -> (rows: [SpentRow], next: WalkCursor?) {
        let metrics = engine.metrics
        return try await engine.readers.read(isLong: true) { reader in
            try metrics.noting { try reader.spent(partitions, cut, after: after, limit: limit) }
        }
    }

    /// What these rows are here, in order.
    package func standing(ofSpent rows: [SpentRow]) async throws -> [SpentStanding] {
        let metrics = engine.metrics
        return try await engine.readers.read(isLong: true) { reader in
            try metrics.noting { try rows.map { try reader.spentStanding(of: $0.ref, at: $0.address) } }
        }
    }

    /// Forgets them, in one transaction, if the store goes by this very epoch; how many went.
    package func collect(_ rows: [SpentRow], epoch: UInt64) async throws -> Int {
        try await run { try $0.collect(rows, epoch: epoch) }
    }

    /// Rows that are no versions: tombstones, removals, tags of versions, ended uploads.
    package var marksCount: Int { engine.published.read { Int(max(0, $0.counters.marks)) } }
}
