import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd agree`: whether all see the same.
struct AgreeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agree",
        abstract: "Show which members hold the same view.",
        discussion: "Exits with 1 when views differ."
    )
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let report = try await options.client().call(.GET, "mesh/agree", as: AgreeReport.self)
        try options.show(report, EvidenceText.agree)
        if report.agreeing != report.present { throw ExitCode(1) }
    }
}

/// `meshd diff A B`: where two views differ.
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show where the views of two members differ.",
        discussion: "Exits with 1 when they do."
    )
    @Argument(help: "A name, or the first digits of an id.") var a: String
    @Argument(help: "Another one.") var b: String
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let path = "mesh/diff?a=\(ClientOptions.segment(a))&b=\(ClientOptions.segment(b))"
        let report = try await options.client().call(.GET, path, as: DiffReport.self)
        try options.show(report, EvidenceText.diff)
        if !report.differences.isEmpty { throw ExitCode(1) }
    }
}

/// `meshd probe NAME`: asks a member now, on every road.
struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Ask a member now: a small datagram, one of the largest size, and a stream.",
        discussion: "Exits with 1 when a small datagram stayed without an answer."
    )
    @Argument(help: "A name, or the first digits of an id.") var node: String
    @Option(help: "Ask through this member.") var via: String?
    @Option(help: "Let this member ask.") var from: String?
    @Option(help: "So many times, a second apart.") var count = 1
    @OptionGroup var options: ClientOptions

    func validate() throws {
        guard (1...1_000).contains(count) else { throw ValidationError("--count is from 1 to 1000") }
        guard via == nil || from == nil else { throw ValidationError("give --via or --from, not both") }
    }

    func run() async throws {
        let body = try JSON.bytes(ProbeOrder(to: node, via: via, from: from))
        let client = try options.client()
        var reports: [ProbeReport] = []
        for index in 0..<count {
            if index > 0 { try await Task.sleep(for: .seconds(1)) }
            reports.append(try await client.call(.POST, "mesh/probe", body: body, as: ProbeReport.self))
        }
        try options.show(reports, EvidenceText.probes)
        if reports.contains(where: { !$0.datagram.isAnswered }) { throw ExitCode(1) }
    }
}
