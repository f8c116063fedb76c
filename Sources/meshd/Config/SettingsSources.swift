import Mesh
import Store
import TOMLKit

/// Something wrong with the configuration: where, what, and what is allowed.
struct ConfigFault: Sendable, CustomStringConvertible {
    let place: String
    let what: String
    var allowed: String?

    var description: String { "\(place): \(what)" + (allowed.map { "; allowed: \($0)" } ?? "") }
}

/// All that is wrong with the configuration, found in one go.
struct ConfigError: Error, Sendable, CustomStringConvertible {
    let faults: [ConfigFault]

    var description: String { faults.map(\.description).joined(separator: "\n") }
}

/// Where settings are said: flags, environment, file. Flags win over the environment, that over the file.
struct SettingsSources: Sendable {
    /// Name and text, as given on the command line.
    var flags: [(name: String, text: String)] = []
    var environment: [String: String] = [:]
    /// The path of the TOML file and its bytes.
    var file: (path: String, text: String)?

    /// Variables that begin like settings and are something else: secrets, which belong in no configuration file.
    static let otherVariables: Set<String> = [
        "MESHD_CONFIG", "MESHD_ADMIN_TOKEN", "MESHD_ROOT_ACCESS_KEY", "MESHD_ROOT_SECRET_KEY",
    ]

    /// Reads the file that `path` or `MESHD_CONFIG` names, if any.
    static func gather(
        flags: [(name: String, text: String)],
        environment: [String: String],
        configPath: String?
    ) throws -> SettingsSources {
        var sources = SettingsSources(flags: flags, environment: environment)
        guard let path = configPath ?? environment["MESHD_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 }) else {
            return sources
        }
        func fault(_ what: String) -> ConfigError { ConfigError(faults: [ConfigFault(place: path, what: what)]) }
        let bytes: [UInt8]?
        do {
            bytes = try SmallFile.read(path)
        } catch {
            throw fault("\(error)")
        }
        guard let bytes else { throw fault("there is no such file") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("the file is not UTF-8") }
        sources.file = (path, text)
        return sources
    }

    /// The effective settings, or everything that is wrong with the sources.
    func resolve() throws(ConfigError) -> Settings {
        var faults: [ConfigFault] = []
        var chosen: [String: (text: String, origin: Settings.Origin)] = [:]
        if let file { readFile(file, into: &chosen, faults: &faults) }
        for setting in Setting.all {
            if let text = environment[setting.variable] {
                chosen[setting.name] = (text, .environment(setting.variable))
            }
        }
        for flag in flags { chosen[flag.name] = (flag.text, .flag("--" + flag.name)) }

        var entries: [Settings.Entry] = []
        for setting in Setting.all {
            let (text, origin) = chosen[setting.name] ?? (setting.fallback, .fallback)
            if let value = setting.kind.value(of: text) {
                let shown = setting.kind.isSecret && !text.isEmpty ? Secret(text).description : text
                entries.append(Settings.Entry(setting: setting, text: shown, origin: origin, value: value))
            } else {
                let place = origin.description
                // Half a secret in a log is still half a secret.
                let shown = setting.kind.isSecret ? "what was given" : "\"\(text.prefix(100))\""
                let what = "\(setting.name) cannot be \(shown)"
                faults.append(ConfigFault(place: place, what: what, allowed: setting.kind.allowed))
            }
        }
        faults += Self.contradictions(in: entries)
        guard faults.isEmpty else { throw ConfigError(faults: faults) }
        return Settings(entries: entries, warnings: unknownVariables())
    }

    private func readFile(
        _ file: (path: String, text: String),
        into chosen: inout [String: (text: String, origin: Settings.Origin)],
        faults: inout [ConfigFault]
    ) {
        let table: TOMLTable
        do {
            table = try TOMLTable(string: file.text)
        } catch let error as TOMLParseError {
            let place = "\(file.path):\(error.source.begin.line):\(error.source.begin.column)"
            faults.append(ConfigFault(place: place, what: error.description))
            return
        } catch {
            faults.append(ConfigFault(place: file.path, what: "\(error)"))
            return
        }
        let lines = TOMLLines(file.text)
        for (name, value) in table {
            let line = lines.line(of: name)
            let place = "\(file.path):\(line)"
            guard let setting = Setting.named(name) else {
                let hint = Setting.nearest(to: name).map { ", did you mean \"\($0)\"?" } ?? ""
                let names = Setting.all.map(\.name).joined(separator: ", ")
                faults.append(ConfigFault(place: place, what: "there is no setting \"\(name)\"" + hint, allowed: names))
                continue
            }
            if let text = Self.text(of: value) {
                chosen[name] = (text, .file(file.path, line: line))
            } else {
                let what = "\(name) cannot be a \(value.type)"
                faults.append(ConfigFault(place: place, what: what, allowed: setting.kind.allowed))
            }
        }
    }

    /// A TOML value as a flag would say it; nil for tables, dates and nested lists.
    private static func text(of value: any TOMLValueConvertible) -> String? {
        if let text = value.string { return text }
        if let number = value.int { return String(number) }
        if let number = value.double { return String(number) }
        if let flag = value.bool { return String(flag) }
        guard let array = value.array else { return nil }
        var parts: [String] = []
        for element in array {
            guard let text = element.string else { return nil }
            parts.append(text)
        }
        return parts.joined(separator: ",")
    }

    /// Values that are fine alone and wrong together.
    private static func contradictions(in entries: [Settings.Entry]) -> [ConfigFault] {
        let byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.setting.name, $0) })
        var faults: [ConfigFault] = []
        for (chain, key) in [("tls-certificate", "tls-key"), ("admin-tls-certificate", "admin-tls-key")] {
            guard let a = byName[chain], let b = byName[key], a.text.isEmpty != b.text.isEmpty else { continue }
            let given = a.text.isEmpty ? b : a
            let missing = a.text.isEmpty ? a : b
            let what = "\(given.setting.name) is given, \(missing.setting.name) is not"
            faults.append(ConfigFault(place: given.origin.description, what: what, allowed: "both or neither"))
        }
        var taken: [ListenAddress: Settings.Entry] = [:]
        for name in ["s3-listen", "admin-listen", "mesh-listen"] {
            guard let entry = byName[name], case .address(let address) = entry.value, address.port != 0 else {
                continue
            }
            if let other = taken.updateValue(entry, forKey: address) {
                let what = "\(name) and \(other.setting.name) are both \(address)"
                faults.append(
                    ConfigFault(place: entry.origin.description, what: what, allowed: "a different port for each")
                )
            }
        }
        return faults
    }

    /// Not an error: a supervisor may set variables of its own that happen to begin with `MESHD_`.
    private func unknownVariables() -> [String] {
        let known = Set(Setting.all.map(\.variable)).union(Self.otherVariables)
        return environment.keys.filter { $0.hasPrefix("MESHD_") && !known.contains($0) }.sorted().map { variable in
            let name = variable.dropFirst("MESHD_".count).lowercased().replacing("_", with: "-")
            let hint = Setting.nearest(to: name).flatMap { Setting.named($0)?.variable }
            return "the environment variable \(variable) is no setting" + (hint.map { "; did you mean \($0)?" } ?? "")
        }
    }
}
