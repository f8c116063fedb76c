import Hummingbird
import Mesh
import Store
import Swim

/// What the node is and believes.
extension AdminFace {
    func addStatus(to api: RouterGroup<AdminContext>) {
        api.get("status") { _, _ in
            try await Self.yes(status())
        }
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

    private func status() async -> StatusAnswer {
        let look = await ClusterBoard(node: node).look()
        let statistics = node.store.statistics()
        let faces = node.faces
        return StatusAnswer(
            name: node.name,
            node: node.identity.id.description,
            zone: node.zone,
            version: Meshd.version,
            mode: Self.mode(holders: look.facts.members.count(where: \.isHolder)),
            health: health,
            ready: node.isReady,
            uptimeSeconds: (max(JSON.nowMillis(), node.startedMillis) - node.startedMillis) / 1000,
            s3: faces.s3,
            admin: faces.admin,
            mesh: node.endpoints?.mesh ?? "",
            present: look.members?.present ?? 1,
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
            accessKeys: node.accessKeys.all().count,
            cluster: look.health
        )
    }
}
