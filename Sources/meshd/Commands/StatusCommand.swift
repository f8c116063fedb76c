import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd status`: how the mesh is, and what this node is and holds.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the mesh is, and what a node is and holds.",
        discussion:
            "The first line is the health of the whole mesh; what is wrong follows in words. Exits with 1 when the "
            + "mesh is not healthy, or this node's own store."
    )
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let answer = try await options.client().call(.GET, "status", as: StatusAnswer.self)
        try options.show(answer) { status in
            let storage = status.storage
            let table = Table.text(
                header: ["NODE", status.name],
                rows: [
                    ["store", status.health], ["ready", status.ready ? "yes" : "no"], ["mode", status.mode],
                    ["version", status.version],
                    ["id", status.node], ["zone", status.zone], ["s3", status.s3], ["admin", status.admin],
                    ["mesh", status.mesh], ["members present", "\(status.present)"],
                    ["up", SettingKind.text(ofMillis: status.uptimeSeconds * 1000)],
                    ["buckets", "\(storage.buckets)"], ["versions", "\(storage.versions)"],
                    ["bytes", "\(storage.logicalBytes)"], ["free bytes", "\(storage.freeBytes)"],
                    ["access keys", "\(status.accessKeys)"],
                ]
            )
            return ClusterText.health(status.cluster) + "\n\n" + table
        }
        if answer.health != "healthy" || answer.cluster.level != .healthy { throw ExitCode(1) }
    }
}
