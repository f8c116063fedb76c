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
            + "itself. The node that is asked writes, reads, lists and deletes all the time. It ends with 1 unless all "
            + "went well."
    )

    @Argument(help: "Who is to play dead, by name or the first digits of the id; not the node that is asked.")
    var node: String
    @Option(help: "For how many seconds, 10 to 120.") var seconds = Rehearsal.secondsDefault
    @OptionGroup var options: ClientOptions

    func validate() throws {
        guard RehearsalCall.secondsAllowed.contains(seconds) else {
            throw ValidationError(Rehearsal.secondsFault)
        }
    }

    func run() async throws {
        let client = try options.client()
        let order = try JSON.bytes(RehearsalOrder(node: node, seconds: seconds))
        var state = try await client.call(.POST, "cluster/rehearsal", body: order, as: RehearsalState.self)
        let id = state.rehearsal?.id
        var said = ""
        while let report = state.rehearsal, report.id == id, report.phase != .done {
            if !options.json, report.sentence != said { print(Table.plain(report.sentence)) }
            said = report.sentence
            try await Task.sleep(for: .milliseconds(500))
            state = try await client.call(.GET, "cluster/rehearsal", as: RehearsalState.self)
        }
        guard let report = state.rehearsal, report.id == id else {
            throw CommandFailure("the node was started again meanwhile, or conducts another rehearsal")
        }
        try options.show(report) { Self.text($0) }
        guard report.verdict == .passed else { throw ExitCode(1) }
    }

    static func text(_ report: RehearsalReport) -> String {
        let phases = [("before", report.before), ("away", report.away), ("back", report.back)]
        let table = Table.text(
            header: ["phase", "requests", "failed", "half within", "slowest"],
            rows: phases.map { name, requests in
                [
                    name, "\(requests.count)", "\(requests.failed)", millis(requests.medianMillis),
                    millis(requests.slowestMillis),
                ]
            }
        )
        var lines: [String] = []
        let steps: [(Int64?, String)] = [
            (report.suspectedMillis, "\(report.conductor) suspected \(report.node)"),
            (report.deadMillis, "\(report.conductor) declared \(report.node) dead"),
            (report.backMillis, "\(report.node) was seen alive again"),
            (report.equalMillis, "nothing waited for \(report.node) any more"),
        ]
        for (at, what) in steps {
            lines.append(at.map { "after \(seconds($0))  \(what)" } ?? "never  \(what)")
        }
        for failure in report.failures {
            let at = failure.millis.map { "after \(seconds($0))" } ?? "before"
            lines.append("\(failure.operation) \(at) failed: \(failure.error)")
        }
        if report.hintsMax > 0 { lines.append("\(report.hintsMax) objects waited for \(report.node) at most") }
        lines.append(report.sentence)
        return ([table] + lines.map { Table.plain($0) }).joined(separator: "\n")
    }

    private static func millis(_ number: Double) -> String { Spans.decimal(number) + " ms" }

    private static func seconds(_ millis: Int64) -> String { Spans.decimal(Double(millis) / 1_000) + " s" }
}
