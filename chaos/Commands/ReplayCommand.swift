import ArgumentParser
import Glibc
import NIOPosix

/// `chaos replay`: the run of an earlier report once more, with its seed and settings.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Do the run of a report again: same seed, same nodes, same faults.",
        discussion: "Says first what is not as it was then: the programs, the machine."
    )

    @Argument(help: "A report's folder, or its report.json.")
    var path: String

    @Option(help: "The meshd to judge, a release build. Default: the one beside this program.")
    var meshd: String?

    @Option(help: "The other build, where the run had upgrades. Default: where it was then.")
    var meshdNext: String?

    @Option(help: "Write the new report into this folder.")
    var report: String?

    @Option(help: "Keep data and logs in this folder, which must not hold any yet. Default: one in TMPDIR, removed.")
    var dir: String?

    @Flag(help: "Judge a debug build nevertheless.")
    var allowDebug = false

    func run() async throws {
        let replay = try Replay.read(path)
        guard var settings = replay.settings else { throw Replay.Failure.withoutSettings }
        if settings.faults.contains(.upgrade) {
            guard let next = meshdNext ?? settings.next else {
                throw ValidationError("the run had upgrades: name the other build with --meshd-next")
            }
            settings.next = try Daemon.check(binary: next, allowDebug: allowDebug)
        } else if meshdNext != nil {
            throw ValidationError("the run had no upgrades: leave --meshd-next out")
        }
        let missing = settings.faults.filter { $0.needsRoot && geteuid() != 0 }
        guard missing.isEmpty else {
            let names = missing.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("only root can do this: \(names)")
        }
        var options = RunOptions()
        options.meshd = meshd
        options.seed = replay.seed
        options.dir = dir
        options.report = report
        options.allowDebug = allowDebug
        // In a network of its own this program begins again: what differs is told once.
        if Namespaces.isInside || !settings.faults.contains(where: \.needsNetwork) {
            try await compare(replay, settings.next, options)
        }
        try await RunCommand.run(options, settings)
    }

    private func compare(_ replay: Replay, _ next: String?, _ options: RunOptions) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let scratch = try await Scratch.make(on: group.next())
        let versions = await Versions.find(
            meshd: try options.binary(),
            next: next,
            scratch: scratch.path,
            on: group
        )
        let machine = Machine.find(place: scratch.path)
        try await scratch.remove()
        let differences = replay.differences((versions, machine))
        say("\(path): \(replay.outcome)")
        if differences.isEmpty { say("the programs and the machine are the same as then") }
        for difference in differences { say("not as it was: \(difference)") }
    }
}
