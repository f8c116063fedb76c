package import NIOCore
import Synchronization

/// Reads the bytes of one version, verified.
package final class BodyReader: Sendable {
    /// One blob of the body and the place of its first byte in the whole.
    struct Stream: Sendable {
        let blob: BlobID
        let start: UInt64
        let size: UInt64
    }

    enum Source: Sendable {
        case bytes(ByteBuffer)
        case streams([Stream])
    }

    /// The page of locations that was used last: a sequential reader looks up one in 64 chunks.
    struct Cached: Sendable {
        var blob: BlobID
        var page: Int
        var locations: [Location]
    }

    package let size: UInt64
    private let source: Source
    private let pin: Pin?
    private let pool: ReaderPool
    private let chunks: ChunkSource
    private let cached: Mutex<Cached?>

    /// `first`: where the first chunks are, as far as the opener saw it.
    init(size: UInt64, _ source: Source, pin: Pin?, pool: ReaderPool, chunks: ChunkSource, first: Cached? = nil) {
        self.size = size
        self.source = source
        self.pin = pin
        self.pool = pool
        self.chunks = chunks
        cached = Mutex(first)
    }

    /// The bytes from `offset` on: at least one, at most one chunk, never past `limit` (absolute, exclusive). Every byte
    /// was checked against its checksum. Throws `StoreError.corrupt`, never returns bytes that are not the object's.
    package func read(at offset: UInt64, limit: UInt64) async throws -> ByteBuffer {
        let end = min(limit, size)
        guard offset < end else {
            throw StoreError.io(what: "a read from \(offset) to \(limit) of a body of \(size) bytes asks for nothing")
        }
        switch source {
        case .bytes(let buffer):
            guard let slice = buffer.getSlice(at: buffer.readerIndex + Int(offset), length: Int(end - offset)) else {
                throw StoreError.corrupt(what: "an inline body is shorter than its record says")
            }
            return slice
        case .streams(let streams):
            let stream = streams[Self.index(of: offset, in: streams)]
            let inside = offset - stream.start
            let chunk = UInt32(inside / UInt64(BlobWriter.chunkBytes))
            // What the kernel has in memory is not worth waking a thread for.
            var buffer: ByteBuffer
            if let ready = cachedChunk(chunk, of: stream.blob) {
                buffer = ready
            } else {
                buffer = try await pool.read { try self.chunk(chunk, of: stream.blob, $0) }
            }
            let skip = Int(inside % UInt64(BlobWriter.chunkBytes))
            guard skip < buffer.readableBytes else {
                throw StoreError.corrupt(what: "blob \(stream.blob.rawValue), chunk \(chunk) is shorter than it should")
            }
            buffer.moveReaderIndex(forwardBy: skip)
            let wanted = min(end, stream.start + stream.size) - offset
            if UInt64(buffer.readableBytes) > wanted {
                buffer.moveWriterIndex(to: buffer.readerIndex + Int(wanted))
            }
            return buffer
        }
    }

    /// The stream that holds a byte: the last one that starts at or before it (empty parts share their start).
    private static func index(of offset: UInt64, in streams: [Stream]) -> Int {
        var low = 0
        var high = streams.count
        while low < high {
            let middle = (low + high) / 2
            if streams[middle].start <= offset { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    private func cachedChunk(_ chunk: UInt32, of blob: BlobID) -> ByteBuffer? {
        let slot = Int(chunk) % Location.perPage
        let location = cached.withLock { known -> Location? in
            guard let known, known.blob == blob, known.page == Int(chunk) / Location.perPage,
                slot < known.locations.count
            else { return nil }
            return known.locations[slot]
        }
        return location.flatMap { chunks.readCached($0, blob, chunk) }
    }

    private func chunk(_ chunk: UInt32, of blob: BlobID, _ reader: IndexReader) throws -> ByteBuffer {
        let page = Int(chunk) / Location.perPage
        let slot = Int(chunk) % Location.perPage
        for attempt in 0..<3 {
            let locations = try self.locations(blob, page, reader, again: attempt > 0)
            guard slot < locations.count else { break }
            if let buffer = try chunks.read(locations[slot], blob, chunk) { return buffer }
        }
        chunks.metrics.corruptions.add(1)
        chunks.damage.note(blob)
        throw StoreError.corrupt(what: "\(reader.database.path): no place for blob \(blob.rawValue), chunk \(chunk)")
    }

    private func locations(_ blob: BlobID, _ page: Int, _ reader: IndexReader, again: Bool) throws -> [Location] {
        if !again, let known = cached.withLock({ $0 }), known.blob == blob, known.page == page {
            return known.locations
        }
        if again { try reader.refresh() } else { try reader.begin() }
        let locations = try reader.locations(blob, page: page) ?? []
        cached.withLock { $0 = Cached(blob: blob, page: page, locations: locations) }
        return locations
    }
}
