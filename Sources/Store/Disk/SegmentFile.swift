import Glibc

/// One open segment file. Whoever holds it can read it, even after compaction removed its name; the last to let go
/// closes it.
final class SegmentFile: Sendable {
    /// A header of one sector before the first frame.
    static let headerBytes: UInt64 = 64
    private static let magic: UInt64 = 0x3130_4745_5348_534d  // "MSHSEG01"

    let id: UInt32
    let path: String
    let file: Int32

    private init(id: UInt32, path: String, file: Int32) {
        self.id = id
        self.path = path
        self.file = file
    }

    deinit { close(file) }

    static func open(_ id: UInt32, in directory: DataDirectory, forWriting: Bool) throws -> SegmentFile {
        let path = directory.segment(id)
        let file = Glibc.open(path, (forWriting ? O_RDWR : O_RDONLY) | O_CLOEXEC)
        guard file >= 0 else { throw StoreError.corrupt(what: "\(path) cannot be opened: \(errnoText(errno))") }
        return SegmentFile(id: id, path: path, file: file)
    }

    /// A new, empty segment, whose name and header are durable when this returns.
    static func create(_ id: UInt32, store: UInt64, in directory: DataDirectory, _ calls: DiskCalls) throws
        -> SegmentFile
    {
        let path = directory.segment(id)
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            if errno == ENOSPC || errno == EDQUOT { throw StoreError.diskFull(freeBytes: 0) }
            throw StoreError.io(what: "creating \(path): \(errnoText(errno))")
        }
        let segment = SegmentFile(id: id, path: path, file: file)
        do {
            try header(id: id, store: store).withUnsafeBytes { try calls.writeAll(file, [$0], at: 0, path: path) }
            let code = calls.sync(file)
            guard code == 0 else { throw StoreError.io(what: "fdatasync of \(path): \(errnoText(Int32(-code)))") }
            try DataDirectory.sync(directory: directory.segments)
        } catch {
            unlink(path)
            throw error
        }
        return segment
    }

    private static func header(id: UInt32, store: UInt64) -> [UInt8] {
        var header = ByteWriter(capacity: Int(headerBytes))
        header.number(magic)
        header.number(store)
        header.number(id)
        for _ in 0..<9 { header.number(UInt32(0)) }
        header.seal(seed: 0)
        return header.bytes
    }

    /// Which store made this file; nil: the header is not whole, so the file was never committed.
    func store() -> UInt64? { Self.store(of: file, id: id) }

    static func store(of file: Int32, id: UInt32) -> UInt64? {
        var bytes = [UInt8](repeating: 0, count: Int(Self.headerBytes))
        guard pread(file, &bytes, bytes.count, 0) == bytes.count else { return nil }
        return bytes.withUnsafeBytes { raw -> UInt64? in
            guard var header = try? ByteScanner(sealed: raw, seed: 0),
                (try? header.number(UInt64.self)) == Self.magic,
                let store = try? header.number(UInt64.self),
                (try? header.number(UInt32.self)) == id
            else { return nil }
            return store
        }
    }
}
