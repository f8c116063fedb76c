import Glibc

/// The growing end of a segment file, written with direct I/O (`O_DIRECT`), by one thread.
///
/// Bodies are synced at once and rarely read soon, so a copy of them in the page cache is not worth its cost. Direct writes
/// are whole blocks. The last block, which is not full yet, stays in the buffer and is written again with what follows; its
/// durable bytes do not change, so a crash cannot harm them. Past `end` the file has padding, which goes when the
/// writer goes, or at the next start.
///
/// Only on file systems that keep readers through the page cache and direct writers of one file in step, and where these
/// do not refuse; elsewhere the same blocks go through the page cache. Cost: one copy of each byte, one write for each
/// flush, at most a block of it written before.
final class SegmentWriter {
    /// No usual disk has larger blocks.
    static let blockBytes = 4096
    /// Two chunks with their frames, less a block or so: what a lane has at once when a stream runs ahead.
    private static let bufferBytes = 512 * 1024

    let segment: SegmentFile
    private let calls: DiskCalls
    /// A descriptor of its own: those that read go through the page cache.
    private let file: Int32
    private let buffer: UnsafeMutableRawBufferPointer
    /// Where in the file the buffer begins: a multiple of the block.
    private var base: UInt64
    /// So much of the buffer is taken, and of that the file has so much already.
    private var filled: Int
    private var written: Int

    /// Where in the file the next bytes go.
    var end: UInt64 { base + UInt64(filled) }

    /// - Parameter end: where to go on; what the file has behind it is overwritten.
    init(_ segment: SegmentFile, end: UInt64, _ calls: DiskCalls) throws {
        self.segment = segment
        self.calls = calls.fallingBackToPageCache()
        var file =
            DiskCalls.isFitForDirect(segment.file)
            ? open(segment.path, O_WRONLY | O_CLOEXEC | DiskCalls.direct) : -1
        if file < 0 { file = open(segment.path, O_WRONLY | O_CLOEXEC) }
        guard file >= 0 else { throw StoreError.io(what: "opening \(segment.path): \(errnoText(errno))") }
        self.file = file
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: Self.blockBytes)
        filled = Int(end % UInt64(Self.blockBytes))
        written = filled
        base = end - UInt64(filled)
        let head = UnsafeMutableRawBufferPointer(rebasing: buffer[..<filled])
        guard try calls.readAll(segment.file, head, at: base, path: segment.path) == filled else {
            throw StoreError.io(what: "\(segment.path) has less than \(end) bytes")
        }
    }

    deinit {
        _ = ftruncate(segment.file, Int(base) + written)
        close(file)
        buffer.deallocate()
    }

    /// Takes the pieces as one run of bytes. The next `flush` writes them; if this throws, all that was not yet written is
    /// dropped, these pieces too.
    func append(_ pieces: [UnsafeRawBufferPointer]) throws {
        let count = pieces.reduce(0) { $0 + $1.count }
        precondition(count <= Self.bufferBytes - Self.blockBytes, "a frame is a chunk and its header")
        if buffer.count - filled < count { try flush() }
        for piece in pieces {
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(from: piece)
            filled += piece.count
        }
    }

    /// Writes what is held. If it throws `.diskFull` or `.io`, that is dropped.
    func flush() throws {
        guard filled > written else { return }
        let from = written / Self.blockBytes * Self.blockBytes
        let to = (filled + Self.blockBytes - 1) / Self.blockBytes * Self.blockBytes
        UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<to]).initializeMemory(as: UInt8.self, repeating: 0)
        do {
            let blocks = UnsafeRawBufferPointer(rebasing: buffer[from..<to])
            try calls.writeAll(file, [blocks], at: base + UInt64(from), path: segment.path)
        } catch {
            filled = written
            throw error
        }
        let full = filled / Self.blockBytes * Self.blockBytes
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[full..<filled]))
        base += UInt64(full)
        filled -= full
        written = filled
    }

    /// Makes durable what was flushed: 0, or the negative `errno`.
    func sync() -> Int { calls.sync(segment.file) }
}
