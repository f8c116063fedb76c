import Hummingbird
import Mesh
import Store
import Swim

/// Buckets that go to chosen nodes or zones.
extension AdminFace {
    /// A change of the layout: it goes on by itself when it is decided.
    func move(
        _ bucket: Bucket,
        _ move: BucketMove,
        _ request: Request,
        _ context: AdminContext
    ) async throws -> Response {
        let scope = try await scope(of: move)
        let base = node.coordinator.copies(of: bucket.id)
        // Where is a matter of the mesh, fewer copies of what the objects are worth.
        if let layout = node.currentLayout, layout.hasFewerCopies(bucket.id, base: base, on: scope) {
            try demand(.owner, on: bucket, of: context)
        }
        return try await order(request, context, isForced: false, [.move(bucket.id, base: base, to: scope)])
    }

    private func scope(of move: BucketMove) async throws -> Pool.Scope? {
        let said = [move.nodes != nil, move.zones != nil, move.everywhere != nil].count(where: \.self)
        guard said == 1, move.everywhere != false else {
            throw AdminError(.badRequest, "invalid", "name nodes or zones, or say everywhere: true")
        }
        if let names = move.nodes {
            try Self.check(names.count, "nodes")
            var ids: Set<NodeID> = []
            for name in names { ids.insert(try await nodeID(name)) }
            return .nodes(ids)
        }
        guard let zones = move.zones else { return nil }
        try Self.check(zones.count, "zones")
        return .zones(Set(zones))
    }

    private static func check(_ count: Int, _ what: String) throws {
        guard (1...Pool.Scope.countMax).contains(count) else {
            throw AdminError(.badRequest, "invalid", "name 1 to \(Pool.Scope.countMax) \(what)")
        }
    }

    /// Where buckets are, with the names of nodes.
    func bucketPlaces() async -> BucketPlaces {
        guard let layout = node.currentLayout, !layout.spreads.isEmpty else { return BucketPlaces() }
        // Names are asked for only where there are some to tell.
        guard !layout.pools.isEmpty else { return BucketPlaces(layout: layout) }
        let facts = await ClusterBoard(node: node).look(asksOthers: false).facts
        return BucketPlaces(layout: layout, facts: facts)
    }
}

/// Where buckets are, in words of people.
struct BucketPlaces: Sendable {
    var layout: Layout?
    var facts: ClusterFacts?

    /// Nil: on nodes of the whole mesh.
    func place(of bucket: BucketID) -> BucketPlace? {
        guard let layout, let entry = layout.spread(of: bucket) else { return nil }
        switch layout.pool(entry.next.pool)?.scope {
        case .nodes(let nodes):
            return BucketPlace(nodes: nodes.map { facts?.name(of: $0) ?? $0.description }.sorted(), zones: nil)
        case .zones(let zones): return BucketPlace(nodes: nil, zones: zones.sorted())
        case nil: return nil
        }
    }

    func isMoving(_ bucket: BucketID) -> Bool? {
        layout?.spread(of: bucket).map { $0.now.pool != $0.next.pool }
    }
}
