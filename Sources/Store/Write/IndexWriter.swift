import Synchronization

/// The committer's connection: the one place that changes the index.
///
/// A batch of mutations is one transaction. Each mutation decides by reading before it writes, so that a refusal leaves
/// nothing behind; what changes beside the rows (segment sizes, counters, buckets) is collected in `pending` and takes
/// effect when the transaction has.
final class IndexWriter {
    /// What a transaction changes beside its rows.
    struct Pending {
        var small: SmallState
        var counters: Counters
        var segments: [UInt32: SegmentRow?] = [:]
        /// Blobs that this transaction has made part of the index, or whose mutation was refused.
        var consumed: [BlobID] = []
        var madeGarbage = false
        /// Keys whose newest version may be another one now.
        var changedKeys: [(BucketID, Key)] = []
        /// Keys of small state that were written.
        var systemKeys: [Key] = []
        /// Which calls of coordinators are served.
        var fencing: Fencing
        var isFencingChanged = false
        /// Buckets whose deletion is under way.
        var closed: Set<BucketID>
        var burials: Burials
        var digest: Digest.Changes
        /// How many hints more each peer has.
        var hints: [HintPeer: Int] = [:]
        /// Who follows which bucket.
        var feeds: [UInt64: KeptFeed]
        /// How many entries of the outbox more each feed has.
        var outbox: [UInt64: Int] = [:]
        /// How much more each bucket has; what changed and came back is not mentioned.
        var usage: [BucketID: Usage] = [:]
        var nextBody: Int64
    }

    let database: Database
    let versions: VersionRows
    let rows: WriterStatements
    let staging: Staging
    let digest: Digest
    let bounds: StampBounds
    var clock: StampClock
    var nowMillis: UInt64 = 0
    /// Whether the table `nulls` has, or had since the start, any row.
    var hasNulls: Bool

    /// As committed.
    private(set) var small: SmallState
    private(set) var counters: Counters
    private(set) var segments: [UInt32: SegmentRow]
    private var nextBody: Int64
    private(set) var fencing = Fencing()
    private var closed: Set<BucketID>
    private(set) var burials: Burials
    private(set) var feeds: [UInt64: KeptFeed]
    private(set) var usage: [BucketID: Usage]
    /// How many buckets were closed since the start, committed or not: whether one was, is all that is asked.
    var closings: UInt64 = 0

    var pending: Pending

    init(_ database: Database, _ loaded: LoadedIndex, staging: Staging, digest: Digest, boot: UInt64, op: OpID) throws {
        self.database = database
        self.staging = staging
        self.digest = digest
        bounds = StampBounds(lastTime: loaded.counters.lastTime)
        versions = try VersionRows(database)
        rows = try WriterStatements(database)
        clock = StampClock(boot: boot, op: op)
        small = loaded.small
        counters = loaded.counters
        segments = loaded.segments
        hasNulls = try database.number("SELECT EXISTS(SELECT 1 FROM nulls)") > 0
        closed = loaded.closed
        burials = Burials(gone: loaded.gone, unpurged: loaded.gone)
        feeds = loaded.feeds
        usage = loaded.usage
        nextBody = try database.number("SELECT coalesce(max(id), 0) + 1 FROM bodies")
        pending = Pending(
            small: loaded.small,
            counters: loaded.counters,
            fencing: fencing,
            closed: loaded.closed,
            burials: Burials(gone: loaded.gone, unpurged: loaded.gone),
            digest: Digest.Changes(progress: digest.progress),
            feeds: feeds,
            nextBody: nextBody
        )
    }

    func begin(nowMillis: UInt64) throws {
        self.nowMillis = nowMillis
        pending = Pending(
            small: small,
            counters: counters,
            fencing: fencing,
            closed: closed,
            burials: burials,
            digest: Digest.Changes(progress: digest.progress),
            feeds: feeds,
            nextBody: nextBody
        )
        try rows.begin.run()
    }

    /// Whether anything was written since `begin`.
    var changes: Int64 { rows.changes }

