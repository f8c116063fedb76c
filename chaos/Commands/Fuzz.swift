import ArgumentParser
import NIOPosix

/// `chaos fuzz`: broken requests on raw sockets, with valid ones in between that must succeed.
struct Fuzz: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send broken requests to the S3 face and see that it refuses them, stays quick and stays whole."
    )

    @Option(help: "The meshd to judge, a release build.")
    var meshd: String

    @Option(help: "How long to send.")
    var seconds = 20

    @Option(help: "Replays the requests of an earlier run. Default: a new one, which is printed.")
    var seed: UInt64?

    @Flag(help: "Judge a debug build nevertheless.")
    var allowDebug = false

    func validate() throws {
        guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds must be 1 to 86400") }
    }

    func run() async throws {
        let binary = try Daemon.check(binary: meshd, allowDebug: allowDebug)
        let seed = seed ?? UInt64.random(in: 0...UInt64.max >> 1)
        say("seed \(seed), \(seconds) s")
        let group = MultiThreadedEventLoopGroup.singleton
        let scratch = try await Scratch.make(on: group.next())
        let verdict = Verdict()
        let run = FuzzRun(
            settings: Daemon.Settings(
                binary: binary,
                dataDirectory: "\(scratch.path)/data",
                logFile: "\(scratch.path)/meshd.log"
            ),
            seconds: seconds,
            seed: seed,
            verdict: verdict,
            group: group
        )
        do {
            try await run.run()
        } catch {
            verdict.fail("stopped: \(error)")
        }
        try await scratch.remove()
        if !verdict.close(verdict.names) {
            say("replay with --seed \(seed)")
            throw ExitCode(1)
        }
    }
}
