import FoundationEssentials
import Glibc

/// What a run ran on: half of the meaning of its numbers.
struct Machine: Codable, Equatable, Sendable {
    let system: String
    let kernel: String
    let processor: String
    let cores: Int
    let memoryMiB: Int
    /// Of the nodes' data.
    let fileSystem: String

    /// `place` is the folder of the nodes' data.
    static func find(place: String) -> Machine {
        var name = utsname()
        uname(&name)
        return Machine(
            system: value("/etc/os-release", "PRETTY_NAME=")?.trimmed("\"") ?? "Linux",
            kernel: text(name.release),
            processor: value("/proc/cpuinfo", "model name")?.trimmed("\t :") ?? text(name.machine),
            cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
            memoryMiB: sysconf(Int32(_SC_PHYS_PAGES)) / 1024 * sysconf(Int32(_SC_PAGESIZE)) / 1024,
            fileSystem: fileSystem(place)
        )
    }

    /// The type of the mount that the folder is on: of those that lead to it, the longest.
    private static func fileSystem(_ place: String) -> String {
        guard let file = fopen("/proc/self/mounts", "r") else { return "unknown" }
        defer { fclose(file) }
        var found = (point: "", type: "unknown")
        while let line = nextLine(of: file) {
            let fields = line.split(separator: " ")
            guard fields.count > 2, fields[1].count >= found.point.count else { continue }
            let folder = fields[1] == "/" ? "/" : fields[1] + "/"
            if place == fields[1] || place.hasPrefix(folder) { found = (String(fields[1]), String(fields[2])) }
        }
        return found.type
    }

    /// What comes after that in the first line that begins so.
    private static func value(_ path: String, _ begin: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        while let line = nextLine(of: file) {
            if line.hasPrefix(begin) { return line.dropFirst(begin.count).description.trimmed("\n") }
        }
        return nil
    }

    /// The next one, or the beginning of it when it is very long.
    private static func nextLine(of file: UnsafeMutablePointer<FILE>) -> String? {
        var bytes = [CChar](repeating: 0, count: 1024)
        guard fgets(&bytes, Int32(bytes.count), file) != nil else { return nil }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A field of `uname`: characters up to a zero.
    private static func text(_ field: some Any) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension String {
    fileprivate func trimmed(_ characters: String) -> String {
        let tail = drop { characters.contains($0) }
        return String(tail.reversed().drop { characters.contains($0) }.reversed())
    }
}
