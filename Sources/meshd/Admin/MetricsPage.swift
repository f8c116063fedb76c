import Mesh
import Store

/// What `/metrics` shows, in Prometheus' text format.
struct MetricsPage {
    let node: Node
    /// Nothing while the node takes no part in a mesh.
    let mesh: MeshCounters?

    var text: String {
        var page = PrometheusText()
        page.family("meshd_build", "The version that runs; always 1.", .gauge)
        page.sample("meshd_build", [("version", Meshd.version), ("node", node.settings.name)], 1)
        page.single("meshd_ready", "1 when S3 requests are served.", .gauge, node.isReady ? 1 : 0)
        let started = Double(node.startedMillis) / 1000
        page.single("process_start_time_seconds", "When the process started, Unix time.", .gauge, started)
        if let resident = Self.residentBytes() {
            page.single("process_resident_memory_bytes", "Resident memory.", .gauge, Double(resident))
        }
        node.metrics.write(to: &page)
        node.store.statistics().write(to: &page)
        mesh?.write(to: &page)
        return page.text
    }

    /// The second field of /proc/self/statm, in pages of 4 KiB; nil where there is no such file.
    private static func residentBytes() -> UInt64? {
        guard let bytes = try? SmallFile.read("/proc/self/statm") else { return nil }
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? UInt64(fields[1]).map { $0 * 4096 } : nil
    }
}
