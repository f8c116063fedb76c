/// What this node does for each rule, for `/metrics`.
extension [ReplicationReport] {
    /// - Parameter bucket: what a rule's bucket is called.
    package func write(to page: inout PrometheusText, nowMillis: UInt64, bucket: (String) -> String) {
        typealias Sample = (name: String, help: String, kind: PrometheusText.Kind, value: (ReplicationReport) -> Double)
        let samples: [Sample] = [
            ("queued", "Keys that wait on this node's disk.", .gauge, { Double($0.queued) }),
            (
                "lag_seconds", "How long the oldest key waits that this node is to send.", .gauge,
                { $0.oldestMillis.map { Double(nowMillis > $0 ? nowMillis - $0 : 0) / 1_000 } ?? 0 }
            ),
            (
                "failing", "1 while the target is left alone after failures.", .gauge,
                { $0.restUntilMillis == nil ? 0 : 1 }
            ),
            ("troubles", "Keys that failed for themselves and are tried again.", .gauge, { Double($0.troubles) }),
            ("objects_total", "Objects sent.", .counter, { Double($0.objectsSent) }),
            ("bytes_total", "Bytes of objects sent.", .counter, { Double($0.bytesSent) }),
            ("deletes_total", "Deletions sent.", .counter, { Double($0.deletesSent) }),
            ("skipped_total", "Changes for which the target needed nothing.", .counter, { Double($0.skipped) }),
            ("failures_total", "Tries that failed.", .counter, { Double($0.failures) }),
        ]
        for sample in samples {
            let name = "meshd_replication_" + sample.name
            page.family(name, sample.help, sample.kind)
            for report in self {
                let labels = [("rule", report.rule), ("bucket", bucket(report.rule))]
                page.sample(name, labels, sample.value(report))
            }
        }
    }
}
