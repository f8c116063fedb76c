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
    let bounds: StampBounds
    let fencing = FencingBook()
    let damage = DamageBook()
    let observers = SystemObservers()
    let storeID: UInt64
    let digest: Digest
    let hints: HintBook
    let outbox: OutboxBook
    let usage: UsageBook
    let segments: SegmentTable
    let published: PublishedState
    let lanes: [Lane]
    let committer: Committer
    let readers: ReaderPool
    let checkpointer: Checkpointer
    let housekeeper: Housekeeper
    let chunks: ChunkSource
    let opening: BodyOpening
    let blobs: BlobNumbers
    private let isStopped = Mutex(false)
    private let isExamined = Mutex(false)

    private static let lanesCount = 2

    init(_ path: String, _ settings: StoreSettings, _ calls: DiskCalls) throws {
        var settings = settings
        settings.segmentBytesMax = min(max(settings.segmentBytesMax, 1 << 20), 1 << 31)
        self.settings = settings
        directory = try DataDirectory(path)
        condition = Condition(path, settings, calls)

        let (database, loaded) = try Opening.index(directory)
        storeID = loaded.storeID
        digest = Digest(leaves: DigestFile.read(in: path, sequence: loaded.counters.sequence))
        hints = HintBook(counts: loaded.hints)
        outbox = OutboxBook(loaded)
        usage = UsageBook(loaded.usage)
        var begun = loaded
        let firstBlob = loaded.counters.blobsReserved
        begun.counters.blobsReserved += BlobNumbers.perStart
        begun.counters.sequence += 1
        try Self.reserve(database, begun.counters)
        blobs = BlobNumbers(from: firstBlob)

        let (resumable, damaged) = try Opening.segments(directory, loaded, settings)
        metrics.corruptions.add(UInt64(damaged))
        segments = SegmentTable(directory, nextID: (loaded.segments.keys.max() ?? 0) + 1)
        published = PublishedState(begun)
        condition.note(logicalBytes: begun.counters.logicalBytes)

        var random = SystemRandomNumberGenerator()
        let op = OpID(high: random.next(), low: random.next())
        let writer = try IndexWriter(
            database,
            begun,
            staging: staging,
            digest: digest,
            boot: random.next(),
            op: op
        )
        bounds = writer.bounds
        checkpointer = try Checkpointer(index: directory.index, condition)
        checkpointer.watch(database)
        let sweep = Bell()
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
        committer = try Committer(
            writer,
            Committer.Surroundings(
                staging: staging,
                condition: condition,
                metrics: metrics,
                checkpointer: checkpointer,
                published: published,
                hot: hot,
                fencing: fencing,
                observers: observers,
                hints: hints,
                outbox: outbox,
                usage: usage,
                sweep: sweep
            ),
            CarriedBodies.Surroundings(lane: shared, blobs: blobs, inlineBytesMax: settings.inlineBytesMax),
            queueMax: settings.queuedWritesMax
        )
        lanes = try (0..<Self.lanesCount).map { index in
            let resume = index < resumable.count ? (file: resumable[index].0, size: resumable[index].1) : nil
            return try Lane(index, shared, queueMax: settings.queuedWritesMax, resume: resume)
        }
        readers = try ReaderPool(
            index: directory.index,
            count: max(1, settings.readerThreads),
            queueMax: settings.queuedReadsMax,
            cacheKibibytes: 4096,
            damage: damage
        )
        let committer = committer
        let damage = damage
        chunks = ChunkSource(segments: segments, calls: calls, metrics: metrics, damage: damage) {
            location,
            blob,
            chunk in
            damage.note(blob)
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
                metrics: metrics,
                digest: digest,
                hints: hints,
                fencing: fencing,
                damage: damage
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
        if condition.current().failure == nil {
            Checkpointer.finish(directory.index)
            if let leaves = digest.allLeaves() {
                DigestFile.write(leaves, sequence: published.read { $0.counters.sequence }, in: directory.path)
            }
        }
        directory.unlock()
    }
}
