import ArgumentParser

/// `meshd serve`: runs a node until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a node.",
        discussion: "Flags win over MESHD_… variables, those over the TOML file, that over the defaults; "
            + "`meshd config` shows which value won."
    )

    @OptionGroup var options: ConfigOptions

    func run() async throws {
        try await Node.serve(options.resolve())
    }
}
