import NIOCore
import Synchronization

/// A thread with a segment file of its own: checksums chunks, appends them, and makes many streams durable with one
/// fdatasync.
///
/// Cost of a chunk of 256 KiB: no copy, the observer's digests, one XXH3 pass (about 15 µs), one pwritev.
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

    private let shared: Shared
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
        self.shared = shared
        let inbox = Inbox<Job>(limit: queueMax)
        self.inbox = inbox
        if let resume { shared.active.enter(resume.file.id) }
        thread = try StoreThread("store-lane-\(index)") {
            var pen = Pen(shared: shared, segment: resume?.file, end: resume?.size ?? 0)
            var batch: [Job] = []
            while inbox.take(most: .max, into: &batch) {
                pen.write(batch)
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

/// The lane's thread-local state: the file at hand and the place of the next frame.
private struct Pen {
    let shared: Lane.Shared
    var segment: SegmentFile?
    var end: UInt64

    /// Whether the file holds frames that no sync has covered yet.
    private var isDirty = false

    init(shared: Lane.Shared, segment: SegmentFile?, end: UInt64) {
        self.shared = shared
        self.segment = segment
        self.end = end
    }

    mutating func write(_ batch: [Lane.Job]) {
        var finishing: [(Lane.Job, Location?)] = []
        for job in batch {
            do {
                let location = try append(job)
                if job.finish { finishing.append((job, location)) } else { job.done(.success(location)) }
            } catch {
                job.done(.failure(error))
            }
        }
        guard !finishing.isEmpty else { return }
        let result = Result { try sync() }
        for (job, location) in finishing {
            switch result {
            case .success: job.done(.success(location))
            case .failure(let error): job.done(.failure(error))
            }
        }
    }

    private mutating func append(_ job: Lane.Job) throws -> Location? {
        guard let buffer = job.bytes else { return nil }
        return try buffer.withUnsafeReadableBytes { payload in
            job.observe?(payload)
            try shared.condition.admit(growing: true)
            let frameBytes = UInt64(Frame.headerBytes + payload.count)
            let file = try place(for: frameBytes)
            let checksum = Checksum.of(payload)
            let frame = Frame(
                blob: job.blob,
                chunk: job.chunk,
                length: UInt32(payload.count),
                checksum: checksum
            )
            do {
                try withUnsafeTemporaryAllocation(byteCount: Frame.headerBytes, alignment: 8) { header in
                    frame.write(to: header)
                    try shared.calls.writeAll(
                        file.file,
                        [UnsafeRawBufferPointer(header), payload],
                        at: end,
                        path: file.path
                    )
                }
            } catch StoreError.diskFull {
                throw shared.condition.foundFull()
            } catch {
                shared.condition.fail("\(error)")
                throw error
            }
            let location = Location(
                segment: file.id,
                offset: UInt32(end),
                length: UInt32(payload.count),
                checksum: checksum
            )
            end += frameBytes
            isDirty = true
            shared.staging.add(location, to: job.blob)
            return location
        }
    }

    /// The file that takes the next frame; a full one is synced and left.
    private mutating func place(for bytes: UInt64) throws -> SegmentFile {
        if let segment, end + bytes <= shared.segmentBytesMax { return segment }
        if let old = segment {
            try sync()
            shared.active.leave(old.id)
            segment = nil
        }
        let id = shared.segments.makeID()
        shared.active.enter(id)
        do {
            let file = try SegmentFile.create(id, store: shared.storeID, in: shared.directory, shared.calls)
            shared.segments.adopt(file)
            segment = file
            end = SegmentFile.headerBytes
            return file
        } catch {
            shared.active.leave(id)
            if case StoreError.diskFull = error { throw shared.condition.foundFull() }
            shared.condition.fail("\(error)")
            throw error
        }
    }

    private mutating func sync() throws {
        try shared.condition.admit(growing: false)
        guard isDirty, let segment else { return }
        let code = shared.calls.sync(segment.file)
        shared.metrics.syncs.add(1)
        guard code == 0 else {
            let reason = "fdatasync of \(segment.path): \(errnoText(Int32(-code)))"
            shared.condition.fail(reason)
            throw StoreError.io(what: reason)
        }
        isDirty = false
    }
}
