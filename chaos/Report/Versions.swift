import FoundationEssentials
import NIOCore

/// Which programs took part, exactly: a version alone does not tell two builds apart.
struct Versions: Codable, Equatable, Sendable {
    let meshd: String
    let meshdSHA256: String
    let chaosSHA256: String
    /// Of the build that nodes changed to and back from.
    var nextSHA256: String?

    static func find(_ run: Run, next: String?, scratch: String) async -> Versions {
        await find(meshd: run.binary, next: next, scratch: scratch, on: run.group)
    }

    static func find(meshd: String, next: String?, scratch: String, on group: any EventLoopGroup) async -> Versions {
        async let version = ask([meshd, "version"], "\(scratch)/version", group)
        async let sum = ask(["sha256sum", "-b", meshd], "\(scratch)/sum.meshd", group)
        async let own = ask(
            ["sha256sum", "-b", "/proc/\(ProcessInfo.processInfo.processIdentifier)/exe"],
            "\(scratch)/sum.chaos",
            group
        )
        var versions = Versions(meshd: await version, meshdSHA256: hash(await sum), chaosSHA256: hash(await own))
        if let next { versions.nextSHA256 = hash(await ask(["sha256sum", "-b", next], "\(scratch)/sum.next", group)) }
        return versions
    }

    /// The first line of what it says; a report is worth having also when it cannot be asked.
    private static func ask(_ arguments: [String], _ output: String, _ group: any EventLoopGroup) async -> String {
        let text = try? await Tool.must(arguments, output: output, on: group)
        return text?.split(separator: "\n").first.map(String.init) ?? "unknown"
    }

    private static func hash(_ line: String) -> String { String(line.prefix { $0 != " " }) }
}
