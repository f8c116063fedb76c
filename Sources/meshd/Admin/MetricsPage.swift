import Mesh
import Store

/// What `/metrics` shows, in Prometheus' text format.
struct MetricsPage {
    let node: Node
    /// Nothing while the node takes no part in a mesh.
    let mesh: MeshCounters?
    /// What this node knows by itself; nobody is asked for a metrics page.
    let facts: ClusterFacts
    /// For who shows the admin token: what buckets and tenants are called is not for everybody who reaches the port.
    let namesBuckets: Bool

    var text: String {
        var page = PrometheusText()
        page.family("meshd_build", "The version that runs; always 1.", .gauge)
        page.sample("meshd_build", [("version", Meshd.version), ("node", node.name)], 1)
        page.single("meshd_ready", "1 when S3 requests are served.", .gauge, node.isReady ? 1 : 0)
        let started = Double(node.startedMillis) / 1000
        page.single("process_start_time_seconds", "When the process started, Unix time.", .gauge, started)
        page.single(
            "process_cpu_seconds_total",
            "Time on a core, in user and system mode.",
            .counter,
            Double(MachineGauge.cpuMicros()) / 1e6
        )
        if let resident = MachineGauge.residentBytes() {
            page.single("process_resident_memory_bytes", "Resident memory.", .gauge, Double(resident))
        }
        node.metrics.write(to: &page)
        node.coordinator.metrics.write(to: &page)
        node.store.statistics().write(to: &page)
        mesh?.write(to: &page)
        node.cluster?.links.write(to: &page)
        facts.write(to: &page)
        let names = Dictionary(uniqueKeysWithValues: node.rules.all().map { ($0.name, $0.bucket) })
        (node.cluster?.replicator.reports ?? []).write(to: &page, nowMillis: JSON.nowMillis()) { rule in
            namesBuckets ? names[rule].flatMap { node.store.bucket($0)?.name } ?? "" : ""
        }
        if namesBuckets { writeUsage(to: &page) }
        page.family("meshd_events_total", "Events written down since the start.", .counter)
        for severity in MeshEvent.Severity.allCases {
            let count = node.events.counts[severity] ?? 0
            page.sample("meshd_events_total", [("severity", severity.rawValue)], Double(count))
        }
        let suppressed = Double(node.events.suppressed)
        page.single("meshd_events_suppressed_total", "Events that were too many at once.", .counter, suppressed)
        return page.text
    }

    /// Buckets of which each has a few samples on every node's page.
    private static let bucketsMax = 1_000

    /// As of the last look: a page of metrics asks nobody. Names of tenants' buckets have their tenant before them.
    private func writeUsage(to page: inout PrometheusText) {
        guard node.usage.lookedMillis != nil else { return }
        let all = node.coordinator.buckets().map { (bucket: $0, usage: node.usage.usage(of: $0.id)) }
        let shown =
            all.count <= Self.bucketsMax
            ? all : Array(all.sorted { $0.usage.bytes > $1.usage.bytes }.prefix(Self.bucketsMax))
        func family(_ name: String, _ help: String, _ value: ((bucket: Bucket, usage: MeshUsage)) -> UInt64?) {
            page.family(name, help, .gauge)
            for entry in shown {
                if let value = value(entry) { page.sample(name, [("bucket", entry.bucket.name)], Double(value)) }
            }
        }
        family("meshd_bucket_objects", "Versions of objects in a bucket of the mesh, about.") { $0.usage.versions }
        family("meshd_bucket_bytes", "Bytes in a bucket of the mesh, one copy counted, about.") { $0.usage.bytes }
        family("meshd_bucket_quota_objects", "Versions that a bucket may have.") {
            node.quotas.quota(of: $0.bucket)?.objects
        }
        family("meshd_bucket_quota_bytes", "Bytes that a bucket may have.") { node.quotas.quota(of: $0.bucket)?.bytes }
    }
}
