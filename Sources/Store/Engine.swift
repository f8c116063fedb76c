import Synchronization

/// All the threads and tables behind the door, put together once.
final class Engine: Sendable {
    let settings: StoreSettings
    let directory: DataDirectory
    let condition: Condition
    let metrics = Metrics()
    let staging = Staging()
    let pins = Pins()
    let active = ActiveSegments()
    let hot = HotRecords()
    let segments: SegmentTable
    let published: PublishedState
    let lanes: [Lane]
    let committer: Committer
    let readers: ReaderPool
    let checkpointer: Checkpointer
    let housekeeper: Housekeeper
    let chunks: ChunkSource
    let opening: BodyOpening
    private let blobIDs: Mutex<BlobIDs>
    private let isStopped = Mutex(false)
    private let isExamined = Mutex(false)

    /// Blob ids are given out from a range that is reserved durably ahead of use, so that none is given out twice.
    private struct BlobIDs {
        var next: Int64
        let end: Int64
    }

    /// Reserved at each start: more than a run can use (a blob costs at least 50 µs, this many an hour and a half at
    /// full speed on one core), and 131,072 starts fit into the 48 bits of an id.
    private static let blobsPerStart: Int64 = 1 << 30

    private static let lanesCount = 2

    init(_ path: String, _ settings: StoreSettings, _ calls: DiskCalls) throws {
        var settings = settings
        settings.segmentBytesMax = min(max(settings.segmentBytesMax, 1 << 20), 1 << 31)
        self.settings = settings
        directory = try DataDirectory(path)
        condition = Condition(path, settings, calls)

        let (database, loaded) = try Opening.index(directory)
        var begun = loaded
        let firstBlob = loaded.counters.blobsReserved
        begun.counters.blobsReserved += Self.blobsPerStart
        begun.counters.sequence += 1
        try Self.reserve(database, begun.counters)
        blobIDs = Mutex(BlobIDs(next: firstBlob, end: begun.counters.blobsReserved))

        let (resumable, damaged) = try Opening.segments(directory, loaded, settings)
        metrics.corruptions.add(UInt64(damaged))
        segments = SegmentTable(directory, nextID: (loaded.segments.keys.max() ?? 0) + 1)
        published = PublishedState(begun)

        var random = SystemRandomNumberGenerator()
        let writer = try IndexWriter(database, begun, staging: staging, boot: random.next())
        checkpointer = try Checkpointer(index: directory.index, condition)
        checkpointer.watch(database)
        let sweep = Bell()
        committer = try Committer(
            writer,
            Committer.Surroundings(
                staging: staging,
                condition: condition,
                metrics: metrics,
                checkpointer: checkpointer,
                published: published,
                hot: hot,
                sweep: sweep
            ),
            queueMax: settings.queuedWritesMax
        )
        let shared = Lane.Shared(
            directory: directory,
            storeID: loaded.storeID,
            segments: segments,
            staging: staging,
            condition: condition,
            metrics: metrics,
            calls: calls,
            segmentBytesMax: settings.segmentBytesMax,
            active: active
        )
        lanes = try (0..<Self.lanesCount).map { index in
            let resume = index < resumable.count ? (file: resumable[index].0, size: resumable[index].1) : nil
            return try Lane(index, shared, queueMax: settings.queuedWritesMax, resume: resume)
        }
        readers = try ReaderPool(
            index: directory.index,
            count: max(1, settings.readerThreads),
            queueMax: settings.queuedReadsMax,
            cacheKibibytes: 4096
        )
        let committer = committer
        chunks = ChunkSource(segments: segments, calls: calls, metrics: metrics) { location, blob, chunk in
            committer.submit(.upkeep({ try $0.quarantine(location, blob, chunk) }, { _ in }))
        }
        opening = BodyOpening(pins: pins, pool: readers, chunks: chunks)
        housekeeper = try Housekeeper(
            Housekeeper.Surroundings(
                settings: settings,
                directory: directory,
                staging: staging,
                pins: pins,
                active: active,
                segments: segments,
                published: published,
                committer: committer,
                readers: readers,
                lanes: lanes,
                chunks: chunks,
                condition: condition,
                metrics: metrics
            ),
            sweep
        )
    }

    private static func reserve(_ database: Database, _ counters: Counters) throws {
        do {
            try database.prepare("INSERT OR REPLACE INTO counters VALUES(1, ?1)").bind(1, SmallRows.encode(counters))
                .run()
        } catch let failure as SQLiteFailure {
            throw StoreError.unusable(reason: "The index cannot be written: \(failure.what).")
        }
    }

    func makeBlobID() throws -> BlobID {
        try blobIDs.withLock { ids in
            guard ids.next < ids.end else { throw StoreError.overloaded }
            defer { ids.next += 1 }
            return BlobID(rawValue: ids.next)
        }
    }

    /// False: the doctor is here already.
    func beginExamination() -> Bool {
        isExamined.withLock { busy in
            defer { busy = true }
            return !busy
        }
    }

    func endExamination() { isExamined.withLock { $0 = false } }

    var isClosed: Bool { isStopped.withLock { $0 } }

    /// Ends all threads in the order in which they feed each other. Blocks.
    func stop() {
        let first = isStopped.withLock { stopped in
            defer { stopped = true }
            return !stopped
        }
        guard first else { return }
        housekeeper.stop()
        for lane in lanes { lane.stop() }
        committer.stop()
        checkpointer.stop()
        readers.stop()
        // What a failed store left in its log is for the next start to judge.
        if condition.current().failure == nil { Checkpointer.finish(directory.index) }
        directory.unlock()
    }
}
