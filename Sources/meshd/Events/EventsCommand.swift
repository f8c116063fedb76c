import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd events`: what happened.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show what happened: members, layout, repair, disks, keys, and who changed what.",
        discussion: "Of all nodes that answer, the newest last. With --json one event a line."
    )
    /// Between two questions of --follow.
    private static let followSeconds = 1

    @Flag(help: "Go on with what happens from now on.") var follow = false
    @Option(help: "At least so grave: note, warning or error.") var severity: String?
    @Option(help: "Of these kinds, such as member,layout,audit.") var kind: String?
    @Option(help: "Since a time (2026-11-21T04:05:06Z) or for a span (15m, 24h).") var since: String?
    @Option(help: "Until a time, or as long ago as a span.") var until: String?
    @Option(help: "That a node noticed, or that are about it.") var node: String?
    @Option(help: "With this text in them.") var text: String?
    @Option(help: "At most so many.") var limit = 100
    @Flag(name: .customLong("self"), help: "Only of the node that is asked.") var isOfSelf = false
    @OptionGroup var options: ClientOptions

    func validate() throws {
        guard (1...EventQuery.limitMax).contains(limit) else {
            throw ValidationError("--limit is 1 to \(EventQuery.limitMax)")
        }
    }

    func run() async throws {
        let client = try options.client()
        let first = try await client.call(.GET, path([:]), as: EventsAnswer.self)
        for name in first.silent { Terminal.complain("\(Table.plain(name)) did not answer: its events are missing") }
        try show(first.events)
        guard follow else { return }
        var after = first.events.first?.place.description
        while true {
            try await Task.sleep(for: .seconds(Self.followSeconds))
            var more: [String: String] = ["limit": "\(EventQuery.limitMax)"]
            if let after { more["after"] = after }
            let answer = try await client.call(.GET, path(more), as: EventsAnswer.self)
            try show(answer.events)
            after = answer.events.first?.place.description ?? after
        }
    }

    private func path(_ more: [String: String]) -> String {
        var words = ["of": isOfSelf ? "self" : "all", "limit": "\(limit)"]
        for (name, value) in [
            ("severity", severity), ("kind", kind), ("since", since), ("until", until), ("node", node), ("text", text),
        ] { words[name] = value }
        words.merge(more) { _, new in new }
        return "events?"
            + words.sorted { $0.key < $1.key }.map { "\($0.key)=\(ClientOptions.segment($0.value))" }
            .joined(separator: "&")
    }

    private func show(_ events: [MeshEvent]) throws {
        for event in events.reversed() {
            if options.json {
                print(String(decoding: EventLog.line(event) ?? [], as: UTF8.self))
            } else {
                print(Self.line(event))
            }
        }
        Terminal.flush()
    }

    /// `2026-11-21T04:05:06Z  warning  n1  member  n3 is suspect`
    static func line(_ event: MeshEvent) -> String {
        let severity = event.severity.rawValue + String(repeating: " ", count: 7 - event.severity.rawValue.count)
        let from = event.from.map { " from \($0)" } ?? ""
        return Table.plain(
            "\(JSON.date(millis: event.millis))  \(severity)  \(event.node)  \(event.kind.rawValue)  "
                + event.message + from
        )
    }
}
