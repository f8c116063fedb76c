import ArgumentParser
import Store

/// `meshd init`
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract:
            "Write a configuration file to begin with: every setting, explained, with limits that fit its purpose.",
        discussion: "The file is checked like any other before it is written. Start with `meshd serve --config FILE`."
    )

    @Option(help: "development, staging or production.") var template: ConfigTemplate = .development
    @Option(help: "The file to write; it must not be there yet. A dash prints it.") var out = "meshd.toml"
    @Option(help: "The node's name.") var name: String?
    @Option(help: "The node's failure zone.") var zone: String?

    func validate() throws {
        for (flag, value) in [("--name", name), ("--zone", zone)] {
            if let value, !SettingKind.isName(value) { throw ValidationError("\(flag) is \(SettingKind.name.allowed)") }
        }
    }

    func run() throws {
        let text = template.text(name: name, zone: zone)
        _ = try SettingsSources(file: (out, text)).resolve()
        guard out != "-" else { return print(text, terminator: "") }
        guard !SmallFile.exists(out) else { throw CommandFailure("\(out) is there already: name another --out") }
        do {
            try SmallFile.write(Array(text.utf8), to: out, mode: 0o644)
        } catch { throw CommandFailure("\(out) cannot be written: \(error)") }
        print("\(out) (\(template.rawValue)): `meshd config --config \(out)` shows what holds")
    }
}

extension ConfigTemplate: ExpressibleByArgument {}
