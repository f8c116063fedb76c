import ArgumentParser
import Glibc
import NIOPosix

/// `chaos kills`: the daemon is killed again and again under load, and everything that it acknowledged is read back.
struct Kills: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kill one meshd again and again under load and read back all that it acknowledged."
    )

    @Option(help: "The meshd to judge, a release build.")
    var meshd: String

    @Option(help: "How many times to kill it.")
    var kills = 200

    @Option(help: "Replays the decisions of an earlier run. Default: a new one, which is printed.")
    var seed: UInt64?

    @Option(help: "Keep the daemon's data and log in this folder, which must not hold any yet.")
    var dir: String?

    @Option(help: "Clients at once.")
    var clients = 16

    @Option(help: "Mean time from the start of the load to the kill, in milliseconds.")
    var meanMillis = 300.0

    @Flag(help: "Do not ask meshd doctor about the data directory after clean stops.")
    var withoutDoctor = false

    @Flag(help: "Judge a debug build nevertheless.")
    var allowDebug = false

    func validate() throws {
        guard (1...100_000).contains(kills) else { throw ValidationError("--kills must be 1 to 100000") }
        guard (1...256).contains(clients) else { throw ValidationError("--clients must be 1 to 256") }
        guard (1...10_000).contains(meanMillis) else { throw ValidationError("--mean-millis must be 1 to 10000") }
    }

    func run() async throws {
        let binary = try Daemon.check(binary: meshd, allowDebug: allowDebug)
        let seed = seed ?? UInt64.random(in: 0...UInt64.max >> 1)
        say("seed \(seed), \(kills) kills, \(clients) clients")
        let group = MultiThreadedEventLoopGroup.singleton
        let scratch = try await Scratch.make(on: group.next())
        let home = try dir.map(Scratch.fresh) ?? scratch.path
        let settings = Daemon.Settings(binary: binary, dataDirectory: "\(home)/data", logFile: "\(home)/meshd.log")
        let loop = KillLoop(
            settings: settings,
            kills: kills,
            asksDoctor: !withoutDoctor,
            clients: clients,
            plan: KillPlan(seed: seed, millisMean: meanMillis),
            seed: seed,
            group: group
        )
        let isClean: Bool
        do {
            isClean = try await loop.run()
        } catch {
            say("stopped: \(error)")
            say("seed \(seed)")
            try await scratch.remove()
            throw ExitCode(1)
        }
        try await scratch.remove()
        if !isClean {
            say("replay with --seed \(seed)")
            throw ExitCode(1)
        }
    }
}
