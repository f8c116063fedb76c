import Glibc

/// The system calls on segment files, as values: tests put short writes, full disks and failing syncs in their place.
/// Each answers a count, or the negative `errno`.
struct DiskCalls: Sendable {
    var write: @Sendable (_ file: Int32, _ pieces: [UnsafeRawBufferPointer], _ offset: UInt64) -> Int
    var sync: @Sendable (_ file: Int32) -> Int
    var read: @Sendable (_ file: Int32, _ into: UnsafeMutableRawBufferPointer, _ offset: UInt64) -> Int
    /// The same, of what is in memory only: less, or `EAGAIN`, where the disk would have to be asked.
    var readCached: @Sendable (_ file: Int32, _ into: UnsafeMutableRawBufferPointer, _ offset: UInt64) -> Int
    /// Bytes that this process may still write to the file system of a directory.
    var freeBytes: @Sendable (_ directory: String) -> UInt64?

    /// RWF_NOWAIT of Linux, a macro that Swift does not see.
    private static let noWait: Int32 = 8

    private typealias ReadVector = @convention(c) (Int32, UnsafePointer<iovec>, Int32, Int, Int32) -> Int

    /// Missing from the module map of Glibc, so it is looked up. The symbol has had this type since glibc 2.26.
    private static let preadv2 = dlsym(nil, "preadv2").map { unsafeBitCast($0, to: ReadVector.self) }

    static let system = DiskCalls(
        write: { file, pieces, offset in
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: pieces.count) { vector in
                for (index, piece) in pieces.enumerated() {
                    vector[index] = iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress),
                        iov_len: piece.count
                    )
                }
                let count = pwritev(file, vector.baseAddress, Int32(pieces.count), Int(offset))
                return count < 0 ? -Int(errno) : count
            }
        },
        sync: { fdatasync($0) == 0 ? 0 : -Int(errno) },
        read: { file, bytes, offset in
            let count = pread(file, bytes.baseAddress, bytes.count, Int(offset))
            return count < 0 ? -Int(errno) : count
        },
        readCached: { file, bytes, offset in
            guard let preadv2 else { return -Int(EAGAIN) }
            var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            let count = preadv2(file, &vector, 1, Int(offset), noWait)
            return count < 0 ? -Int(errno) : count
        },
        freeBytes: { directory in
            var status = statvfs()
            guard statvfs(directory, &status) == 0 else { return nil }
            return UInt64(status.f_bavail) * UInt64(status.f_frsize)
        }
    )

    // MARK: Direct I/O

    /// O_DIRECT of Linux, a macro that Swift does not see.
    #if arch(arm64)
        static let direct: Int32 = 0o200000
    #else
        static let direct: Int32 = 0o40000
    #endif

    /// What `fstatfs` calls ext4, XFS, and tmpfs, which has nothing but the page cache.
    private static let directTypes: Set<Int> = [0xef53, 0x5846_5342, 0x0102_1994]

    private typealias FileSystemStatus = @convention(c) (Int32, UnsafeMutableRawPointer) -> Int32

    /// Missing from the module map of Glibc, so it is looked up. The symbol has had this type since glibc 2.1.
    private static let fstatfs = dlsym(nil, "fstatfs").map { unsafeBitCast($0, to: FileSystemStatus.self) }

    /// Whether the file system is one that keeps direct writes and the page cache in step. On others (btrfs, network file
    /// systems) a page that is being read may not be let go when its block is written, which fails the next sync.
    static func isFitForDirect(_ file: Int32) -> Bool {
        // The structure has 120 bytes where a word has eight, and begins with the type.
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { status in
            guard let fstatfs, let base = status.baseAddress, fstatfs(file, base) == 0 else { return false }
            return directTypes.contains(status.load(as: Int.self))
        }
    }

    /// The same, but a descriptor whose direct write is refused (`EINVAL`: a device with larger blocks, or the rest of a
    /// short write that is no whole block) writes through the page cache from then on.
    func fallingBackToPageCache() -> DiskCalls {
        var calls = self
        let write = write
        calls.write = { file, pieces, offset in
            let count = write(file, pieces, offset)
            guard count == -Int(EINVAL) else { return count }
            let flags = fcntl(file, F_GETFL)
            guard flags >= 0, flags & Self.direct != 0, fcntl(file, F_SETFL, flags & ~Self.direct) == 0 else {
                return count
            }
            return write(file, pieces, offset)
        }
        return calls
    }

    // MARK: Whole reads and writes

    /// Writes all the pieces, going on after short writes. Throws `.diskFull` or `.io`.
    func writeAll(_ file: Int32, _ pieces: [UnsafeRawBufferPointer], at offset: UInt64, path: String) throws {
        var left = pieces
        var offset = offset
        while !left.isEmpty {
            let count = write(file, left, offset)
            if count == -Int(EINTR) { continue }
            if count == -Int(ENOSPC) || count == -Int(EDQUOT) { throw StoreError.diskFull(freeBytes: 0) }
            guard count > 0 else {
                throw StoreError.io(what: "writing \(path) at \(offset): \(errnoText(Int32(-count)))")
            }
            offset += UInt64(count)
            var skip = count
            while let first = left.first, skip >= first.count {
                skip -= first.count
                left.removeFirst()
            }
            if skip > 0 { left[0] = UnsafeRawBufferPointer(rebasing: left[0][skip...]) }
        }
    }

    /// Fills the buffer; the number of bytes read is smaller only at the end of the file.
    func readAll(_ file: Int32, _ into: UnsafeMutableRawBufferPointer, at offset: UInt64, path: String) throws -> Int {
        var done = 0
        while done < into.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: into[done...])
            let count = read(file, rest, offset + UInt64(done))
            if count == -Int(EINTR) { continue }
            if count < 0 {
                throw StoreError.io(what: "reading \(path) at \(offset): \(errnoText(Int32(-count)))")
            }
            if count == 0 { break }
            done += count
        }
        return done
    }
}
