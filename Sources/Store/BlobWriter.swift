package import NIOCore
import Synchronization

/// A stream of bytes on its way to a segment file. One caller at a time.
///
/// `append` returns when the chunk is in the file (backpressure); chunks of `chunkBytes` each, only the
/// last may be shorter. A writer that is let go without `finish` leaves nothing but dead space. A finished blob belongs
/// to the first mutation that names it, whatever becomes of that; one that none names is given up after a while.
package final class BlobWriter: Sendable {
    /// Bytes per chunk: 256 KiB stays in a core's second-level cache between hashing, checksum and copy.
    package static let chunkBytes = 256 * 1024

    private struct State {
        var chunks: UInt32 = 0
        var isFinished = false
        /// A chunk that was shorter than the others has to be the last.
        var isShort = false
        /// A chunk was refused: the stream has a hole and is good for nothing.
        var isBroken = false
    }

    private let id: BlobID
    private let lane: Lane
    private let staging: Staging
    private let state = Mutex(State())

    init(_ id: BlobID, lane: Lane, staging: Staging, op: OpID? = nil) {
        self.id = id
        self.lane = lane
        self.staging = staging
        staging.begin(id, op: op)
    }

    deinit {
        if !state.withLock({ $0.isFinished }) { staging.remove(id) }
    }

    /// Hands over one chunk. `observe` sees the bytes first, on the store's own thread: digests belong there, not on an
    /// event loop.
    package func append(_ chunk: ByteBuffer, observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?) async throws {
        // Resumed exactly once: a lane answers each job, taken in or refused.
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
            append(chunk, observe: observe) { continuation.resume(with: $0) }
        }
    }

    /// The same without a task to wait: `done` runs once, on a store thread or here, and must not block. Chunks are
    /// written in the order of the calls, so the next may be handed over before this one is done.
    package func append(
        _ chunk: ByteBuffer,
        observe: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil,
        _ done: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        submit(chunk, observe, finish: false, done)
    }

    /// Makes the stream durable (fdatasync) and gives it its name.
    package func finish() async throws -> BlobID { try await finish(appending: nil, observe: nil) }

    /// `append` of the last chunk and `finish` in one hop: half the wake-ups for an object of one chunk.
    package func finish(
        appending chunk: ByteBuffer?,
        observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?
    ) async throws -> BlobID {
        // Resumed exactly once: a lane answers each job, taken in or refused.
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<BlobID, any Error>) in
            finish(appending: chunk, observe: observe) { continuation.resume(with: $0) }
        }
    }

    /// The same without a task to wait: `done` runs once, on a store thread or here, and must not block.
    package func finish(
        appending chunk: ByteBuffer?,
        observe: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil,
        _ done: @escaping @Sendable (Result<BlobID, any Error>) -> Void
    ) {
        submit(chunk, observe, finish: true) { [self] result in
            done(
                Result {
                    try result.get()
                    // Chunks are answered in their order, so by now it is known whether all of them arrived.
                    try state.withLock { state in
                        guard !state.isBroken else { throw lostChunk }
                        state.isFinished = true
                    }
                    staging.finish(id, at: Clock.monotonicMillis())
                    return id
                }
            )
        }
    }

    private func submit(
        _ chunk: ByteBuffer?,
        _ observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?,
        finish: Bool,
        _ done: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        let bytes = chunk.flatMap { $0.readableBytes > 0 ? $0 : nil }
        let number: UInt32
        do {
            number = try take(bytes)
        } catch {
            done(.failure(error))
            return
        }
        lane.submit(
            Lane.Job(blob: id, chunk: number, bytes: bytes, observe: observe, finish: finish) { [self] result in
                if case .failure = result { state.withLock { $0.isBroken = true } }
                done(result.map { _ in })
            }
        )
    }

    private var lostChunk: StoreError { .io(what: "blob \(id.rawValue) lost a chunk before") }

    /// The number of the next chunk, if it may come now.
    private func take(_ bytes: ByteBuffer?) throws -> UInt32 {
        try state.withLock { state in
            guard !state.isFinished else { throw StoreError.io(what: "blob \(id.rawValue) is finished already") }
            guard !state.isBroken else { throw lostChunk }
            guard let bytes else { return state.chunks }
            guard bytes.readableBytes <= Self.chunkBytes, !state.isShort,
                Int(state.chunks) < Location.perPage * Location.pagesMax
            else {
                throw StoreError.io(
                    what: "blob \(id.rawValue): chunk \(state.chunks) of \(bytes.readableBytes) bytes is out of place"
                )
            }
            state.isShort = bytes.readableBytes < Self.chunkBytes
            defer { state.chunks += 1 }
            return state.chunks
        }
    }
}
