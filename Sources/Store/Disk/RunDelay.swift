import Glibc

/// How long the present thread has been ready to run and waited for a processor, as the kernel counts it
/// (`/proc/thread-self/schedstat`: nanoseconds run, nanoseconds waited, turns).
struct RunDelay: ~Copyable {
    private let file: Int32

    /// Of the thread that makes it.
    init() { file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC) }

    deinit { if file >= 0 { close(file) } }

    /// Nil where the kernel does not count.
    func nanos() -> UInt64? {
        guard file >= 0 else { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 96) { bytes in
            let count = pread(file, bytes.baseAddress, bytes.count, 0)
            return count > 0 ? Self.nanos(of: bytes[..<count]) : nil
        }
    }

    static func nanos(of line: some Collection<UInt8>) -> UInt64? {
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        return words.count < 2 ? nil : UInt64(String(decoding: words[1], as: UTF8.self))
    }
}
