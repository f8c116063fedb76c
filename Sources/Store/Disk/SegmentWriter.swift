import Glibc

/// The growing end of a segment file, for one thread.
///
/// Bytes go past the page cache where the file system lets them (`O_DIRECT`): they are synced at once and rarely read
/// soon, so the kernel's copy of them costs a pass over fresh memory and gains nothing. They gather in a buffer of whole
/// blocks, and the last block, which is not full yet, is written again with what follows it: its first bytes are the
/// same each time, so no moment of a crash harms what was durable. What the file has behind the end is padding. Where
/// direct writes are refused everything is written through the page cache.
final class SegmentWriter {
    /// Direct writes are multiples of this in the file and in memory: no usual disk has larger blocks.
    private static let blockBytes: UInt64 = 4096
    private static let bufferBytes = 512 * 1024
    /// O_DIRECT of Linux, a macro that Swift does not see.
    #if arch(arm64)
        static let openDirect: Int32 = 0o200000
    #else
        static let openDirect: Int32 = 0o40000
    #endif

    /// Blocks on their way to the file.
    private struct Blocks {
        let file: Int32
        let memory: UnsafeMutableRawBufferPointer
        /// Where in the file the buffer begins.
        var base: UInt64
        /// So much of the buffer is taken, and of that the file has so much already.
        var filled: Int
        var written: Int
    }

    let segment: SegmentFile
    /// Where in the file the next bytes go.
    private(set) var end: UInt64
    private let calls: DiskCalls
    private var blocks: Blocks?

    init(_ segment: SegmentFile, end: UInt64, _ calls: DiskCalls) {
        self.segment = segment
        self.end = end
        self.calls = calls.withoutDirectWhereRefused()
        blocks = Self.blocks(segment, end: end, calls)
    }

    deinit {
        guard let blocks else { return }
        close(blocks.file)
        blocks.memory.deallocate()
    }

    private static func blocks(_ segment: SegmentFile, end: UInt64, _ calls: DiskCalls) -> Blocks? {
        let file = open(segment.path, O_WRONLY | O_CLOEXEC | openDirect)
        guard file >= 0 else { return nil }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: Int(blockBytes))
        let begun = Int(end % blockBytes)
        let base = end - UInt64(begun)
        let head = UnsafeMutableRawBufferPointer(rebasing: memory[..<begun])
        guard (try? calls.readAll(segment.file, head, at: base, path: segment.path)) == begun else {
            close(file)
            memory.deallocate()
            return nil
        }
        return Blocks(file: file, memory: memory, base: base, filled: begun, written: begun)
    }

    /// Whether bytes wait for the next `flush`.
    var isHolding: Bool { blocks.map { $0.filled > $0.written } ?? false }

    /// Takes the pieces, together at most 272 KiB, as one run of bytes. They are in the file after the next `flush`;
    /// where this throws, whatever was appended since the one before is not, and never will be.
    func append(_ pieces: [UnsafeRawBufferPointer]) throws {
        let count = pieces.reduce(0) { $0 + $1.count }
        guard let room = blocks.map({ $0.memory.count - $0.filled }) else {
            try calls.writeAll(segment.file, pieces, at: end, path: segment.path)
            end += UInt64(count)
            return
        }
        if room < count { try flush() }
        for piece in pieces { copy(piece) }
        end += UInt64(count)
    }

    private func copy(_ piece: UnsafeRawBufferPointer) {
        guard let blocks else { return }
        UnsafeMutableRawBufferPointer(rebasing: blocks.memory[blocks.filled...]).copyMemory(from: piece)
        self.blocks?.filled += piece.count
    }

    /// Hands everything to the file. Throws `.diskFull` or `.io`; then what it had not is forgotten.
    func flush() throws {
        guard var blocks, blocks.filled > blocks.written else { return }
        defer { self.blocks = blocks }
        let block = Int(Self.blockBytes)
        let from = blocks.written / block * block
        let to = (blocks.filled + block - 1) / block * block
        for place in blocks.filled..<to { blocks.memory[place] = 0 }
        do {
            let whole = UnsafeRawBufferPointer(rebasing: blocks.memory[from..<to])
            try calls.writeAll(blocks.file, [whole], at: blocks.base + UInt64(from), path: segment.path)
        } catch {
            blocks.filled = blocks.written
            end = blocks.base + UInt64(blocks.filled)
            throw error
        }
        let full = blocks.filled / block * block
        let rest = blocks.filled - full
        blocks.memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: blocks.memory[full..<blocks.filled]))
        blocks.base += UInt64(full)
        blocks.filled = rest
        blocks.written = rest
    }

    /// Makes durable what was flushed: 0, or the negative `errno`.
    func sync() -> Int { calls.sync(segment.file) }

    /// Nothing more comes: takes the padding away. What fails here is done at the next start.
    func trim() {
        guard blocks != nil else { return }
        _ = ftruncate(segment.file, Int(end))
    }
}

extension DiskCalls {
    /// The same, but a descriptor whose direct write is refused (`EINVAL`: a file system that cannot, or a rest that is no
    /// whole block) writes through the page cache from then on.
    fileprivate func withoutDirectWhereRefused() -> DiskCalls {
        var calls = self
        let write = write
        calls.write = { file, pieces, offset in
            let count = write(file, pieces, offset)
            guard count == -Int(EINVAL) else { return count }
            let flags = fcntl(file, F_GETFL)
            guard flags >= 0, flags & SegmentWriter.openDirect != 0,
                fcntl(file, F_SETFL, flags & ~SegmentWriter.openDirect) == 0
            else { return count }
            return write(file, pieces, offset)
        }
        return calls
    }
}
