internal import Synchronization

/// What the S3 face did: requests by operation and status, bytes both ways, time by operation.
///
/// One lock per shard of operations, held for a dictionary look-up; the counting itself is atomic.
package final class RequestMetrics: Sendable {
    /// Series that are kept apart. Operations are a fixed list, so this is reached only by a caller's mistake; what
    /// comes then is counted under `other`.
    private static let seriesMax = 4096
    private static let shardCount = 8

    private let shards: [Shard] = (0..<shardCount).map { _ in Shard() }
    private let received = Counter()
    private let sent = Counter()
    private let inFlight = Atomic<Int>(0)

    package init() {}

    package func requestBegan() { inFlight.wrappingAdd(1, ordering: .relaxed) }

    package func requestEnded() { inFlight.wrappingSubtract(1, ordering: .relaxed) }

    /// One answered request. `operation` is S3's name of it, from a fixed list; bytes are those of the bodies.
    package func record(operation: String, status: Int, micros: UInt64, received: UInt64, sent: UInt64) {
        self.received.add(received)
        self.sent.add(sent)
        let shard = shards[Int(UInt(bitPattern: operation.hashValue) % UInt(Self.shardCount))]
        let (counter, latency) = shard.series(operation, status, max: Self.seriesMax / Self.shardCount)
        counter.add()
        latency.record(micros: micros)
    }

    /// Everything together.
    package var totals: TrafficReport {
        var report = TrafficReport()
        report.receivedBytes = received.value
        report.sentBytes = sent.value
        report.inFlight = max(0, inFlight.load(ordering: .relaxed))
        report.latencies = [UInt64](repeating: 0, count: LatencyHistogram.boundsMicros.count + 1)
        for shard in shards {
            let series = shard.snapshot()
            for (key, counter) in series.counters {
                report.requests += counter.value
                if key.status >= 500, key.status != 501 { report.failures += counter.value }
            }
            for histogram in series.latencies.values {
                for (index, count) in histogram.snapshot.counts.enumerated() { report.latencies[index] += count }
            }
        }
        return report
    }

    /// Adds everything to a page of Prometheus text.
    package func write(to page: inout PrometheusText) {
        var counts: [(labels: [(String, String)], value: UInt64)] = []
        var latencies: [(operation: String, histogram: LatencyHistogram)] = []
        for shard in shards {
            let series = shard.snapshot()
            counts += series.counters.map { key, counter in
                ([("operation", key.operation), ("status", "\(key.status)")], counter.value)
            }
            latencies += series.latencies.map { ($0.key, $0.value) }
        }
        page.family("meshd_s3_requests_total", "S3 requests answered, by operation and HTTP status.", .counter)
        for sample in counts.sorted(by: { "\($0.labels)" < "\($1.labels)" }) {
            page.sample("meshd_s3_requests_total", sample.labels, Double(sample.value))
        }
        page.family("meshd_s3_request_seconds", "Time from request head to the end of the answer.", .histogram)
        for entry in latencies.sorted(by: { $0.operation < $1.operation }) {
            page.histogram("meshd_s3_request_seconds", [("operation", entry.operation)], entry.histogram)
        }
        page.single("meshd_s3_received_bytes_total", "Bytes of request bodies.", .counter, Double(received.value))
        page.single("meshd_s3_sent_bytes_total", "Bytes of response bodies.", .counter, Double(sent.value))
        let current = Double(max(0, inFlight.load(ordering: .relaxed)))
        page.single("meshd_s3_requests_in_flight", "S3 requests being answered now.", .gauge, current)
    }
}

/// One share of the series, behind its own lock.
private final class Shard: Sendable {
    struct Key: Hashable {
        let operation: String
        let status: Int
    }

    struct State {
        var counters: [Key: Counter] = [:]
        var latencies: [String: LatencyHistogram] = [:]
    }

    private let state = Mutex(State())

    func series(_ operation: String, _ status: Int, max: Int) -> (Counter, LatencyHistogram) {
        state.withLock { state in
            let isFull = state.counters.count >= max
            let key = Key(operation: operation, status: status)
            if let counter = state.counters[key], let latency = state.latencies[operation] { return (counter, latency) }
            let name = isFull ? "other" : operation
            let counter = state.counters[Key(operation: name, status: isFull ? 0 : status)] ?? Counter()
            let latency = state.latencies[name] ?? LatencyHistogram()
            state.counters[Key(operation: name, status: isFull ? 0 : status)] = counter
            state.latencies[name] = latency
            return (counter, latency)
        }
    }

    func snapshot() -> State { state.withLock { $0 } }
}
