import ArgumentParser
import Glibc
import NIOCore

/// Keeps a run from filling the disk of whoever tries it.
struct DiskBudget: Sendable {
    /// Nothing is started below that, and load ends when it is reached.
    static let freeMin = ByteCount(bytes: 2 << 30)

    static let usedMaxUsual = ByteCount(bytes: 4 << 30)

    /// What the nodes of the run may take together.
    let usedMax: ByteCount

    /// Refuses a run in a folder whose file system has no room for it.
    func require(at folder: String) throws {
        guard let free = Self.free(Self.existing(folder)) else {
            throw ValidationError("cannot ask how much room \(folder) has")
        }
        let wanted = usedMax.bytes + Self.freeMin.bytes
        guard free >= wanted else {
            throw ValidationError(
                "\(folder) has \(Self.gib(free)) GiB free; the nodes may take \(usedMax) and \(Self.freeMin) must stay "
                    + "free. Name another folder with --dir or TMPDIR, or allow less with --disk-max"
            )
        }
    }

    /// Why the load should end now; nil when there is room.
    func objection(_ cluster: Cluster) async -> String? {
        if let free = Self.free(cluster.folder), free < Self.freeMin.bytes {
            return "only \(Self.gib(free)) GiB are free on the disk: the load was ended early"
        }
        // A disk of a node's own is counted once: as the file that it is in.
        let answer = try? await Tool.run(
            ["du", "-skx", cluster.folder],
            output: "\(cluster.folder)/du.\(Clock.nanoseconds())",
            on: cluster.group
        )
        // Files come and go while it counts; it tells the sum nevertheless, as the last line.
        guard let line = answer?.text.split(separator: "\n").last, let used = line.split(separator: "\t").first,
            let kib = Int(used), kib << 10 > usedMax.bytes
        else { return nil }
        return "the nodes took more than \(usedMax) on the disk: the load was ended early"
    }

    /// The folder, or of those that it is to be made in the one that is there.
    private static func existing(_ folder: String) -> String {
        var path = folder[...]
        while access(String(path), F_OK) != 0 {
            guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
                return path.hasPrefix("/") ? "/" : "."
            }
            path = path[..<slash]
        }
        return String(path)
    }

    private static func free(_ folder: String) -> Int? {
        var room = statvfs()
        guard statvfs(folder, &room) == 0 else { return nil }
        return Int(room.f_bavail) * Int(room.f_frsize)
    }

    private static func gib(_ bytes: Int) -> Double { (Double(bytes) / Double(1 << 30) * 10).rounded() / 10 }
}
