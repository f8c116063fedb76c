internal import Glibc

/// Small files beside the store: keys, tokens, endpoints, configuration. Read whole, replaced whole.
///
/// Blocks; for start, stop and the command line, never for a request.
package enum SmallFile {
    /// The bytes of a file; nil if there is none. Throws when it is longer than `bytesMax` or cannot be read.
    package static func read(_ path: String, bytesMax: Int = 1 << 20) throws(StoreError) -> [UInt8]? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        defer { Glibc.close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[0..<count])
            guard bytes.count <= bytesMax else { throw .io(what: "\(path) is longer than \(bytesMax) bytes") }
        }
    }

    /// Replaces a file: after a crash it holds the old bytes or the new ones, never a mixture. `mode` is exact,
    /// whatever the umask, from the first moment on.
    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(StoreError) {
        let fresh = path + ".new"
        let descriptor = Glibc.open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("create", fresh) }
        defer { Glibc.close(descriptor) }
        guard fchmod(descriptor, mode) == 0 else { throw failure("chmod", fresh) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("write", fresh) }
            rest = rest.dropFirst(count)
        }
        guard fdatasync(descriptor) == 0 else { throw failure("fdatasync", fresh) }
        guard rename(fresh, path) == 0 else { throw failure("rename", path) }
        try syncDirectory(of: path)
    }

    /// Removes a file; one that is not there is fine.
    package static func remove(_ path: String) throws(StoreError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("unlink", path) }
    }

    package static func setMode(_ mode: UInt32, of path: String) throws(StoreError) {
        guard chmod(path, mode) == 0 else { throw failure("chmod", path) }
    }

    /// Makes a directory and those above it, each with `mode`; what is there already keeps its own.
    package static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(StoreError) {
        var prefix = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            prefix += (prefix.isEmpty || prefix.hasSuffix("/") ? "" : "/") + part
            if mkdir(prefix, mode) == 0 {
                // A new name lives in its parent: without this a power cut could take the whole directory with it.
                try syncDirectory(of: prefix)
            } else if errno != EEXIST && !isDirectory(prefix) {
                throw failure("mkdir", prefix)
            }
        }
        guard isDirectory(path) else { throw .io(what: "\(path) is not a directory") }
    }

    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The size of the file system that holds `path`; nil when nobody can tell.
    package static func diskBytes(of path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_blocks) * UInt64(status.f_frsize)
    }

    private static func syncDirectory(of path: String) throws(StoreError) {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", parent) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync", parent) }
    }

    static func failure(_ call: String, _ path: String) -> StoreError {
        .io(what: "\(call) \(path): \(String(cString: strerror(errno)))")
    }
}
