internal import Glibc
internal import Synchronization

/// Lines of text that outlive the process: a folder with a few files, of which the oldest goes when a new one begins.
///
/// `append` never blocks: a thread of its own writes and syncs what has come together. What does not fit its queue or
/// the disk is dropped and counted, because a log must not stop what it tells of.
package final class LineLog: Sendable {
    package struct Limits: Sendable {
        /// All files together.
        package var bytesMax: Int
        package var ageMillisMax: UInt64

        package init(bytesMax: Int, ageMillisMax: UInt64) {
            self.bytesMax = bytesMax
            self.ageMillisMax = ageMillisMax
        }

        /// The whole in this many parts: what goes at once is one of them.
        static let files = 8
        var bytesPerFile: Int { max(1, bytesMax / Self.files) }
    }

    private struct State {
        var waiting: [[UInt8]] = []
        var isWriting = false
        var dropped: UInt64 = 0
    }

    private static let queueMax = 4_096
    private static let lineBytesMax = 64 << 10
    /// How often old files are looked for when nothing is written.
    private static let ageCheckMillis: UInt64 = 10 * 60_000

    private let state: Mutex<State>
    private let bell = Bell()
    private let drained = Bell()
    private let folder: LineFolder
    private let thread: StoreThread

    /// Makes the folder if need be.
    package init(_ path: String, limits: Limits) throws {
        try SmallFile.makeDirectory(path)
        let folder = try LineFolder(path, limits)
        self.folder = folder
        let (bell, drained) = (bell, drained)
        let box = Box<@Sendable () -> Bool>()
        thread = try StoreThread("store-lines") {
            // A line and the close may come in one ring: what waits is written before the end.
            var isOpen = true
            while isOpen {
                isOpen = bell.wait(millis: Self.ageCheckMillis)
                while box.get()?() == true {}
                folder.forget(Clock.wallMillis())
                drained.ring()
            }
        }
        state = Mutex(State())
        box.set { [weak self] in self?.writeSome() ?? false }
    }

    /// Every whole line that is kept, oldest first. Blocks; for the start.
    package static func read(_ path: String) -> [[UInt8]] { LineFolder.lines(in: path) }

    /// Without a line feed in it; the log adds one.
    package func append(_ line: [UInt8]) {
        let isTaken = state.withLock { state in
            guard state.waiting.count < Self.queueMax, line.count <= Self.lineBytesMax else {
                state.dropped += 1
                return false
            }
            state.waiting.append(line)
            return true
        }
        if isTaken { bell.ring() }
    }

    /// Lines that were not written, since the start.
    package var dropped: UInt64 { state.withLock { $0.dropped } }

    /// Everything that was appended is on the disk when this returns. Blocks; once only.
    package func close() {
        bell.close()
        thread.join()
    }

    /// Waits until what was appended before is written. Blocks; for tests and stops.
    package func flush() {
        while state.withLock({ !$0.waiting.isEmpty || $0.isWriting }) {
            bell.ring()
            _ = drained.wait(millis: 10)
        }
    }

    private func writeSome() -> Bool {
        let lines = state.withLock { state in
            state.isWriting = !state.waiting.isEmpty
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return state.waiting
        }
        guard !lines.isEmpty else { return false }
        let failed = folder.write(lines, now: Clock.wallMillis())
        state.withLock { state in
            state.dropped += UInt64(failed)
            state.isWriting = false
        }
        return true
    }
}

/// The files of a log of lines. Used by its thread only, once it is there.
private final class LineFolder: Sendable {
    private struct File {
        var number: UInt64
        var bytes: Int
        var changedMillis: UInt64
    }

    /// Of one file that somebody let grow: its newest lines.
    private static let readBytesMax = 64 << 20

    private let path: String
    private let limits: LineLog.Limits
    private let files: Mutex<[File]>

    init(_ path: String, _ limits: LineLog.Limits) throws {
        self.path = path
        self.limits = limits
        files = Mutex(Self.files(in: path))
    }

