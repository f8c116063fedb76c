/// How long answers take, pooled over all peers of a zone: 64 buckets of 50 µs·2^(k/4) whose counts fade by half after
/// every 256 samples.
///
/// One peer alone is asked once in N periods, far too seldom to know it; the zone is asked every second at any N.
package struct RoundTrips: Sendable {
    private var counts = [Float](repeating: 0, count: 64)
    private var total: Float = 0
    private var sinceFade = 0
    private var patience: Micros = 0

    package init() {}

    package mutating func record(_ micros: Micros) {
        counts[Self.bucket(micros)] += 1
        total += 1
        sinceFade += 1
        if sinceFade == 256 {
            sinceFade = 0
            total = 0
            for index in counts.indices {
                counts[index] /= 2
                total += counts[index]
            }
        }
        patience = quantile(0.99)
    }

    /// The 99th percentile, or zero before the first sample.
    package var percentile99: Micros { patience }

    package var median: Micros { quantile(0.5) }

    /// The chance that an answer takes longer than this. With n samples it never claims less than 1/(n + 2): a thousand
    /// quick answers do not make a slow one impossible.
    package func survival(_ micros: Micros) -> Double {
        var beyond: Float = 0
        var index = Self.bucket(micros) + 1
        while index < counts.count {
            beyond += counts[index]
            index += 1
        }
        let floor = 1 / (Double(total) + 2)
        guard total > 0 else { return 1 }
        return max(floor, Double(beyond / total))
    }

    private func quantile(_ share: Float) -> Micros {
        guard total > 0 else { return 0 }
        var below: Float = 0
        for index in counts.indices {
            below += counts[index]
            if below >= share * total { return Self.edge(index) }
        }
        return Self.edge(counts.count - 1)
    }

    private static func bucket(_ micros: Micros) -> Int {
        guard micros > 50 else { return 0 }
        return min(63, Int(4 * Logarithm.base2(Double(micros) / 50)))
    }

    /// The upper edge of a bucket.
    private static func edge(_ bucket: Int) -> Micros {
        Micros(50 * Logarithm.exp2(Double(bucket + 1) / 4))
    }
}
