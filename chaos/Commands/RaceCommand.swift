import ArgumentParser

/// `chaos race`: many creators and many swappers of one key at a time, through different nodes.
struct RaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "race",
        abstract: "Let many clients race for one key at a time, through different nodes: exactly one may win."
    )

    @OptionGroup var options: RunOptions

    @Option(help: "How many nodes.")
    var nodes = 5

    @Option(help: "How many races, about half of them of creators, half of swappers.")
    var rounds = 100

    @Option(help: "Racers in each.")
    var racers = 50

    @Option(
        help: "What is done to the nodes meanwhile: kill, restart, stop, isolate, oneway, lossy, partition, …; none."
    )
    var faults = "none"

    func validate() throws {
        guard (1...16).contains(nodes) else { throw ValidationError("--nodes must be 1 to 16") }
        guard (1...1_000_000).contains(rounds) else { throw ValidationError("--rounds must be 1 to 1000000") }
        guard (2...500).contains(racers) else { throw ValidationError("--racers must be 2 to 500") }
        _ = try FaultKind.list(faults)
    }

    func run() async throws {
        let faults = try FaultKind.list(faults)
        if faults.contains(where: \.needsNetwork) { try Namespaces.enter() }
        try await Run.judge(options, "\(nodes) nodes, \(rounds) rounds of \(racers), faults: \(self.faults)") { run in
            let trial = try await RaceTrial(nodes: nodes, rounds: rounds, racers: racers, faults: faults, run)
            try await trial.judge()
            return trial.cluster.troubles.all
        }
    }
}
