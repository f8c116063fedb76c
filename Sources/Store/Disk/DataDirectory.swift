import Glibc

/// The files of a data directory: where they are, who holds the lock, and that their names are durable.
final class DataDirectory: Sendable {
    let path: String
    private let lock: Int32

    var index: String { path + "/index.sqlite" }
    var segments: String { path + "/segments" }
    var storeIDFile: String { path + "/store-id" }

    func segment(_ id: UInt32) -> String { segments + "/" + Self.name(ofSegment: id) }

    /// Makes the directory if need be and takes its lock.
    init(_ path: String) throws {
        self.path = path
        try Self.make(path)
        let lockPath = path + "/lock"
        let lock = Glibc.open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw StoreError.unusable(reason: "The lock \(lockPath) cannot be opened: \(errnoText(errno)).")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Self.text(of: lockPath)
            Glibc.close(lock)
            throw StoreError.unusable(
                reason: "The data directory \(path) is in use by the process with pid \(holder ?? "unknown")."
            )
        }
        self.lock = lock
        ftruncate(lock, 0)
        let pid = Array("\(getpid())\n".utf8)
        _ = pid.withUnsafeBytes { pwrite(lock, $0.baseAddress, $0.count, 0) }
        do {
            try Self.make(segments)
            try Self.sync(directory: path)
        } catch {
            Glibc.close(lock)
            throw error
        }
    }

    deinit { Glibc.close(lock) }

    /// Lets another process in. The last thing a store does.
    func unlock() { flock(lock, LOCK_UN) }

    private static func make(_ path: String) throws {
        if mkdir(path, 0o700) == 0 {
            let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
            try sync(directory: parent.isEmpty ? "/" : parent)
            return
        }
        guard errno == EEXIST else {
            throw StoreError.unusable(reason: "The directory \(path) cannot be made: \(errnoText(errno)).")
        }
    }

    /// Makes names in a directory durable.
    static func sync(directory: String) throws {
        let file = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw StoreError.io(what: "opening \(directory): \(errnoText(errno))") }
        defer { Glibc.close(file) }
        guard fsync(file) == 0 else { throw StoreError.io(what: "fsync of \(directory): \(errnoText(errno))") }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func fileBytes(_ path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_size) : nil
    }

    /// The first line of a small file.
    static func text(of path: String) -> String? {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { Glibc.close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count].prefix { $0 != 10 }, as: UTF8.self)
    }

    /// Writes a small file and makes it and its name durable.
    static func write(_ text: String, to path: String, in directory: String) throws {
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw StoreError.io(what: "opening \(path): \(errnoText(errno))") }
        defer { Glibc.close(file) }
        let bytes = Array((text + "\n").utf8)
        let count = bytes.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
        guard count == bytes.count, fsync(file) == 0 else {
            throw StoreError.io(what: "writing \(path): \(errnoText(errno))")
        }
        try sync(directory: directory)
    }

    static func name(ofSegment id: UInt32) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits + ".seg"
    }

    /// The ids of all segment files, and the names of files that are none.
    static func segmentFiles(in directory: String) throws -> (ids: [UInt32], strangers: [String]) {
        guard let stream = opendir(directory) else {
            throw StoreError.io(what: "reading the directory \(directory): \(errnoText(errno))")
        }
        defer { closedir(stream) }
        var ids: [UInt32] = []
        var strangers: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            if let id = UInt32(name.prefix(8), radix: 16), Self.name(ofSegment: id) == name {
                ids.append(id)
            } else {
                strangers.append(name)
            }
        }
        return (ids.sorted(), strangers.sorted())
    }
}
