import ArgumentParser

/// `meshd config`: every effective value and where it came from.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print every effective setting and where it came from."
    )

    @OptionGroup var options: ConfigOptions
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let settings = try options.resolve()
        for warning in settings.warnings { Terminal.complain("warning: \(warning)") }
        if json {
            print(try JSON.text(ConfigAnswer(settings)))
            return
        }
        let rows = settings.entries.map { [$0.setting.name, $0.text.isEmpty ? "-" : $0.text, $0.origin.description] }
        print(Table.text(header: ["SETTING", "VALUE", "FROM"], rows: rows))
    }
}

/// `meshd version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        print(json ? try JSON.text(["version": Meshd.version]) : "meshd \(Meshd.version)")
    }
}
