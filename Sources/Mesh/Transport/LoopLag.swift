/// How late a timer of this node fires, in a histogram over the last minutes: the first thing to look at when a node
/// suspects others in vain.
struct LoopLag {
    /// Class k holds lags below 2^k × 0.1 ms.
    private static let classes = 20
    private static let samplesMax = 4_096
    private var counts = [UInt32](repeating: 0, count: classes)
    private var total: UInt32 = 0

    mutating func record(micros: Int64) {
        let lag = max(0, micros)
        var index = 0
        while index < Self.classes - 1, lag > 100 << Int64(index) { index += 1 }
        counts[index] += 1
        total += 1
        guard total >= Self.samplesMax else { return }
        // Half of the past is forgotten at a time, so that an old bad minute does not stay for ever.
        total = 0
        for index in counts.indices {
            counts[index] /= 2
            total += counts[index]
        }
    }

    /// The upper bound of the class that holds the 99th percentile, in milliseconds.
    var percentile99Millis: Double {
        guard total > 0 else { return 0 }
        var seen: UInt32 = 0
        for (index, count) in counts.enumerated() {
            seen += count
            if UInt64(seen) * 100 >= UInt64(total) * 99 { return Double(100 << index) / 1_000 }
        }
        return 0
    }
}
