import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd layout`: the epoch that decides who holds what, and how far a change of it is.
struct LayoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layout",
        abstract: "Show the layout: its epoch, its voters, and how far a change is.",
        discussion: "Changes come from nodes that join and from `meshd node`; nobody types a version. Pause "
            + "and limit hold for repair as well, on all nodes, until a node is restarted.",
        subcommands: [
            Show.self, RepairCommand.Pause.self, RepairCommand.Resume.self, RepairCommand.Limit.self, Recover.self,
        ],
        defaultSubcommand: Show.self
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the layout and its change.")
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, "cluster/layout", as: LayoutAnswer.self)
            try options.show(answer, MovementText.layout)
        }
    }

    struct Recover: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give up a majority of the voters that will never come back, and go on without them.",
            discussion: "The last way out: this node and those that answer begin a new history of the layout. "
                + "What only the others knew is lost. Without --force it says who would be given up and what goes "
                + "with them. If one of them may still come back, wait for it."
        )
        @Flag(help: "Do it, whatever is lost.") var force = false
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let body = try JSON.bytes(NodeRemoval(force: force))
            let answer = try await options.client().call(
                .POST,
                "cluster/layout/recover",
                body: body,
                as: OrderAnswer.self
            )
            try options.show(answer) { Table.plain($0.message) }
        }
    }
}

/// `meshd ring`: who holds what share, by zone.
struct RingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring",
        abstract: "Show what share of all keys each node holds, by zone."
    )
    @OptionGroup var options: ClientOptions

    func run() async throws {
        let answer = try await options.client().call(.GET, "cluster/ring", as: LayoutReport.self)
        try options.show(answer, MovementText.ring)
    }
}
