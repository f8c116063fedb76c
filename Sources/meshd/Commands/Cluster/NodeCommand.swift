import ArgumentParser
import Mesh
import NIOHTTP1

/// `meshd node …`: what an operator orders about the place of a node.
struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "List nodes with their places, and drain, resume, remove, replace or change one.",
        discussion: "Data moves by itself after each order; `meshd layout` shows how far it is.",
        subcommands: [
            List.self, Show.self, Drain.self, Resume.self, Remove.self, Replace.self, Set.self, Join.self, Forget.self,
        ],
        defaultSubcommand: List.self
    )

    /// Sends an order about one node, and shows what became of it.
    static func order(
        _ node: String,
        _ verb: String,
        body: some Encodable = Nothing(),
        isPreview: Bool,
        _ options: ClientOptions
    ) async throws {
        try await send(.POST, "cluster/nodes/\(ClientOptions.segment(node))/\(verb)", body, isPreview, options)
    }

    /// Gives an order, or asks what it would do.
    static func send(
        _ method: HTTPMethod,
        _ path: String,
        _ body: some Encodable,
        _ isPreview: Bool,
        _ options: ClientOptions
    ) async throws {
        let body = try JSON.bytes(body)
        if isPreview {
            let path = path + "?dry-run=true"
            let answer = try await options.client().call(method, path, body: body, as: OrderPreview.self)
            return try options.show(answer, ClusterText.preview)
        }
        let answer = try await options.client().call(method, path, body: body, as: OrderAnswer.self)
        try options.show(answer) { Table.plain($0.message) }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all nodes with their places and disks.")
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let answer = try await options.client().call(.GET, "cluster/nodes", as: ClusterNodes.self)
            try options.show(answer, ClusterText.nodes)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a node, with what it says of itself.")
        @Argument(help: "A name, or the first digits of an id.") var node: String
        @OptionGroup var options: ClientOptions

        func run() async throws {
            let path = "cluster/nodes/" + ClientOptions.segment(node)
            let answer = try await options.client().call(.GET, path, as: ClusterNode.self)
            try options.show(answer, ClusterText.node)
        }
    }

    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a node give all that it holds to others.",
            discussion: "It goes on serving clients. When `meshd layout` says that nothing moves, it can be stopped."
        )
        @Argument(help: "A name, or the first digits of an id.") var node: String
        @Flag(help: "Only tell what would move, and what could be lost.") var dryRun = false
        @OptionGroup var options: ClientOptions

        func run() async throws { try await order(node, "drain", isPreview: dryRun, options) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a drained node hold its share again.")
        @Argument(help: "A name, or the first digits of an id.") var node: String
        @Flag(help: "Only tell what would move, and what could be lost.") var dryRun = false
        @OptionGroup var options: ClientOptions

        func run() async throws { try await order(node, "resume", isPreview: dryRun, options) }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take places of nodes away: they give what they hold to others, if they live, and are dropped.",
            discussion: "Refused when copies would be lost that nobody else has; --force does it, and says what was "
                + "lost. Several go in one step: all but one make a mesh one node again. To keep out a node that was "
                + "stolen, use `meshd expel`."
        )
        @Argument(help: "Names, or the first digits of ids.") var nodes: [String]
        @Flag(help: "Also when the last copies of objects are lost by it.") var force = false
        @Flag(help: "Only tell what would move, and what could be lost.") var dryRun = false
        @OptionGroup var options: ClientOptions

        func run() async throws {
            // One alone as nodes of an older build know it, too.
            if nodes.count == 1 {
                return try await order(nodes[0], "remove", body: NodeRemoval(force: force), isPreview: dryRun, options)
            }
            let removal = NodesRemoval(nodes: nodes, force: force)
            try await send(.POST, "cluster/nodes/remove", removal, dryRun, options)
        }
    }

    struct Replace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give the place of one node to another one.",
            discussion: "For a machine or a disk that is lost: the new node, which has joined by a token, takes over "
                + "exactly what the old one held. Nothing else moves."
        )
        @Argument(help: "Who loses its place: a name, or the first digits of an id.") var old: String
        @Argument(help: "Who takes it over.") var new: String
        @Flag(help: "Also when the last copies of objects are lost by it.") var force = false
        @Flag(help: "Only tell what would move, and what could be lost.") var dryRun = false
        @OptionGroup var options: ClientOptions

        func run() async throws {
            try await order(old, "replace", body: NodeReplacement(with: new, force: force), isPreview: dryRun, options)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change the weight, the zone or the name of a node, or what is noted about it."
        )
        @Argument(help: "A name, or the first digits of an id.") var node: String
        @Option(help: "Its share relative to the others'; by default the gibibytes of its disk. 0 holds nothing.")
        var weight: UInt32?
        @Option(help: "The failure zone: copies are spread over zones.") var zone: String?
        @Option(help: "What it is called; an empty one is that of its configuration.") var name: String?
        @Option(help: "A note such as rack=3; may be given again. All together take the place of what was noted.")
        var note: [String] = []
        @Flag(help: "Take all notes away.") var noNotes = false
        @Flag(help: "Only tell what would move, and what could be lost.") var dryRun = false
        @OptionGroup var options: ClientOptions

        private var metadata: [String: String]? {
            if noNotes { return [:] }
            guard !note.isEmpty else { return nil }
            let pairs = note.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
            return Dictionary(pairs.map { (String($0[0]), String($0.last ?? "")) }) { $1 }
        }

        func validate() throws {
            guard weight != nil || zone != nil || name != nil || metadata != nil else {
                throw ValidationError("give --weight, --zone, --name, --note or --no-notes")
            }
            guard note.allSatisfy({ $0.contains("=") }) else { throw ValidationError("--note is NAME=TEXT") }
            guard !noNotes || note.isEmpty else { throw ValidationError("give --note or --no-notes") }
            if let name, !name.isEmpty, !SettingKind.isName(name) {
                throw ValidationError("--name is \(SettingKind.name.allowed)")
            }
            if let zone, !SettingKind.isName(zone) { throw ValidationError("--zone is \(SettingKind.name.allowed)") }
        }

        func run() async throws {
            let path = "cluster/nodes/" + ClientOptions.segment(node)
            let change = NodeChange(weight: weight, zone: zone, name: name, metadata: metadata)
            try await send(.PATCH, path, change, dryRun, options)
        }
    }

    struct Join: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a place to a node that was removed before; new nodes get theirs by themselves."
        )
        @Argument(help: "A name, or the first digits of an id.") var node: String
        @Flag(help: "Only tell what would move, and what could be lost.") var dryRun = false
        @OptionGroup var options: ClientOptions

        func run() async throws { try await order(node, "join", isPreview: dryRun, options) }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give up what the lost disk of a node held, when too few others know what that was.",
            discussion: "A node that comes back with an empty disk is filled from the others by itself. This is for "
                + "the case that they are too few to know everything: it says what may be lost."
        )
        @Argument(help: "A name, or the first digits of an id.") var node: String
        @Flag(help: "Also when the last copies of objects are lost by it.") var force = false
        @Flag(help: "Only tell what would move, and what could be lost.") var dryRun = false
        @OptionGroup var options: ClientOptions

        func run() async throws {
            try await order(node, "forget", body: NodeRemoval(force: force), isPreview: dryRun, options)
        }
    }
}
