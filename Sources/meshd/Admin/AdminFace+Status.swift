import Hummingbird
import Mesh
import Store
import Swim

/// What the node is and believes.
extension AdminFace {
    func addStatus(to api: RouterGroup<BasicRequestContext>) {
        api.get("status") { _, _ in
            let present = (try? await node.mesh().counters())?.present ?? 1
            return try Self.yes(status(present: present))
        }
        api.get("cluster/status") { _, _ in try await Self.yes(cluster()) }
        api.get("config") { _, _ in try Self.yes(ConfigAnswer(node.settings)) }
        api.post("doctor") { _, _ in
            do {
                return try Self.yes(DoctorAnswer(try await node.store.examine()))
            } catch StoreError.overloaded {
                throw AdminError(.conflict, "busy", "an examination is under way already")
            }
        }
    }

    private var health: String {
        let statistics = node.store.statistics()
        if statistics.corruptions > 0 { return "damaged" }
        if statistics.failure != nil { return "failed" }
        return statistics.isReadOnly ? "read-only" : "healthy"
    }

    private func status(present: Int) -> StatusAnswer {
        let statistics = node.store.statistics()
        let faces = node.faces
        return StatusAnswer(
            name: node.settings.name,
            node: node.identity.id.description,
            zone: node.zone,
            version: Meshd.version,
            mode: Self.mode(present: present),
            health: health,
            uptimeSeconds: (max(JSON.nowMillis(), node.startedMillis) - node.startedMillis) / 1000,
            s3: faces.s3,
            admin: faces.admin,
            mesh: node.endpoints?.mesh ?? "",
            present: present,
            storage: .init(
                buckets: node.coordinator.buckets().count,
                versions: statistics.versions,
                logicalBytes: statistics.logicalBytes,
                segmentBytes: statistics.segmentBytes,
                deadBytes: statistics.deadBytes,
                indexBytes: statistics.indexBytes,
                freeBytes: statistics.freeBytes,
                readOnly: statistics.isReadOnly,
                corruptions: statistics.corruptions
            ),
            accessKeys: node.accessKeys.all().count
        )
    }

    /// All members as this node sees them; itself alone while it takes no part in a mesh.
    private func cluster() async -> ClusterAnswer {
        let report = try? await node.mesh().report()
        let own = ClusterAnswer.Member(
            id: node.identity.id.description,
            name: node.settings.name,
            zone: node.zone,
            state: "alive",
            s3: node.faces.s3
        )
        let nodes = report?.members.map { line in
            ClusterAnswer.Member(id: line.id, name: line.name, zone: line.zone, state: line.state.rawValue, s3: line.s3)
        }
        let present = report?.present ?? 1
        return ClusterAnswer(
            enabled: present > 1,
            mode: Self.mode(present: present),
            nodes: nodes ?? [own],
            health: health,
            features: ["versioning": true, "conditionalWrites": true, "replication": false]
        )
    }

    private static func mode(present: Int) -> String { present > 1 ? "mesh" : "standalone" }
}
