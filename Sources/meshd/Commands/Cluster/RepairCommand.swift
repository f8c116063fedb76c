import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd repair`: what makes copies equal again.
struct RepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Show, begin, pause or bound what makes copies equal again.",
        discussion: "Pause and limit hold for all nodes, for repair and for changes of the layout together, until a "
            + "node is restarted.",
        subcommands: [Status.self, Start.self, Pause.self, Resume.self, Limit.self],
        defaultSubcommand: Status.self
    )

    static func order(_ verb: String, body: [UInt8]? = nil, _ options: ClientOptions) async throws {
        let answer = try await options.client().call(.POST, "cluster/repair/\(verb)", body: body, as: OrderAnswer.self)
        try options.show(answer) { Table.plain($0.message) }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what each node did and what waits.")
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, "cluster/repair", as: RepairAnswer.self)
            let now = JSON.nowMillis()
            try options.show(answer) { MovementText.repair($0, at: now) }
        }
    }

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let every node compare with all others now.")
        @OptionGroup var options: ClientOptions

        func run() async throws { try await order("start", options) }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Move nothing more; requests go on.")
        @OptionGroup var options: ClientOptions

        func run() async throws { try await order("pause", options) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Go on.")
        @OptionGroup var options: ClientOptions

        func run() async throws { try await order("resume", options) }
    }

    struct Limit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Bound what each node may move a second.")
        @Argument(help: "Bytes a second, such as 50MiB; 0 is what clients leave over.") var rate: String
        @OptionGroup var options: ClientOptions

        func validate() throws {
            guard let bytes = SettingKind.bytes(of: rate),
                bytes == 0 || TokenBucket.rates.contains(Int64(clamping: bytes))
            else {
                throw ValidationError("the limit is 0, or 64KiB to 100GiB, such as 50MiB")
            }
        }

        func run() async throws {
            let body = try JSON.bytes(BandwidthChange(bytesPerSecond: SettingKind.bytes(of: rate) ?? 0))
            try await order("limit", body: body, options)
        }
    }
}
