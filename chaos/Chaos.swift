import ArgumentParser

/// Starts real `meshd` processes, breaks them, and judges what clients were promised against what they got.
@main
struct Chaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Break a meshd on purpose and prove that it kept its promises.",
        subcommands: [
            RunCommand.self, ListCommand.self, ReplayCommand.self, SoakCommand.self, BenchCommand.self,
            RaceCommand.self, ReplicateCommand.self, BugsCommand.self, Kills.self, Streams.self, Fuzz.self,
        ]
    )
}
