import FoundationEssentials

/// A load and what came of it, for people and for programs.
struct BenchResult: Codable, Sendable {
    struct Times: Codable, Sendable {
        let millisMean: Double
        let millis50: Double
        let millis90: Double
        let millis99: Double
        let millis999: Double
        let millisMax: Double
        /// How many were done within how many microseconds, each counted once: the whole histogram.
        let steps: [[UInt64]]

        init(_ histogram: Histogram) {
            millisMean = histogram.millisMean
            millis50 = histogram.millis(0.5)
            millis90 = histogram.millis(0.9)
            millis99 = histogram.millis(0.99)
            millis999 = histogram.millis(0.999)
            millisMax = histogram.millis(1)
            steps = histogram.steps.map { [$0.microsMax, $0.count] }
        }
    }

    struct Row: Codable, Sendable {
        let operation: BenchOperation
        let requests: UInt64
        let errors: Int
        let requestsPerSecond: Double
        let mibPerSecond: Double
        /// From when a request was due.
        let response: Times
        /// From when it was sent.
        let service: Times
    }

    let plan: BenchPlan
    let endpoints: [String]
    let seconds: Double
    let rows: [Row]
    let errors: [String: Int]
    let unsent: Int
    let harnessCorePercent: Double
    let machine: Machine

    init(_ plan: BenchPlan, endpoints: [String], _ outcome: BenchRun.Outcome, machine: Machine) {
        self.plan = plan
        self.endpoints = endpoints
        seconds = outcome.seconds
        rows = BenchOperation.allCases.compactMap { operation in
            outcome.tally.kinds[operation].map { kind in
                Row(
                    operation: operation,
                    requests: kind.response.count,
                    errors: kind.errors,
                    requestsPerSecond: Double(kind.response.count) / outcome.seconds,
                    mibPerSecond: Double(kind.bytes) / Double(1 << 20) / outcome.seconds,
                    response: Times(kind.response),
                    service: Times(kind.service)
                )
            }
        }
        errors = outcome.tally.errors
        unsent = outcome.tally.unsent
        harnessCorePercent = outcome.corePercent
        self.machine = machine
    }

    var lines: [String] {
        let head = ["", "requests", "errors", "a second", "MiB/s", "p50", "p90", "p99", "p99.9", "max"]
        var table = [head]
        for row in rows {
            table.append(Self.cells(row, row.operation.rawValue, row.response))
            if plan.rate != nil { table.append(Self.cells(nil, "  once sent", row.service)) }
        }
        var lines = Self.aligned(table)
        lines.append("latencies in milliseconds" + (plan.rate == nil ? "" : ", from when each request was due"))
        for (why, count) in errors.sorted(by: { $0.value > $1.value }) { lines.append("\(count) times: \(why)") }
        if unsent > 0 {
            lines.append(
                "\(unsent) requests were due and never sent: the store is slower than the rate, and they are in no row"
            )
        }
        lines.append("the load took \(Int(harnessCorePercent.rounded())) % of a core")
        return lines
    }

    private static func cells(_ row: Row?, _ name: String, _ times: Times) -> [String] {
        let left =
            row.map { row in
                [
                    Figure.count(Int(clamping: row.requests)), Figure.count(row.errors),
                    Figure.count(Int(row.requestsPerSecond.rounded())), "\((row.mibPerSecond * 10).rounded() / 10)",
                ]
            } ?? ["", "", "", ""]
        let shares = [times.millis50, times.millis90, times.millis99, times.millis999, times.millisMax]
        return [name] + left + shares.map { "\(($0 * 100).rounded() / 100)" }
    }

    private static func aligned(_ table: [[String]]) -> [String] {
        let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }.joined(separator: "  ")
        }
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(fileURLWithPath: path))
    }
}
