import ArgumentParser
import NIOCore
import NIOPosix

/// `chaos bugs`: whether the harness finds what is wrong on purpose.
struct BugsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bugs",
        abstract: "Run a debug build with one rule taken away after the other: each must be noticed.",
        discussion: "Needs root. Prints which checker found each bug, with which seed, after how long."
    )

    @Option(help: "The meshd to start, a debug build: a release build has no bugs to choose from.")
    var meshd: String

    @Option(help: "The first seed; others are tried in turn.")
    var seed: UInt64 = 1

    @Option(help: "Only these, by name, separated by commas.")
    var only: String?

    @Flag(help: "Run the same without the bugs, each with one seed: nothing may be found.")
    var control = false

    func validate() throws { _ = try hunts() }

    func run() async throws {
        try Namespaces.enter()
        let binary = try Daemon.check(binary: meshd, allowDebug: true)
        let scratch = try await Scratch.make(on: MultiThreadedEventLoopGroup.singleton.next())
        let run = Run(binary: binary, seed: seed, folder: scratch.path)
        var finds: [BugHunt.Find] = []
        do {
            for hunt in try hunts() {
                let hunt = control ? hunt.control : hunt
                let find = try await hunt.judge(run, once: control)
                say("\(find.bug): " + (find.claim ?? "nothing was found"))
                finds.append(find)
            }
        } catch {
            say("stopped: \(error)")
        }
        try await scratch.remove()
        for line in Self.table(finds) { say(line) }
        let isRight = try finds.count == hunts().count && finds.allSatisfy { ($0.promise == nil) == control }
        if !isRight { throw ExitCode(1) }
    }

    private func hunts() throws -> [BugHunt] {
        guard let only else { return BugHunt.all }
        return try only.split(separator: ",").map { name in
            guard let hunt = BugHunt.all.first(where: { $0.bug == name }) else {
                let known = BugHunt.all.map(\.bug).joined(separator: ", ")
                throw ValidationError("no bug is called \(name); there are \(known)")
            }
            return hunt
        }
    }

    /// In Markdown, for the documentation.
    private static func table(_ finds: [BugHunt.Find]) -> [String] {
        ["| bug | found by | seed | seconds |", "|---|---|---|---|"]
            + finds.map { "| \($0.bug) | \($0.promise?.rawValue ?? "not found") | \($0.seed) | \($0.seconds) |" }
    }
}
