/// A configuration to begin with: every setting there is, explained, those that the template changes set.
enum ConfigTemplate: String, CaseIterable, Sendable {
    case development, staging, production

    /// What a person should know before the first line.
    private var purpose: String {
        switch self {
        case .development: "For trying things out on one machine: small, talkative, not reachable from outside."
        case .staging: "For a mesh like the real one with less in it: reachable by other machines, limited."
        case .production: "For data that matters: reachable by other machines, patient, with limits as a safety net."
        }
    }

    /// Settings that differ from the defaults, with why.
    private var changes: [(name: String, text: String, why: String)] {
        switch self {
        case .development:
            [
                ("log-level", "debug", "Everything that happens can be read."),
                ("mesh-profile", "fast", "A node that is stopped is dead for the others within seconds."),
                ("disk-reserve", "64MiB", "A laptop's disk is nearly full as a rule."),
                ("max-nodes", "3", "As many as one machine can play."),
                ("max-buckets", "20", "A test that makes buckets in a circle is noticed."),
                ("max-tenants", "5", "The same for tenants."),
                ("max-bytes", "10GiB", "It is nobody's storage."),
                ("events-age", "7d", "What happened last week is over."),
            ]
        case .staging:
            [
                ("s3-listen", "0.0.0.0:9000", "Clients are on other machines."),
                ("mesh-listen", "0.0.0.0:9002", "Nodes are on other machines."),
                ("lan-discovery", "off", "Nodes are let in by tokens."),
                ("max-nodes", "6", "More than these are a mistake."),
                ("max-buckets", "500", "A test that never cleans up is noticed."),
                ("max-tenants", "50", "The same for tenants."),
                ("max-bytes", "500GiB", "On each node."),
            ]
        case .production:
            [
                ("s3-listen", "0.0.0.0:9000", "Clients are on other machines; put TLS or a balancer before it."),
                ("mesh-listen", "0.0.0.0:9002", "Nodes are on other machines; all between them is encrypted."),
                ("lan-discovery", "off", "Nodes are let in by tokens."),
                ("log-level", "notice", "What happens, not how."),
                ("disk-reserve", "4GiB", "Room for repair and compaction when a disk is nearly full."),
                ("max-nodes", "64", "A safety net against a script that adds nodes."),
                ("max-buckets", "5000", "Every node holds the list of all buckets."),
                ("max-tenants", "500", "A safety net against a script that makes tenants."),
                ("events-size", "32MiB", "Some months of what happened."),
                ("events-age", "365d", "Questions come late."),
            ]
        }
    }

    /// The whole file. Names of nodes and zones stay to be filled in: they differ from machine to machine.
    func text(name: String?, zone: String?) -> String {
        var chosen = Dictionary(uniqueKeysWithValues: changes.map { ($0.name, (text: $0.text, why: $0.why)) })
        if let name { chosen["name"] = (name, "") }
        if let zone { chosen["zone"] = (zone, "") }
        var lines = [
            "# meshd, \(rawValue). \(purpose)",
            "# Settings with a # before them have their defaults. `meshd config --config FILE` shows what holds, and why.",
            "# Environment variables (MESHD_ and the name) and flags win over this file.",
        ]
        // A token is no part of a configuration that is copied around.
        for setting in Setting.all where !setting.kind.isSecret {
            lines += ["", "# \(setting.purpose)", "# Allowed: \(setting.kind.allowed)."]
            let change = chosen[setting.name]
            if let why = change?.why, !why.isEmpty { lines.append("# Here: \(why)") }
            let fallback = setting.name == "name" ? "" : setting.fallback
            lines.append((change == nil ? "#" : "") + "\(setting.name) = \"\(change?.text ?? fallback)\"")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
