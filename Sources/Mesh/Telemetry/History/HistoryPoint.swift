/// What clients did in one stretch of time, and what there was at its end.
package struct HistoryPoint: Sendable, Equatable {
    /// Where the stretch begins, in its own length since 1970.
    package var slot: UInt64
    package var requests: UInt64 = 0
    package var failures: UInt64 = 0
    package var receivedBytes: UInt64 = 0
    package var sentBytes: UInt64 = 0
    package var freeBytes: UInt64 = 0
    /// Objects that waited for other nodes.
    package var hints: UInt64 = 0
    /// As in `TrafficReport`.
    package var latencies = [UInt64](repeating: 0, count: Self.classes)

    static let classes = LatencyHistogram.boundsMicros.count + 1

    package init(slot: UInt64) { self.slot = slot }

    /// Another node's, or more of the same stretch: numbers add up, what there was at the end adds up over nodes only.
    mutating func add(_ other: HistoryPoint, isSameNode: Bool) {
        requests += other.requests
        failures += other.failures
        receivedBytes += other.receivedBytes
        sentBytes += other.sentBytes
        freeBytes = isSameNode ? other.freeBytes : freeBytes + other.freeBytes
        hints = isSameNode ? other.hints : hints + other.hints
        for (index, count) in other.latencies.enumerated() where index < latencies.count { latencies[index] += count }
    }

    /// The time that this share of the requests stayed within, in microseconds; nil without requests.
    package func quantileMicros(_ share: Double) -> UInt64? {
        let all = latencies.reduce(0, +)
        guard all > 0 else { return nil }
        var left = Double(all) * share
        for (index, count) in latencies.enumerated() {
            left -= Double(count)
            guard left > 0 else {
                return index < Self.classes - 1 ? LatencyHistogram.boundsMicros[index] : Self.longest
            }
        }
        return Self.longest
    }

    /// What took longer than all bounds.
    private static let longest = (LatencyHistogram.boundsMicros.last ?? 0) * 2

    // MARK: As numbers in a row

    private static let plain = 7

    package var numbers: [UInt64] {
        var numbers = [slot, requests, failures, receivedBytes, sentBytes, freeBytes, hints] + latencies
        while numbers.count > Self.plain, numbers.last == 0 { numbers.removeLast() }
        return numbers
    }

    /// Nil for what is no point.
    package init?(numbers: [UInt64]) {
        guard (Self.plain...Self.plain + Self.classes).contains(numbers.count) else { return nil }
        self.init(slot: numbers[0])
        (requests, failures, receivedBytes, sentBytes) = (numbers[1], numbers[2], numbers[3], numbers[4])
        (freeBytes, hints) = (numbers[5], numbers[6])
        for (index, count) in numbers[Self.plain...].enumerated() { latencies[index] = count }
        // Sums of many nodes must not overflow, whatever one of them says.
        guard numbers.allSatisfy({ $0 < 1 << 56 }) else { return nil }
    }
}

extension HistoryPoint: Codable {
    package init(from decoder: any Decoder) throws {
        let numbers = try decoder.singleValueContainer().decode([UInt64].self)
        guard let point = HistoryPoint(numbers: numbers) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no point"))
        }
        self = point
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(numbers)
    }
}

/// Points of one length, oldest first; stretches in which nothing was measured are missing.
package struct HistoryReport: Codable, Sendable, Equatable {
    /// Of one point.
    package var seconds: UInt64
    package var points: [HistoryPoint]

    package init(seconds: UInt64, points: [HistoryPoint]) {
        self.seconds = seconds
        self.points = points
    }

    /// The same stretches of several nodes as one.
    package static func merged(_ reports: [HistoryReport], seconds: UInt64) -> HistoryReport {
        var points: [UInt64: HistoryPoint] = [:]
        for point in reports.filter({ $0.seconds == seconds }).flatMap(\.points) {
            points[point.slot, default: HistoryPoint(slot: point.slot)].add(point, isSameNode: false)
        }
        return HistoryReport(seconds: seconds, points: points.values.sorted { $0.slot < $1.slot })
    }
}
