import ArgumentParser
import Glibc
import Mesh
import NIOHTTP1
import Store

/// `meshd members`: who is in the mesh, as one node sees it.
struct MembersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "List the members of the mesh as one node sees them.",
        discussion: "STATE, SINCE and GEN.INC are agreed between nodes; PHI, REACH, RTT and LOSS are what this node "
            + "measured itself. While the node is down, its last list is shown."
    )
    /// Between two looks: state changes take seconds.
    private static let watchMillis = 1_000
    /// Changes that stay on the screen below the table.
    private static let changesShown = 12

    @Flag(help: "The worst first.") var sort = false
    @Flag(help: "Look again every second and print what changes.") var watch = false
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let (report, isSaved) = try await look()
        guard watch else {
            if isSaved { Terminal.complain(Self.remark(report, at: JSON.nowMillis())) }
            return try options.show(report) { MembersText.text($0, worstFirst: sort) }
        }
        guard !isSaved else { throw CommandFailure(Self.remark(report, at: JSON.nowMillis())) }
        try await follow(from: report)
    }

    static func remark(_ report: MembersReport, at nowMillis: UInt64) -> String {
        "\(Table.plain(report.seenFrom)) is down; this is what it saw "
            + "\(Spans.age(from: report.atMillis, to: nowMillis)) ago"
    }

    /// The list of the running node; when there is none, what it wrote last.
    func look() async throws -> (report: MembersReport, isSaved: Bool) {
        do {
            return (try await live(), false)
        } catch let failure as CommandFailure where failure.isDown && options.admin == nil {
            guard let bytes = try SmallFile.read(options.directory().membersFile, bytesMax: 64 << 20),
                let saved = try? JSON.value(MembersReport.self, from: bytes)
            else { throw failure }
            return (saved, true)
        }
    }

    private func live() async throws -> MembersReport {
        try await options.client().call(.GET, "mesh/members", as: MembersReport.self)
    }

    /// On a terminal the table is drawn again and again; in a pipe the changes are lines. Ends with Ctrl-C.
    private func follow(from first: MembersReport) async throws {
        let isScreen = isatty(STDOUT_FILENO) == 1 && !options.json
        var last = first
        var changes: [String] = []
        try draw(last, changes: [], fresh: [], isScreen: isScreen, isFirst: true)
        while true {
            try await Task.sleep(for: .milliseconds(Self.watchMillis))
            let fresh: [String]
            do {
                let next = try await live()
                fresh = MembersText.changes(from: last, to: next)
                last = next
            } catch let failure as CommandFailure where failure.isDown {
                throw CommandFailure("\(Table.plain(last.seenFrom)) went down")
            }
            changes = Array((changes + fresh).suffix(Self.changesShown))
            try draw(last, changes: changes, fresh: fresh, isScreen: isScreen, isFirst: false)
        }
    }

    private func draw(
        _ report: MembersReport,
        changes: [String],
        fresh: [String],
        isScreen: Bool,
        isFirst: Bool
    ) throws {
        if isScreen {
            // Home, then clear what is below: no flicker from an empty screen.
            print("\u{1B}[H\u{1B}[J" + MembersText.text(report, worstFirst: sort))
            if !changes.isEmpty { print("\n" + changes.joined(separator: "\n")) }
        } else if options.json {
            if isFirst || !fresh.isEmpty { print(String(decoding: try JSON.bytes(report), as: UTF8.self)) }
        } else {
            if isFirst { print(MembersText.text(report, worstFirst: sort)) }
            for line in fresh { print(line) }
        }
        fflush(nil)
    }
}

/// `meshd member NAME`: all that is known of one member.
struct MemberCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member",
        abstract: "Show all that is known of one member."
    )
    @Argument(help: "A name, or the first digits of an id.") var node: String
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let path = "mesh/members/" + ClientOptions.segment(node)
        let line = try await options.client().call(.GET, path, as: MemberLine.self)
        try options.show(line) { MembersText.dossier($0, at: JSON.nowMillis()) }
    }
}

/// `meshd why NAME`: on whose word a member is what it is.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Explain what a node believes of a member: who accused it, on what evidence, when."
    )
    @Argument(help: "A name, or the first digits of an id.") var node: String
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let path = "mesh/why/" + ClientOptions.segment(node)
        let report = try await options.client().call(.GET, path, as: WhyReport.self)
        try options.show(report) { EvidenceText.why($0, at: JSON.nowMillis()) }
    }
}
