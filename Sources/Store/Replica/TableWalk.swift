/// A row as a walk over the table shows it.
package struct WalkedRow: Sendable {
    package let address: RowAddress
    package let ref: RowRef
    package let size: UInt64
    /// All of its bytes are here, or it has none.
    package let hasBytes: Bool
}

/// Where a walk goes on; only the store that made it can read it.
package struct WalkCursor: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }

    init(_ place: Digest.Place) {
        var writer = ByteWriter(capacity: 40 + place.key.count)
        writer.number(place.bucket)
        writer.counted(place.key)
        writer.counted(place.stamp)
        bytes = writer.bytes
    }

    /// Nil: not such bytes.
    var place: Digest.Place? {
        try? bytes.withUnsafeBytes { bytes throws(Malformed) in
            var scanner = ByteScanner(bytes)
            let bucket = try scanner.number(Int64.self)
            let place = Digest.Place(bucket: bucket, key: try scanner.counted(), stamp: try scanner.counted())
            try scanner.end()
            return place
        }
    }
}

extension IndexReader {
    /// Rows of the table that one call looks at, wanted or not: about ten milliseconds of a reader.
    private static let walkRowsMax = 4096

    func walk(
        _ partitions: Set<Partition>,
        _ leaves: (@Sendable (Partition, Int) -> Bool)?,
        after cursor: WalkCursor?,
        limit: Int
    ) throws -> (rows: [WalkedRow], next: WalkCursor?) {
        try begin()
        let start = Digest.Place(bucket: .min, key: [], stamp: [])
        guard let from = cursor == nil ? start : cursor?.place else {
            throw StoreError.io(what: "a walk was to go on at a place that is none")
        }
        let statement = rows.rowsBehind
        statement.bind(1, from.bucket).bind(2, from.key).bind(3, from.stamp).bind(4, Int64(Self.walkRowsMax))
        defer { statement.reset() }
        var found: [WalkedRow] = []
        var seen = 0
        var address = RowAddress(BucketID(rawValue: 0), Key([]))
        var isWanted = false
        while try statement.step() {
            seen += 1
            let bucket = BucketID(column: statement.int(0))
            if address.bucket != bucket || !address.key.bytes.elementsEqual(statement.blob(1)) {
                address = RowAddress(bucket, Key([UInt8](statement.blob(1))))
                isWanted = Self.wants(address, partitions, leaves)
            }
            if isWanted {
                // A row that cannot be read is none to tell others of, and no reason to stop at.
                let row = try? versions.decode(
                    bucket,
                    address.key,
                    stamp: statement.blob(2),
                    data: statement.blob(3)
                )
                if let row {
                    found.append(
                        WalkedRow(address: address, ref: row.ref, size: row.record.size, hasBytes: !row.lacksBytes)
                    )
                }
            }
            guard found.count >= limit || seen == Self.walkRowsMax else { continue }
            let place = Digest.Place(
                bucket: bucket.column,
                key: address.key.bytes,
                stamp: [UInt8](statement.blob(2))
            )
            return (found, WalkCursor(place))
        }
        return (found, nil)
    }

    private static func wants(
        _ address: RowAddress,
        _ partitions: Set<Partition>,
        _ leaves: ((Partition, Int) -> Bool)?
    ) -> Bool {
        let hash = address.hash
        let partition = address.bucket.space == .system ? Partition.system : Partition(hash: hash)
        guard partitions.contains(partition) else { return false }
        return leaves?(partition, Int(hash >> 46 & 0xff)) ?? true
    }

    /// Instances whose predecessor is still the newest row of its key, or that are about an absent key: who takes them
    /// over knows what is settled.
    func openInstances(_ partitions: Set<Partition>) throws -> [OpenInstance] {
        try begin()
        let statement = try database.prepare("SELECT bucket, key, data FROM instances")
        var found: [OpenInstance] = []
        while try statement.step() {
            let address = RowAddress(BucketID(column: statement.int(0)), Key([UInt8](statement.blob(1))))
            guard partitions.contains(address.partition), let kept = try versions.instance(address),
                try kept.predecessor == nil || versions.top(address)?.record.stamp == kept.predecessor
            else { continue }
            found.append(
                OpenInstance(
                    address,
                    predecessor: kept.predecessor,
                    promised: kept.promised,
                    accepted: try kept.accepted.map { Proposal(ballot: $0.ballot, row: try versions.row($0.row)) }
                )
            )
        }
        return found
    }

    func hints(_ peer: HintPeer, limit: Int) throws -> [HintRow] {
        try begin()
        let statement = try database.prepare("SELECT bucket, key, stamp FROM hints WHERE peer = ?1 LIMIT ?2")
        statement.bind(1, peer.column).bind(2, Int64(limit))
        var found: [HintRow] = []
        while try statement.step() {
            guard let stamp = try? Stamp(sortable: statement.blob(2)) else { throw corrupt("hints") }
            let address = RowAddress(BucketID(column: statement.int(0)), Key([UInt8](statement.blob(1))))
            found.append(HintRow(address, stamp))
        }
        return found
    }

    /// What is here of a row that another holder told of.
    func standing(of ref: RowRef, at address: RowAddress) throws -> RowStanding {
        do { return try soundStanding(of: ref, at: address) } catch StoreError.corrupt {
            // Not settled, and not to be brought either: what is here has to be mended first.
            return .withoutBytes
        }
    }

    private func soundStanding(of ref: RowRef, at address: RowAddress) throws -> RowStanding {
        try begin()
        if let row = try versions.exact(address.bucket, address.key, ref.stamp) {
            return row.lacksBytes ? .withoutBytes : .settled
        }
        if try versions.isOfEndedUpload(address) { return .settled }
        var all: [RowRef] = []
        try versions.each(of: address.bucket, address.key) { row in
            all.append(row.ref)
            return true
        }
        guard !all.isEmpty else { return .missing }
        if case .void = KeyRules.commit(ref, among: KeyRows(all), settled: 0) { return .settled }
        return .missing
    }
}

/// What a holder has of a row that another one told of.
package enum RowStanding: UInt8, Sendable {
    /// It is here with its bytes, or a newer row makes it void.
    case settled = 0
    case withoutBytes = 1
    case missing = 2
}
