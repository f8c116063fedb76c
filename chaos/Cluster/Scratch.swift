import FoundationEssentials
import Glibc
import NIOCore

/// A folder of the run's own that is gone when the run is, whatever ends it.
///
/// A small shell process waits for the other end of a pipe to close, which the kernel does when the harness ends for
/// any reason, and then removes the folder.
struct Scratch: Sendable {
    let path: String
    private let janitor: ChildProcess
    private let pipeEnd: Int32

    /// `kept`: a folder that is not removed and in which nothing stays mounted either.
    static func make(on loop: any EventLoop, kept: String? = nil) async throws -> Scratch {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        // mkdtemp puts six characters of its own in the place of the last six.
        var template = Array("\(parent)/chaos-\(String(repeating: "X", count: 6))".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(what: "mkdtemp in \(parent)", code: errno) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Errno(what: "pipe", code: errno) }
        // What is mounted in it, in this run's namespace only, would keep its place busy.
        let script = """
            cat >/dev/null
            for i in 1 2 3 4 5; do
                grep -Eo " ($1|${2:-$1})/[^ ]*" /proc/mounts | while read -r place; do
                    fsfreeze -u "$place"
                    umount -l "$place"
                done
                rm -rf -- "$1" && break
                sleep 0.5
            done
            """
        let janitor = try await ChildProcess.startDetached(
            ["sh", "-c", script, "chaos-janitor", path] + (kept.map { [$0] } ?? []),
            input: ends[0],
            on: loop
        )
        return Scratch(path: path, janitor: janitor, pipeEnd: ends[1])
    }

    /// A folder within one.
    static func make(folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    /// A folder that somebody named and wants to keep, made if need be. It must not hold a daemon's data yet.
    static func fresh(_ folder: String) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let held = try FileManager.default.contentsOfDirectory(atPath: folder)
        guard held.isEmpty else { throw Errno(what: folder, code: ENOTEMPTY) }
        return folder
    }

    func remove() async throws {
        close(pipeEnd)
        _ = try await janitor.wait()
    }
}

/// A system call that failed.
struct Errno: Error, CustomStringConvertible {
    let what: String
    let code: Int32

    var description: String { "\(what): \(String(cString: strerror(code)))" }
}
