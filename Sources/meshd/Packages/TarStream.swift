import Mesh
import Store

/// A tar archive as it comes out, compressed: one piece at a time, whatever the size of what is in it.
struct TarStream: ~Copyable {
    /// What is read and compressed in one go.
    private static let pieceBytes: UInt64 = 1 << 20

    private let entries: [TarEntry]
    private let millis: UInt64
    private var gzip = GzipStream()
    private var index = 0
    /// Bytes of the present entry that are done; nothing before its header.
    private var offset: UInt64?
    private var isOver = false

    init(_ entries: [TarEntry], millis: UInt64) {
        self.entries = entries
        self.millis = millis
    }

    /// What it makes of all entries, at once: for small ones.
    static func whole(_ entries: [TarEntry], millis: UInt64) throws(StoreError) -> [UInt8] {
        var stream = TarStream(entries, millis: millis)
        var all: [UInt8] = []
        while let bytes = try stream.next() { all += bytes }
        return all
    }

    /// How many bytes it will make. Reads everything once; the same entries make the same bytes again.
    static func byteCount(_ entries: [TarEntry], millis: UInt64) throws(StoreError) -> UInt64 {
        var stream = TarStream(entries, millis: millis)
        var count: UInt64 = 0
        while let bytes = try stream.next() { count += UInt64(bytes.count) }
        return count
    }

    /// The next bytes of the archive, perhaps none; nil when it is over. Reads files, so it blocks.
    mutating func next() throws(StoreError) -> [UInt8]? {
        guard !isOver else { return nil }
        let plain = try nextPlain()
        isOver = index == entries.count && offset == nil
        var out: [UInt8] = []
        // An archive ends with two blocks of zeros.
        let end = isOver ? [UInt8](repeating: 0, count: 2 * TarEntry.blockBytes) : []
        gzip.append(plain + end, isLast: isOver, into: &out)
        return out
    }

    private mutating func nextPlain() throws(StoreError) -> [UInt8] {
        guard index < entries.count else { return [] }
        let entry = entries[index]
        guard let start = offset else {
            offset = 0
            if entry.byteCount == 0 { advance() }
            return entry.header(millis: millis)
        }
        let end = min(start + Self.pieceBytes, entry.byteCount)
        var bytes: [UInt8]
        switch entry.content {
        case .bytes(let all): bytes = Array(all[Int(start)..<Int(end)])
        case .file(let file): bytes = try file.read(start..<end)
        case .directory, .link: bytes = []
        }
        if end == entry.byteCount {
            let rest = Int(entry.byteCount % UInt64(TarEntry.blockBytes))
            if rest > 0 { bytes += [UInt8](repeating: 0, count: TarEntry.blockBytes - rest) }
            advance()
        } else {
            offset = end
        }
        return bytes
    }

    private mutating func advance() {
        index += 1
        offset = nil
    }
}
