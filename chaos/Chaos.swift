import ArgumentParser

/// Starts real `meshd` processes, breaks them, and judges what clients were promised against what they got.
@main
struct Chaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Break a meshd on purpose and prove that it kept its promises.",
        subcommands: [Kills.self, Streams.self, Fuzz.self]
    )
}
