import Glibc

/// Goes through the frames of a segment file by their headers, 40 bytes each, without the payloads.
struct SegmentWalk: ~Copyable {
    private let file: Int32
    /// Which store made the file; nil if its header is damaged.
    let store: UInt64?

    init(_ path: String, id: UInt32) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw StoreError.corrupt(what: "\(path) cannot be opened: \(errnoText(errno))") }
        self.file = file
        store = SegmentFile.store(of: file, id: id)
    }

    deinit { close(file) }

    /// The header of the frame at a byte of the file; nil if there is none, or a damaged one.
    func frame(at offset: UInt64) -> Frame? {
        withUnsafeTemporaryAllocation(byteCount: Frame.headerBytes, alignment: 8) { header in
            guard (try? DiskCalls.system.readAll(file, header, at: offset, path: "")) == Frame.headerBytes else {
                return nil
            }
            return Frame(UnsafeRawBufferPointer(header))
        }
    }
}
