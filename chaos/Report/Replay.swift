import FoundationEssentials

/// What a report says about how to do its run again. It reads only that: a report of a later harness, with more in it, is
/// as good.
struct Replay: Decodable, Sendable {
    struct Anomaly: Decodable, Sendable { let promise: String? }

    let format: Int
    let seed: UInt64
    let settings: MeshTrial.Settings?
    let versions: Versions
    let machine: Machine
    let anomalies: [Anomaly]

    enum Failure: Error, Equatable, CustomStringConvertible {
        case missing(String)
        case unreadable(String, why: String)
        case otherFormat(Int)
        case withoutSettings

        var description: String {
            switch self {
            case .missing(let path): "there is no report at \(path)"
            case .unreadable(let path, let why): "\(path) is not the report of a run: \(why)"
            case .otherFormat(let format):
                "the report has format \(format), this program knows \(Report.formatOfNow): replay it with the chaos of its time"
            case .withoutSettings:
                "the report is not of chaos run: run its command again, which it holds, with its seed"
            }
        }
    }

    /// `path` is a report's folder, its JSON, or the page beside that.
    static func read(_ path: String) throws(Failure) -> Replay {
        var file = path
        if path.hasSuffix(".html") {
            file = String(path.dropLast(Report.pageName.count)) + Report.jsonName
        } else if !path.hasSuffix(".json") {
            file = path + "/" + Report.jsonName
        }
        guard let data = FileManager.default.contents(atPath: file) else { throw .missing(file) }
        return try parse(data, file)
    }

    static func parse(_ data: Data, _ name: String) throws(Failure) -> Replay {
        struct Head: Decodable { let format: Int }
        do {
            let head = try JSONDecoder().decode(Head.self, from: data)
            guard head.format == Report.formatOfNow else { throw Failure.otherFormat(head.format) }
            return try JSONDecoder().decode(Replay.self, from: data)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw .unreadable(name, why: "\(error)")
        }
    }

    /// What is not as it was: a replay of something else may not fail in the same way.
    func differences(_ now: (versions: Versions, machine: Machine)) -> [String] {
        let pairs = [
            ("meshd", versions.meshd, now.versions.meshd),
            ("the bytes of meshd", versions.meshdSHA256, now.versions.meshdSHA256),
            ("the bytes of chaos", versions.chaosSHA256, now.versions.chaosSHA256),
            ("the bytes of the other meshd", versions.nextSHA256 ?? "-", now.versions.nextSHA256 ?? "-"),
            ("system", machine.system, now.machine.system),
            ("kernel", machine.kernel, now.machine.kernel),
            ("processor", machine.processor, now.machine.processor),
            ("cores", "\(machine.cores)", "\(now.machine.cores)"),
            ("memory", "\(machine.memoryMiB) MiB", "\(now.machine.memoryMiB) MiB"),
            ("file system", machine.fileSystem, now.machine.fileSystem),
        ]
        return pairs.filter { $0.1 != $0.2 }.map { "\($0.0): was \($0.1), is \($0.2)" }
    }

    /// The promises that were broken then, in words.
    var outcome: String {
        let broken = Set(anomalies.map { $0.promise ?? "something beside the promises" }).sorted()
        return broken.isEmpty ? "then everything was kept" : "then these were broken: \(broken.joined(separator: ", "))"
    }
}
