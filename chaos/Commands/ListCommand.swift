import ArgumentParser
import Glibc

/// `chaos list`: what can be done to a mesh, what its clients do, and what is checked.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Tell which faults, workloads and promises there are."
    )

    func run() {
        let isRoot = geteuid() == 0
        table(
            "Faults (--faults NAME,NAME or all)",
            FaultKind.allCases.map { kind in
                var notes = kind.needsRoot ? (isRoot ? " [root]" : " [needs root: left out]") : ""
                if !kind.isCommon { notes += " [only by name]" }
                return (kind.rawValue, kind.text + notes)
            }
        )
        table("Workloads (all run at once)", WorkloadKind.allCases.map { ($0.rawValue, $0.text) })
        table("Promises (each has a checker)", Promise.allCases.map { ($0.rawValue, $0.text) })
    }

    private func table(_ title: String, _ rows: [(name: String, text: String)]) {
        let width = rows.map(\.name.count).max() ?? 0
        say(title)
        for row in rows { say("  \(row.name)\(String(repeating: " ", count: width - row.name.count))  \(row.text)") }
        say("")
    }
}
