import ArgumentParser

/// `chaos kills`: the daemon is killed again and again under load, and everything that it acknowledged is read back.
struct Kills: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kill one meshd again and again under load and read back all that it acknowledged."
    )

    @OptionGroup var options: RunOptions

    @Option(help: "How many times to kill it.")
    var kills = 200

    @Option(help: "Clients at once.")
    var clients = 16

    @Option(help: "Mean time from the start of the load to the kill, in milliseconds.")
    var meanMillis = 300.0

    @Flag(help: "Do not ask meshd doctor about the data directory after clean stops.")
    var withoutDoctor = false

    func validate() throws {
        guard (1...100_000).contains(kills) else { throw ValidationError("--kills must be 1 to 100000") }
        guard (1...256).contains(clients) else { throw ValidationError("--clients must be 1 to 256") }
        guard (1...10_000).contains(meanMillis) else { throw ValidationError("--mean-millis must be 1 to 10000") }
    }

    func run() async throws {
        let plan = "\(kills) kills, \(clients) clients"
        try await Run.judge(options, plan, counts: KillLoop.counts) { run in
            try await KillLoop(
                settings: Daemon.Settings(binary: run.binary, folder: run.folder),
                kills: kills,
                asksDoctor: !withoutDoctor,
                clients: clients,
                plan: KillPlan(seed: run.seed, millisMean: meanMillis),
                seed: run.seed,
                group: run.group,
                verdict: run.verdict
            ).run()
            return []
        }
    }
}
