internal import Glibc

/// A file of any size that is read in pieces: what a node package carries. It keeps being the same file when another
/// one takes its name.
package final class SourceFile: Sendable {
    package let path: String
    package let byteCount: UInt64
    private let descriptor: Int32

    package init(_ path: String) throws(StoreError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SmallFile.failure("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            throw .io(what: "\(path) is no file")
        }
        self.path = path
        self.descriptor = descriptor
        byteCount = UInt64(status.st_size)
    }

    deinit { Glibc.close(descriptor) }

    /// Exactly the bytes of the range, which lies inside the file. Blocks.
    package func read(_ range: Range<UInt64>) throws(StoreError) -> [UInt8] {
        let wanted = Int(range.upperBound - range.lowerBound)
        var fault: StoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, done in
            while done < wanted {
                let offset = off_t(range.lowerBound) + off_t(done)
                let count = pread(descriptor, buffer.baseAddress! + done, wanted - done, offset)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else {
                    fault =
                        count < 0
                        ? SmallFile.failure("read", path) : .io(what: "\(path) became shorter while it was read")
                    return
                }
                done += count
            }
        }
        if let fault { throw fault }
        return bytes
    }
}