    /// Writes what was collected and commits. After this returns, all of the batch is durable.
    func commit(changed: Bool) throws {
        if changed {
            for (id, row) in pending.segments {
                if let row {
                    try rows.putSegment.bind(1, Int64(id)).bind(2, SmallRows.encode(row, id: id)).run()
                } else {
                    try rows.deleteSegment.bind(1, Int64(id)).run()
                }
            }
            try writeUsage()
            pending.counters.sequence += 1
            pending.counters.segments = segmentsCount
            try rows.putCounters.bind(1, SmallRows.encode(pending.counters)).run()
        }
        try rows.commit.run()
        small = pending.small
        counters = pending.counters
        nextBody = pending.nextBody
        fencing = pending.fencing
        closed = pending.closed
        burials = pending.burials
        feeds = pending.feeds
        usage.add(pending.usage)
        digest.apply(pending.digest)
        for (id, row) in pending.segments { segments[id] = row }
    }

    /// How many segments there are once the open transaction is committed.
    private var segmentsCount: UInt64 {
        var count = segments.count
        for (id, row) in pending.segments {
            if segments[id] == nil, row != nil { count += 1 }
            if segments[id] != nil, row == nil { count -= 1 }
        }
        return UInt64(count)
    }

    func rollBack() {
        // Fails only when SQLite has rolled back by itself.
        try? rows.rollback.run()
    }

    // MARK: Segments

    func segment(_ id: UInt32) -> SegmentRow? {
        if let changed = pending.segments[id] { return changed }
        return segments[id]
    }

    func addLive(_ location: Location) {
        var row = segment(location.segment) ?? SegmentRow(size: SegmentFile.headerBytes, live: 0)
        row.size = max(row.size, location.end)
        row.live += location.frameBytes
        pending.segments[location.segment] = .some(row)
    }

    func dropLive(_ location: Location) {
        guard var row = segment(location.segment) else { return }
        row.live -= min(row.live, location.frameBytes)
        pending.segments[location.segment] = .some(row)
    }

    func removeSegment(_ id: UInt32) { pending.segments[id] = .some(nil) }

    // MARK: Bodies

    func insertBody(_ bytes: UnsafeRawBufferPointer) throws -> Int64 {
        let id = pending.nextBody
        pending.nextBody += 1
        let checksum = VersionRows.checksum(bytes, id: id)
        try rows.insertBody.bind(1, id).bind(2, Int64(bitPattern: checksum)).bind(3, bytes).run()
        return id
    }

    /// Writes the rows of a staged blob's chunks. The blob must have exactly `size` bytes.
    func adopt(_ blob: BlobID, _ locations: [Location]) throws {
        var page = 0
        var start = 0
        while start < locations.count {
            let end = min(start + Location.perPage, locations.count)
            let id = Location.extentID(blob, page: page)
            try rows.putExtent.bind(1, id).bind(2, SmallRows.encode(locations[start..<end], extent: id)).run()
            start = end
            page += 1
        }
        for location in locations { addLive(location) }
        pending.consumed.append(blob)
    }

    /// The blob that was staged while there were other holders, who went by the name of the operation.
    func blob(stagedUnder op: OpID) throws -> BlobID {
        guard let blob = staging.blob(of: op) else {
            throw StoreError.io(what: "nothing is staged here under the operation \(op)")
        }
        return blob
    }

    /// The chunks of a blob that a mutation names, judged before anything is written.
    func staged(_ blob: BlobID, size: UInt64) throws -> [Location] {
        guard let locations = staging.finished(blob), !pending.consumed.contains(blob) else {
            throw StoreError.io(what: "blob \(blob.rawValue) is not staged: never finished, given up, or used already")
        }
        let bytes = locations.reduce(UInt64(0)) { $0 + UInt64($1.length) }
        guard bytes == size else {
            throw StoreError.io(what: "blob \(blob.rawValue) has \(bytes) bytes, its record says \(size)")
        }
        return locations
    }

    func makeGarbage(_ kind: GarbageKind, _ id: Int64) throws {
        try rows.insertGarbage.bind(1, kind.rawValue).bind(2, id).run()
        pending.madeGarbage = true
    }
}

/// What the index held when the store was opened.
struct LoadedIndex {
    var storeID: UInt64
    var small: SmallState
    var counters: Counters
    var segments: [UInt32: SegmentRow]
    var closed: Set<BucketID> = []
    var gone: Set<BucketID> = []
    var hints: [HintPeer: Int] = [:]
    var feeds: [UInt64: KeptFeed] = [:]
    var outbox: [UInt64: Int] = [:]
    var usage: [BucketID: Usage] = [:]
}
