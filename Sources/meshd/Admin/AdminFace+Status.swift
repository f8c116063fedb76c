import Hummingbird
import Mesh
import Store
import Swim

/// What the node is and believes.
extension AdminFace {
    func addStatus(to api: RouterGroup<BasicRequestContext>) {
        api.get("status") { _, _ in try Self.yes(status()) }
        api.get("cluster/status") { _, _ in try Self.yes(cluster()) }
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

    private func status() -> StatusAnswer {
        let statistics = node.store.statistics()
        let endpoints = node.endpoints
        return StatusAnswer(
            name: node.settings.name,
            node: node.identity.id.description,
            zone: node.settings.zone,
            version: Meshd.version,
            mode: "standalone",
            health: health,
            uptimeSeconds: (max(JSON.nowMillis(), node.startedMillis) - node.startedMillis) / 1000,
            s3: endpoints?.s3 ?? "",
            admin: endpoints?.admin ?? "",
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

    private func cluster() -> ClusterAnswer {
        ClusterAnswer(
            enabled: false,
            mode: "standalone",
            nodes: [
                .init(
                    id: node.identity.id.description,
                    name: node.settings.name,
                    zone: node.settings.zone,
                    state: "alive",
                    s3: node.endpoints?.s3 ?? ""
                )
            ],
            health: health,
            features: ["versioning": true, "conditionalWrites": true, "replication": false]
        )
    }
}