    private static func name(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 10 - digits.count)) + digits + ".jsonl"
    }

    private static func files(in path: String) -> [File] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var files: [File] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasSuffix(".jsonl"), let number = UInt64(name.dropLast(6)) else { continue }
            var status = stat()
            guard stat(path + "/" + name, &status) == 0 else { continue }
            let millis = UInt64(max(0, status.st_mtim.tv_sec)) * 1_000
            files.append(File(number: number, bytes: Int(status.st_size), changedMillis: millis))
        }
        return files.sorted { $0.number < $1.number }
    }

    static func lines(in path: String) -> [[UInt8]] {
        files(in: path).flatMap { file -> [[UInt8]] in
            var lines = end(of: path + "/" + name(file.number)).split(separator: 0x0A, omittingEmptySubsequences: false)
            // What stands behind the last line feed was cut off by a crash.
            lines.removeLast()
            return lines.filter { !$0.isEmpty }.map(Array.init)
        }
    }

    /// The newest bytes of a file, from the beginning of a line; what can be read of them.
    private static func end(of file: String) -> ArraySlice<UInt8> {
        let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return [] }
        let start = max(0, Int(status.st_size) - readBytesMax)
        var count = 0
        // Each byte that is counted as filled was read into the buffer, which has that many.
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size) - start) { buffer, filled in
            while count < buffer.count {
                let more = pread(descriptor, buffer.baseAddress! + count, buffer.count - count, start + count)
                if more < 0 && errno == EINTR { continue }
                guard more > 0 else { break }
                count += more
            }
            filled = count
        }
        guard start > 0 else { return bytes[...] }
        return bytes.firstIndex(of: 0x0A).map { bytes[($0 + 1)...] } ?? []
    }

    /// Appends all and syncs once; how many lines could not be written.
    func write(_ lines: [[UInt8]], now: UInt64) -> Int {
        var written = 0
        files.withLock { files in
            while written < lines.count {
                if files.isEmpty || files[files.count - 1].bytes >= limits.bytesPerFile {
                    files.append(File(number: (files.last?.number ?? 0) + 1, bytes: 0, changedMillis: now))
                }
                let room = limits.bytesPerFile - files[files.count - 1].bytes
                // The file may end in half a line, of an earlier life or of a disk that was full: it must not swallow
                // the line that comes now. Empty lines are nothing to who reads.
                let mayBeHalf = mayEndInHalf.load(ordering: .relaxed) && files[files.count - 1].bytes > 0
                var batch: [UInt8] = mayBeHalf ? [0x0A] : []
                var count = 0
                while written + count < lines.count, count == 0 || batch.count < room {
                    batch += lines[written + count]
                    batch.append(0x0A)
                    count += 1
                }
                let (bytes, isWhole) = append(batch, to: files[files.count - 1].number)
                files[files.count - 1].bytes += bytes
                mayEndInHalf.store(!isWhole, ordering: .relaxed)
                guard isWhole else { break }
                files[files.count - 1].changedMillis = now
                written += count
            }
        }
        return lines.count - written
    }

    private let mayEndInHalf = Atomic<Bool>(true)

    /// How many bytes were written, and whether all of them are there for good.
    private func append(_ bytes: [UInt8], to number: UInt64) -> (bytes: Int, isWhole: Bool) {
        let file = path + "/" + Self.name(number)
        let descriptor = Glibc.open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return (0, false) }
        defer { Glibc.close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return (bytes.count - rest.count, false) }
            rest = rest.dropFirst(count)
        }
        return (bytes.count, fdatasync(descriptor) == 0)
    }

    /// Removes what is too old and what is too much.
    func forget(_ now: UInt64) {
        files.withLock { files in
            while let first = files.first {
                let isOld = first.changedMillis + limits.ageMillisMax < now
                let isTooMuch = files.reduce(0) { $0 + $1.bytes } > limits.bytesMax
                guard isOld || isTooMuch else { return }
                guard files.count > 1 || isOld else { return }
                unlink(path + "/" + Self.name(first.number))
                files.removeFirst()
            }
        }
    }
}
