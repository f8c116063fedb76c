import ArgumentParser
import NIOHTTP1

/// `meshd status`: what a running node is and holds.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Show what a node is and holds.")
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let answer = try await options.client().call(.GET, "status", as: StatusAnswer.self)
        try options.show(answer) { status in
            let storage = status.storage
            return Table.text(
                header: ["NODE", status.name],
                rows: [
                    ["health", status.health], ["mode", status.mode], ["version", status.version],
                    ["id", status.node], ["zone", status.zone], ["s3", status.s3], ["admin", status.admin],
                    ["mesh", status.mesh], ["members present", "\(status.present)"],
                    ["up", SettingKind.text(ofMillis: status.uptimeSeconds * 1000)],
                    ["buckets", "\(storage.buckets)"], ["versions", "\(storage.versions)"],
                    ["bytes", "\(storage.logicalBytes)"], ["free bytes", "\(storage.freeBytes)"],
                    ["access keys", "\(status.accessKeys)"],
                ]
            )
        }
        if answer.health != "healthy" { throw ExitCode(1) }
    }
}
