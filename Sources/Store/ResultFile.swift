internal import Glibc

/// A file that a command writes piece by piece. Under its name only when it is whole.
package struct ResultFile: ~Copyable {
    private let path: String
    private let descriptor: Int32
    private var isWhole = false
    private var fresh: String { path + ".part" }

    /// `mode` is exact, whatever the umask.
    package init(_ path: String, mode: UInt32) throws(StoreError) {
        let fresh = path + ".part"
        descriptor = Glibc.open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        self.path = path
        guard descriptor >= 0 else { throw SmallFile.failure("create", fresh) }
        guard fchmod(descriptor, mode) == 0 else { throw SmallFile.failure("chmod", fresh) }
    }

    deinit {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        if !isWhole { unlink(fresh) }
    }

    package func append(_ bytes: [UInt8]) throws(StoreError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw SmallFile.failure("write", fresh) }
            done += count
        }
    }

    package mutating func finish() throws(StoreError) {
        guard rename(fresh, path) == 0 else { throw SmallFile.failure("rename", path) }
        isWhole = true
    }
}
