import ArgumentParser

/// `chaos fuzz`: broken requests on raw sockets, with valid ones in between that must succeed.
struct Fuzz: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send broken requests to the S3 face and see that it refuses them, stays quick and stays whole."
    )

    @OptionGroup var options: RunOptions

    @Option(help: "How long to send.")
    var seconds = 20

    func validate() throws {
        guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds must be 1 to 86400") }
    }

    func run() async throws {
        try await Run.judge(options, "\(seconds) s") { run in
            try await FuzzRun(
                settings: Daemon.Settings(binary: run.binary, folder: run.folder),
                seconds: seconds,
                seed: run.seed,
                verdict: run.verdict,
                group: run.group
            ).run()
            return []
        }
    }
}
