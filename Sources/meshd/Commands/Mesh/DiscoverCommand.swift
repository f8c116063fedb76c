import ArgumentParser
import Mesh
import Swim

/// `meshd discover`: which nodes on this network wait for a mesh.
struct DiscoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discover",
        abstract: "List the nodes on this network that are alone, before they belong to any mesh.",
        discussion: "Nobody proves anything here: what is listed is what nodes say of themselves. Nodes answer while "
            + "they are alone and their setting lan-discovery is on. Exits with 1 when none answers."
    )
    @Option(help: "How long to wait for answers.") var wait = "1s"
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard let millis = SettingKind.millis(of: wait), (100...60_000).contains(millis) else {
            throw ValidationError("--wait is a duration from 100ms to 1m")
        }
    }

    func run() async throws {
        let findings: [LanSearch.Finding]
        do {
            findings = try await LanSearch.search(millis: Int64(SettingKind.millis(of: wait) ?? 1_000))
        } catch {
            throw CommandFailure("this machine's networks cannot be searched: \(error)")
        }
        let found = FoundNodes(
            nodes: findings.map { finding in
                FoundNode(
                    name: finding.node.name,
                    id: finding.node.id.description,
                    version: finding.node.version,
                    address: finding.node.mesh,
                    admin: finding.node.admin,
                    freeBytes: finding.node.freeBytes,
                    latencyMicros: finding.roundTripMicros
                )
            }
        )
        print(json ? try JSON.text(found) : Self.text(found))
        if found.nodes.isEmpty { throw ExitCode(1) }
    }

    static func text(_ found: FoundNodes) -> String {
        guard !found.nodes.isEmpty else { return "No node that is alone answered." }
        return Table.text(
            header: ["NODE", "ID", "VERSION", "FREE", "LATENCY", "ADDRESS", "INVITE AT"],
            rows: found.nodes.map { node in
                [
                    node.name, String(node.id.prefix(8)), node.version, Spans.bytes(node.freeBytes),
                    Spans.trip(micros: node.latencyMicros), node.address, node.admin,
                ]
            }
        )
    }
}
