import ArgumentParser
import Mesh
import NIOHTTP1

extension BucketCommand {
    struct Move: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Move a bucket to chosen nodes, to zones, or back to all nodes.",
            discussion: "It goes on by itself, and everything is served meanwhile; `meshd status` shows how far it is. "
                + "The new nodes take over what most of the old ones have. An old one gives up a copy only after all new "
                + "ones were seen to have it."
        )

        private static let pollMillis = 500
        /// What nodes have is asked for every two seconds: only what was asked since the change counts.
        private static let calmPolls = 6

        @Argument var bucket: String
        @Option(help: "Names of nodes, separated by commas.") var nodes: String?
        @Option(help: "Names of zones, separated by commas: all nodes of these, those that come later too.")
        var zones: String?
        @Flag(help: "Back to nodes of the whole mesh.") var everywhere = false
        @Flag(help: "Tell what would move, and do nothing.") var dryRun = false
        @Flag(help: "Wait until it is there, and nodes that are to have none of it have given it up.") var wait = false
        @OptionGroup var options: ClientOptions

        func validate() throws {
            guard [nodes != nil, zones != nil, everywhere].count(where: \.self) == 1 else {
                throw ValidationError("name one of --nodes, --zones and --everywhere")
            }
            guard !wait || !dryRun else { throw ValidationError("--dry-run does nothing that could be waited for") }
        }

        func run() async throws {
            let path = "buckets/" + ClientOptions.segment(bucket)
            let move = BucketMove(nodes: list(nodes), zones: list(zones), everywhere: everywhere ? true : nil)
            guard wait else { return try await NodeCommand.send(.POST, path + "/move", move, dryRun, options) }
            let client = try options.client()
            let order = try await client.call(.POST, path + "/move", body: JSON.bytes(move), as: OrderAnswer.self)
            if !options.json { print(Table.plain(order.message)) }
            var calm = 0
            while true {
                let state = try await client.call(.GET, path, as: BucketAnswer.self)
                let isThere =
                    state.moving != true && isAsked(state.place) && state.usage?.oldCopies == nil
                    && state.usage?.complete != false
                calm = isThere ? calm + 1 : 0
                if calm == Self.calmPolls { return try options.show(state) { BucketCommand.table([$0]) } }
                try await Task.sleep(for: .milliseconds(Self.pollMillis))
            }
        }

        /// Nodes may be named by ids, and are told by name.
        private func isAsked(_ place: BucketPlace?) -> Bool {
            if everywhere { return place == nil }
            if let zones = list(zones) { return place?.zones == zones.sorted() }
            return place?.nodes?.count == list(nodes)?.count
        }

        private func list(_ text: String?) -> [String]? {
            text.map { $0.split(separator: ",").map { String($0.filter { $0 != " " }) } }
        }
    }
}
