package import NIOCore
import Synchronization

/// A stream of bytes on its way to a segment file. One caller at a time.
///
/// `append` copies nothing and returns when the chunk is written (backpressure); chunks of `chunkBytes` each, only the
/// last may be shorter. A writer that is let go without `finish` leaves nothing but dead space. A finished blob belongs
/// to the first mutation that names it, whatever becomes of that; one that none names is given up after a while.
package final class BlobWriter: Sendable {
    /// Bytes per chunk: 256 KiB stays in a core's second-level cache between hashing, checksum and system call.
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

    init(_ id: BlobID, lane: Lane, staging: Staging) {
        self.id = id
        self.lane = lane
        self.staging = staging
        staging.begin(id)
    }

    deinit {
        if !state.withLock({ $0.isFinished }) { staging.remove(id) }
    }

    /// Hands over one chunk. `observe` sees the bytes first, on the store's own thread: digests belong there, not on an
    /// event loop.
    package func append(_ chunk: ByteBuffer, observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?) async throws {
        try await submit(chunk, observe, finish: false)
    }

    /// Makes the stream durable (fdatasync) and gives it its name.
    package func finish() async throws -> BlobID { try await finish(appending: nil, observe: nil) }

    /// `append` of the last chunk and `finish` in one hop: half the wake-ups for an object of one chunk.
    package func finish(
        appending chunk: ByteBuffer?,
        observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?
    ) async throws -> BlobID {
        try await submit(chunk, observe, finish: true)
        staging.finish(id, at: Clock.monotonicMillis())
        state.withLock { $0.isFinished = true }
        return id
    }

    private func submit(
        _ chunk: ByteBuffer?,
        _ observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?,
        finish: Bool
    ) async throws {
        let bytes = chunk.flatMap { $0.readableBytes > 0 ? $0 : nil }
        let number = try state.withLock { state in
            guard !state.isFinished else { throw StoreError.io(what: "blob \(id.rawValue) is finished already") }
            guard !state.isBroken else { throw StoreError.io(what: "blob \(id.rawValue) lost a chunk before") }
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
        do {
            // Resumed exactly once: a lane answers each job, taken in or refused.
            try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
                lane.submit(
                    Lane.Job(blob: id, chunk: number, bytes: bytes, observe: observe, finish: finish) {
                        continuation.resume(with: $0.map { _ in })
                    }
                )
            }
        } catch {
            state.withLock { $0.isBroken = true }
            throw error
        }
    }
}
