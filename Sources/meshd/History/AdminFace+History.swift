import Hummingbird
import Mesh
import Swim

/// `metrics/history`
struct HistoryAnswer: Codable, Sendable {
    struct Point: Codable, Sendable {
        /// The beginning of the stretch, since 1970.
        var millis: UInt64
        /// In the whole stretch.
        var requests: UInt64
        var failures: UInt64
        var receivedBytes: UInt64
        var sentBytes: UInt64
        /// Nothing without requests.
        var p50Micros: UInt64?
        var p99Micros: UInt64?
        var freeBytes: UInt64
        /// Objects that waited for other nodes.
        var hints: UInt64
    }

    /// Of each point.
    var seconds: UInt64
    /// Oldest first; stretches in which nothing was measured are missing.
    var points: [Point]
    var of: [String]
    var silent: [String]
}

extension AdminFace {
    func addHistory(to api: RouterGroup<AdminContext>) {
        api.get("metrics/history") { request, _ in
            let query = request.uri.queryParameters
            guard let span = MetricsHistory.Span(rawValue: query["span"].map(String.init) ?? "1h") else {
                throw AdminError(.badRequest, "invalid", "span is 1h or 24h")
            }
            let of = query["of"].map(String.init) ?? "self"
            guard of == "self" || of == "all" else { throw AdminError(.badRequest, "invalid", "of is self or all") }
            return try Self.yes(await history(span, isOfAll: of == "all"))
        }
    }

    private func history(_ span: MetricsHistory.Span, isOfAll: Bool) async -> HistoryAnswer {
        var answer = HistoryAnswer(seconds: span.seconds, points: [], of: [], silent: [])
        var reports: [HistoryReport] = []
        if isOfAll {
            let facts = await ClusterBoard(node: node).look(asksOthers: false).facts
            let ids = facts.nodes.map(\.id)
            let answers = await node.ask(.history(span), of: ids)
            for id in ids {
                guard case .history(let report) = answers[id] else {
                    answer.silent.append(facts.name(of: id))
                    continue
                }
                reports.append(report)
                answer.of.append(facts.name(of: id))
            }
        } else {
            reports = [node.history.report(span)]
            answer.of = [node.name]
        }
        answer.points = HistoryReport.merged(reports, seconds: span.seconds).points.map { point in
            HistoryAnswer.Point(
                millis: point.slot * span.seconds * 1_000,
                requests: point.requests,
                failures: point.failures,
                receivedBytes: point.receivedBytes,
                sentBytes: point.sentBytes,
                p50Micros: point.quantileMicros(0.5),
                p99Micros: point.quantileMicros(0.99),
                freeBytes: point.freeBytes,
                hints: point.hints
            )
        }
        return answer
    }
}
