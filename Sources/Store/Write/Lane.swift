import NIOCore
import Synchronization

/// A thread with a segment file of its own: checksums chunks, appends them, and makes many streams durable with one
/// fdatasync.
///
/// Cost of a chunk of 256 KiB: the observer's digests, one XXH3 pass (about 15 µs), one copy, its share of a write.
final class Lane: Sendable {
    struct Job: Sendable {
        var blob: BlobID
        var chunk: UInt32
        var bytes: ByteBuffer?
        var observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?
        /// Durable before the answer.
        var finish: Bool
        var done: @Sendable (Result<Location?, any Error>) -> Void
    }

    /// So much is handed to the file at once, and then answered: two chunks.
    private static let flushBytes = 2 * BlobWriter.chunkBytes

    private let inbox: Inbox<Job>
    private let thread: StoreThread

    /// What the lanes share with the rest of the store.
    struct Shared: Sendable {
        let directory: DataDirectory
        let storeID: UInt64
        let segments: SegmentTable
        let staging: Staging
        let condition: Condition
        let metrics: Metrics
        let calls: DiskCalls
        let segmentBytesMax: UInt64
        let active: ActiveSegments
    }

    /// `resume`: a segment with room, left by the run before.
    init(_ index: Int, _ shared: Shared, queueMax: Int, resume: (file: SegmentFile, size: UInt64)?) throws {
        let inbox = Inbox<Job>(limit: queueMax)
        self.inbox = inbox
        // Before the thread runs: compaction has to keep away from now on.
        if let resume { shared.active.enter(resume.file.id) }
        thread = try StoreThread("store-lane-\(index)") {
            var pen = Pen(shared, resume: resume)
            var batch: [Job] = []
            while inbox.take(most: .max, into: &batch) {
                Self.write(batch, &pen)
                batch.removeAll(keepingCapacity: true)
            }
        }
    }

    func submit(_ job: Job) {
        switch inbox.offer(job) {
        case .accepted: break
        case .full: job.done(.failure(StoreError.overloaded))
        case .closed: job.done(.failure(StoreError.closed))
        }
    }

    /// Chunks are answered when they are in the file, and the last ones of their streams when they are durable.
    private static func write(_ batch: [Job], _ pen: inout Pen) {
        var taken = Taken()
        for job in batch {
            do {
                let location = try job.bytes.map {
                    try pen.append($0, of: job.blob, chunk: job.chunk, observe: job.observe)
                }
                taken.add(job, location)
            } catch {
                job.done(.failure(error))
            }
            if taken.bytes >= flushBytes { taken.flush(&pen) }
        }
        taken.flush(&pen)
        guard !taken.finishing.isEmpty else { return }
        let result = Result { try pen.sync() }
        for (job, location) in taken.finishing { job.done(result.map { location }) }
    }

    /// What a pen took of a batch.
    private struct Taken {
        /// Not in the file yet, so many bytes.
        private var waiting: [(job: Job, location: Location?)] = []
        private(set) var bytes = 0
        /// In the file, and to be synced.
        private(set) var finishing: [(job: Job, location: Location?)] = []

        mutating func add(_ job: Job, _ location: Location?) {
            waiting.append((job, location))
            bytes += job.bytes?.readableBytes ?? 0
        }

        mutating func flush(_ pen: inout Pen) {
            let result = Result { try pen.flush() }
            for (job, location) in waiting {
                if job.finish, case .success = result {
                    finishing.append((job, location))
                } else {
                    job.done(result.map { location })
                }
            }
            waiting.removeAll(keepingCapacity: true)
            bytes = 0
        }
    }

    func stop() {
        inbox.close()
        thread.join()
    }
}

/// The segments that lanes append to at the moment: compaction keeps away from them.
final class ActiveSegments: Sendable {
    private let ids = Mutex<Set<UInt32>>([])

    func enter(_ id: UInt32) { ids.withLock { _ = $0.insert(id) } }
    func leave(_ id: UInt32) { ids.withLock { _ = $0.remove(id) } }
    func contains(_ id: UInt32) -> Bool { ids.withLock { $0.contains(id) } }
}
