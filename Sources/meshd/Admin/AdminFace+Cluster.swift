import Foundation
import Hummingbird
import Mesh
import Store
import Swim

/// The mesh as one thing: its health, its nodes, and where keys are.
extension AdminFace {
    private var board: ClusterBoard { ClusterBoard(node: node) }

    func addCluster(to api: RouterGroup<AdminContext>) {
        let cluster = api.group("cluster")
        cluster.get("status") { _, _ in try await Self.yes(board.status(in: board.look())) }
        cluster.get("health") { _, _ in try await Self.yes(board.look().health) }
        cluster.get("nodes") { _, _ in try await Self.yes(board.nodes()) }
        cluster.get("nodes/:name") { _, context in
            let id = try await nodeID(context.parameters.require("name"))
            guard let found = await board.nodes().nodes.first(where: { $0.id == id.description }) else {
                throw AdminError(.notFound, "no_such_node", "this node has no place in the mesh any more")
            }
            return try Self.yes(found)
        }
        cluster.get("metrics") { _, _ in
            let conditions = await board.look().facts.nodes.compactMap(\.condition)
            return try Self.yes(ClusterMetrics(nodes: conditions))
        }
        cluster.get("layout") { _, _ in try await Self.yes(board.layout()) }
        addRecovery(to: cluster.group("layout"))
        cluster.get("ring") { _, _ in try await Self.yes(board.ring()) }
        cluster.get("movements") { _, _ in try await Self.yes(board.movements()) }
        addRepair(to: cluster.group("repair"))
        cluster.get("where") { request, context in
            let query = request.uri.queryParameters
            guard let name = query["bucket"].map(String.init), let key = query["key"].map(String.init) else {
                throw AdminError(.badRequest, "invalid", "name a bucket and a key: ?bucket=B&key=K")
            }
            let bytes = Array(key.utf8)
            guard (1...Key.bytesMax).contains(bytes.count) else {
                throw AdminError(.badRequest, "invalid", "a key has 1 to \(Key.bytesMax) bytes")
            }
            return try await Self.yes(board.whereIs(bucket(name, of: context, for: .read), Key(bytes)))
        }
    }

    private func addRepair(to repair: RouterGroup<AdminContext>) {
        repair.get { _, _ in try await Self.yes(board.repair()) }
        repair.post("start") { _, _ in
            try await Self.yes(board.tellAll(.startRepair, done: "a comparison with all others begins"))
        }
        repair.post("pause") { _, _ in
            try await Self.yes(board.tellAll(.pauseRepair, done: "repair and movement are paused"))
        }
        repair.post("resume") { _, _ in
            try await Self.yes(board.tellAll(.resumeRepair, done: "repair and movement go on"))
        }
        repair.post("limit") { request, _ in
            let bytes = try await Self.body(BandwidthChange.self, of: request).bytesPerSecond
            guard let limit = Int64(exactly: bytes), limit == 0 || TokenBucket.rates.contains(limit) else {
                let allowed = "a limit is 0 for none, or 64 KiB to 100 GiB a second"
                throw AdminError(.badRequest, "invalid", allowed)
            }
            let done =
                limit == 0
                ? "repair and movement take what clients leave over"
                : "the limit is \(Spans.bytes(UInt64(limit))) a second"
            return try await Self.yes(
                board.tellAll(.limitRepair(bytesPerSecond: limit == 0 ? nil : limit), done: done)
            )
        }
    }

    /// The node that a path names.
    func nodeID(_ text: String) async throws -> NodeID {
        guard (1...255).contains(text.utf8.count) else {
            throw AdminError(.badRequest, "invalid", "a node is named by its name or the first digits of its id")
        }
        let reference = text.removingPercentEncoding ?? text
        do {
            return try await node.mesh().find(NodeRef(reference))
        } catch let error as MeshError {
            // Who was forgotten by the members may still have a place in the layout.
            if let id = NodeID(hexadecimal: reference), node.currentLayout?.member(id) != nil { return id }
            throw error
        }
    }

    /// Two holders are a pair; more spread what they hold.
    static func mode(holders: Int) -> String {
        switch holders {
        case ...1: "standalone"
        case 2: "ha"
        default: "scaleout"
        }
    }
}
