import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd rehearse`: lets a node play dead, and shows that nothing fails.
struct RehearseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse",
        abstract: "Let a node play dead for a while, and show that no request fails.",
        discussion:
            "The node says and hears nothing on the mesh, and answers its own clients with 503; then it goes on by "
            + "itself. The node that is asked writes, reads and lists all the time. It ends with 1 if anything failed."
    )

    @Argument(help: "Who is to play dead, by name or the first digits of the id; not the node that is asked.")
    var node: String
    @Option(help: "For how many seconds, 10 to 120.") var seconds = 30
    @OptionGroup var options: ClientOptions

    func validate() throws {
        guard RehearsalCall.secondsAllowed.contains(seconds) else {
            throw ValidationError("a node plays dead for 10 to 120 seconds")
        }
    }

    func run() async throws {
        let client = try options.client()
        let order = try JSON.bytes(RehearsalOrder(node: node, seconds: seconds))
        var state = try await client.call(.POST, "cluster/rehearsal", body: order, as: RehearsalState.self)
        var said = ""
        while let report = state.rehearsal, report.phase != .done {
            if !options.json, report.sentence != said { print(Table.plain(report.sentence)) }
            said = report.sentence
            try await Task.sleep(for: .milliseconds(500))
            state = try await client.call(.GET, "cluster/rehearsal", as: RehearsalState.self)
        }
        guard let report = state.rehearsal else { throw CommandFailure("the node was started again meanwhile") }
        try options.show(report) { Self.text($0) }
        guard report.verdict == .passed else { throw ExitCode(1) }
    }

    static func text(_ report: RehearsalReport) -> String {
        let phases = [("before", report.before), ("away", report.away), ("back", report.returning)]
        let table = Table.text(
            header: ["phase", "probes", "failed", "half within", "slowest"],
            rows: phases.map { name, probes in
                [
                    name, "\(probes.count)", "\(probes.failed)", millis(probes.medianMillis),
                    millis(probes.slowestMillis),
                ]
            }
        )
        var lines: [String] = []
        let steps: [(Int64?, String)] = [
            (report.suspectedMillis, "\(report.watcher) suspected \(report.node)"),
            (report.deadMillis, "\(report.watcher) held \(report.node) for dead"),
            (report.backMillis, "\(report.node) was seen alive again"),
            (report.equalMillis, "nothing waited for \(report.node) any more"),
        ]
        for (at, what) in steps {
            lines.append(at.map { "after \(Double($0 / 100) / 10) s  \(what)" } ?? "never  \(what)")
        }
        for failure in report.failures {
            lines.append("\(failure.operation) at \(Double(failure.millis / 100) / 10) s failed: \(failure.error)")
        }
        lines.append(report.sentence)
        return ([table] + lines.map { Table.plain($0) }).joined(separator: "\n")
    }

    private static func millis(_ number: Double) -> String { "\(Double(Int(number * 10)) / 10) ms" }
}
