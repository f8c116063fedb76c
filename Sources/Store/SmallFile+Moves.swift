internal import Glibc

/// Puts a whole store away and brings it back, without touching what is in it.
extension SmallFile {
    /// What a store keeps in its directory, beside the lock.
    package static let storeNames = [
        "index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "segments", "store-id", "digest",
    ]

    /// Runs `body` while no store is open in the directory. Throws `unusable` when one is.
    package static func whileClosed<Value>(_ directory: String, _ body: () throws -> Value) throws -> Value {
        let path = directory + "/lock"
        let lock = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw failure("open", path) }
        // Closing it lets it go.
        defer { Glibc.close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw StoreError.unusable(reason: "The data directory \(directory) is in use by another process.")
        }
        return try body()
    }

    /// Renames what there is of these names from one directory into another one of the same disk. Begun again after a
    /// crash, it goes on; what is in the way is not replaced but an error.
    package static func move(_ names: [String], from source: String, to target: String) throws(StoreError) {
        try makeDirectory(target)
        for name in names where exists(source + "/" + name) {
            guard !exists(target + "/" + name) else { throw .io(what: "\(target)/\(name) is in the way") }
            let path = source + "/" + name
            guard rename(path, target + "/" + name) == 0 else { throw failure("rename", path) }
        }
        try sync(directory: source)
        try sync(directory: target)
    }

    /// Removes a directory with the files and directories in it, or a file; one that is not there is fine.
    package static func removeAll(_ path: String) throws(StoreError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure("lstat", path) }
            return
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return try remove(path) }
        for name in try names(in: path) { try removeAll(path + "/" + name) }
        guard rmdir(path) == 0 || errno == ENOENT else { throw failure("rmdir", path) }
    }

    private static func names(in directory: String) throws(StoreError) -> [String] {
        guard let stream = opendir(directory) else { throw failure("opendir", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func sync(directory: String) throws(StoreError) {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync", directory) }
    }
}
