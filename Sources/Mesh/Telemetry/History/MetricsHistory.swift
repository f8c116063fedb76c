package import NIOCore

/// The last day of one node in two rings: an hour in steps of ten seconds, a day in steps of a minute. Some 400 KB,
/// whatever happens.
///
/// A value without a clock: it is told the totals and the time, and keeps what lies between.
package struct MetricsHistory: Sendable {
    package enum Span: String, Codable, Sendable, CaseIterable {
        case hour = "1h"
        case day = "24h"

        package var seconds: UInt64 { self == .hour ? 10 : 60 }
        var count: Int { self == .hour ? 360 : 1_440 }
    }

    private struct Ring: Sendable {
        let millis: UInt64
        var points: [HistoryPoint?]
        var newest: UInt64 = 0

        init(_ span: Span) {
            millis = span.seconds * 1_000
            points = Array(repeating: nil, count: span.count)
        }

        /// `part` has the numbers of a stretch around `atMillis`.
        mutating func add(_ part: HistoryPoint, atMillis: UInt64) {
            // A clock that was set back goes on where it was.
            put(part, at: max(newest, atMillis / millis))
        }

        mutating func put(_ part: HistoryPoint, at slot: UInt64) {
            newest = max(newest, slot)
            let place = Int(slot % UInt64(points.count))
            var point = points[place].flatMap { $0.slot == slot ? $0 : nil } ?? HistoryPoint(slot: slot)
            point.add(part, isSameNode: true)
            points[place] = point
        }

        var kept: [HistoryPoint] {
            let oldest = newest >= UInt64(points.count) ? newest - UInt64(points.count) + 1 : 0
            return points.compactMap(\.self).filter { $0.slot >= oldest && $0.slot <= newest }.sorted {
                $0.slot < $1.slot
            }
        }
    }

    private var rings: [Span: Ring]
    private var last: TrafficReport?

    package init() {
        rings = Dictionary(uniqueKeysWithValues: Span.allCases.map { ($0, Ring($0)) })
    }

    /// The totals of this node at this time; what came since the last ones is written to where the time between lies.
    package mutating func sample(_ traffic: TrafficReport, freeBytes: UInt64, hints: Int, nowMillis: UInt64) {
        defer { last = traffic }
        guard let last else { return }
        func more(_ now: UInt64, _ before: UInt64) -> UInt64 { now - min(now, before) }
        var part = HistoryPoint(slot: 0)
        part.requests = more(traffic.requests, last.requests)
        part.failures = more(traffic.failures, last.failures)
        part.receivedBytes = more(traffic.receivedBytes, last.receivedBytes)
        part.sentBytes = more(traffic.sentBytes, last.sentBytes)
        part.freeBytes = freeBytes
        part.hints = UInt64(max(0, hints))
        for index in part.latencies.indices where index < traffic.latencies.count {
            let before = index < last.latencies.count ? last.latencies[index] : 0
            part.latencies[index] = more(traffic.latencies[index], before)
        }
        let middle = nowMillis - min(nowMillis, Span.hour.seconds * 500)
        for span in Span.allCases { rings[span]?.add(part, atMillis: middle) }
    }

    package func report(_ span: Span) -> HistoryReport {
        HistoryReport(seconds: span.seconds, points: rings[span]?.kept ?? [])
    }

    // MARK: On the disk

    private static let mark: UInt32 = 0x4D48_0001

    /// All of it, to be read by the next life of the node.
    package var encoded: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(Self.mark)
        for span in Span.allCases {
            let points = report(span).points
            bytes.writeInteger(UInt32(points.count))
            for point in points {
                let numbers = point.numbers
                bytes.writeInteger(UInt8(numbers.count))
                for number in numbers { bytes.writeInteger(number) }
            }
        }
        return bytes
    }

    /// Nil for what was cut off or is of another version: then the history begins anew.
    package init?(_ encoded: ByteBuffer, nowMillis: UInt64) {
        self.init()
        var bytes = encoded
        guard bytes.readInteger(as: UInt32.self) == Self.mark else { return nil }
        for span in Span.allCases {
            guard let count = bytes.readInteger(as: UInt32.self), count <= span.count else { return nil }
            for _ in 0..<count {
                guard let length = bytes.readInteger(as: UInt8.self) else { return nil }
                var numbers: [UInt64] = []
                for _ in 0..<length {
                    guard let number = bytes.readInteger(as: UInt64.self) else { return nil }
                    numbers.append(number)
                }
                guard let point = HistoryPoint(numbers: numbers) else { return nil }
                // What a clock that was ahead wrote must not stop what comes now.
                guard point.slot <= nowMillis / (span.seconds * 1_000) else { continue }
                rings[span]?.put(point, at: point.slot)
            }
        }
        guard bytes.readableBytes == 0 else { return nil }
    }
}
