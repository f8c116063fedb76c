import Mesh
import Store
import Testing

@Suite struct MetricsTests {
    @Test("requests are counted by operation and status, and classes of time add up")
    func requests() {
        let metrics = RequestMetrics()
        metrics.requestBegan()
        metrics.record(operation: "PutObject", status: 200, micros: 700, received: 10, sent: 0)
        metrics.record(operation: "PutObject", status: 200, micros: 90_000_000, received: 5, sent: 0)
        metrics.record(operation: "GetObject", status: 404, micros: 10, received: 0, sent: 3)
        var page = PrometheusText()
        metrics.write(to: &page)
        let lines = Set(page.text.split(separator: "\n").map(String.init))
        #expect(lines.contains("meshd_s3_requests_total{operation=\"PutObject\",status=\"200\"} 2"))
        #expect(lines.contains("meshd_s3_requests_total{operation=\"GetObject\",status=\"404\"} 1"))
        #expect(lines.contains("meshd_s3_request_seconds_bucket{operation=\"PutObject\",le=\"0.001\"} 1"))
        #expect(lines.contains("meshd_s3_request_seconds_bucket{operation=\"PutObject\",le=\"32\"} 1"))
        #expect(lines.contains("meshd_s3_request_seconds_bucket{operation=\"PutObject\",le=\"+Inf\"} 2"))
        #expect(lines.contains("meshd_s3_request_seconds_count{operation=\"PutObject\"} 2"))
        #expect(lines.contains("meshd_s3_received_bytes_total 15"))
        #expect(lines.contains("meshd_s3_requests_in_flight 1"))
    }

    @Test("series are bounded, whatever a caller makes up")
    func bounded() {
        let metrics = RequestMetrics()
        for index in 0..<10_000 {
            metrics.record(operation: "op\(index)", status: 200, micros: 1, received: 0, sent: 0)
        }
        var page = PrometheusText()
        metrics.write(to: &page)
        let samples = page.text.split(separator: "\n").filter { $0.hasPrefix("meshd_s3_requests_total{") }
        #expect(samples.count <= 4096 + 8)
        #expect(samples.contains { $0.contains("operation=\"other\"") })
    }

    @Test("labels are escaped, and every sample follows its family's head")
    func format() {
        var page = PrometheusText()
        page.family("a", "help", .gauge)
        page.sample("a", [("x", "q\"b\\\n")], 1.5)
        #expect(page.text == "# HELP a help\n# TYPE a gauge\na{x=\"q\\\"b\\\\\\n\"} 1.5\n")
        var store = PrometheusText()
        StoreStatistics().write(to: &store)
        #expect(store.text.contains("meshd_store_corruptions_total 0\n"))
    }
}
