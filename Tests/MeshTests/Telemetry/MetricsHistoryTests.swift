import NIOCore
import Testing

@testable import Mesh

/// The last day of a node: what lies between totals, in rings that never grow.
@Suite struct MetricsHistoryTests {
    private static func traffic(_ requests: UInt64, slow: UInt64 = 0) -> TrafficReport {
        var report = TrafficReport()
        report.requests = requests
        report.receivedBytes = requests * 100
        report.latencies = [UInt64](repeating: 0, count: HistoryPoint.classes)
        report.latencies[1] = requests - slow
        report.latencies[10] = slow
        return report
    }

    private static let start: UInt64 = 1_800_000_000_000

    /// Ten requests in each ten seconds.
    private static func history(steps: Int) -> MetricsHistory {
        var history = MetricsHistory()
        for step in 0...steps {
            let now = start + UInt64(step) * 10_000
            history.sample(traffic(UInt64(step) * 10), freeBytes: 7, hints: step, nowMillis: now)
        }
        return history
    }

    @Test("each stretch gets what came in it, and a minute is six of them")
    func stretches() {
        let history = Self.history(steps: 30)
        let fine = history.report(.hour).points
        #expect(fine.count == 30 && fine.allSatisfy { $0.requests == 10 && $0.receivedBytes == 1_000 })
        #expect(fine.first?.slot == Self.start / 10_000 && fine.last?.hints == 30)
        let coarse = history.report(.day).points
        #expect(coarse.count == 5 && coarse.allSatisfy { $0.requests == 60 && $0.freeBytes == 7 })
    }

    @Test("an hour and a day are kept and no more, and a clock that is set back loses nothing")
    func bounds() {
        var history = Self.history(steps: 10_000)
        #expect(history.report(.hour).points.count == 360 && history.report(.day).points.count == 1_440)
        let newest = history.report(.hour).points.last?.slot
        history.sample(Self.traffic(100_050), freeBytes: 1, hints: 0, nowMillis: Self.start)
        #expect(history.report(.hour).points.last?.slot == newest)
        #expect(history.report(.hour).points.last?.requests == 60)
    }

    @Test("a pause leaves a gap, and totals that begin anew are no negative traffic")
    func gaps() {
        var history = Self.history(steps: 3)
        history.sample(Self.traffic(30), freeBytes: 1, hints: 0, nowMillis: Self.start + 600_000)
        #expect(history.report(.hour).points.count == 4)
        history.sample(Self.traffic(5), freeBytes: 1, hints: 0, nowMillis: Self.start + 610_000)
        #expect(history.report(.hour).points.last?.requests == 0)
    }

    @Test("it comes back from the disk as it was, and what was cut off or is garbage begins anew")
    func disk() throws {
        let history = Self.history(steps: 700)
        let now = Self.start + 7_000_000
        let again = try #require(MetricsHistory(history.encoded, nowMillis: now))
        for span in MetricsHistory.Span.allCases { #expect(again.report(span) == history.report(span)) }
        let bytes = history.encoded
        for length in stride(from: 0, to: bytes.readableBytes, by: 97) {
            let cut = ByteBuffer(bytes.readableBytesView.prefix(length))
            #expect(MetricsHistory(cut, nowMillis: now) == nil, "\(length)")
        }
        #expect(MetricsHistory(ByteBuffer(repeating: 0xFF, count: 400), nowMillis: now) == nil)
        // Of a clock that was a year ahead nothing is taken, and what comes now is kept.
        let early = try #require(MetricsHistory(history.encoded, nowMillis: Self.start - 86_400_000))
        #expect(early.report(.hour).points.isEmpty)
    }

    @Test("nodes add up stretch by stretch, and half of the requests stayed within half's time")
    func merging() {
        let one = Self.history(steps: 5).report(.hour)
        let all = HistoryReport.merged([one, one, HistoryReport(seconds: 60, points: one.points)], seconds: 10)
        #expect(all.points.map(\.requests) == Array(repeating: 20, count: 5) && all.points[0].freeBytes == 14)
        var point = HistoryPoint(slot: 1)
        #expect(point.quantileMicros(0.5) == nil)
        point.latencies[1] = 90
        point.latencies[10] = 10
        #expect(point.quantileMicros(0.5) == 1_000 && point.quantileMicros(0.99) == 512_000)
    }
}
