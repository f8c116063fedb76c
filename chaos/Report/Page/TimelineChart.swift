import Glibc

/// The picture of a run: what was done to which node, above how much was answered and how fast. Plain SVG.
struct TimelineChart {
    private static let rowHeight = 16.0
    private static let plotHeight = 110.0
    private static let gap = 26.0
    /// Where the logarithmic scale of latencies begins, in milliseconds.
    private static let millisLeast = 0.5

    let report: Report
    let width: Double
    /// Of the labels at the left.
    private let gutter: Double
    private let millis: Double
    /// Where the scale of latencies ends.
    private let latencyMax: Double
    private let rows: [String?]
    private let colors: [String: Int]

    init(_ report: Report, width: Double) {
        self.report = report
        self.width = width
        gutter = 46
        let ends = report.phases.map { $0.atMillis + $0.millis } + [report.seconds * 1000, 1000]
        millis = Double(ends.max() ?? 1000)
        let names = Set(report.faults.compactMap(\.node))
            .union((0..<(report.settings?.nodes ?? 0)).map { "n\($0 + 1)" })
        let sorted = names.sorted { $0.count == $1.count ? $0 < $1 : $0.count < $1.count }
        rows = (report.faults.contains { $0.node == nil } ? [nil] : []) + sorted
        colors = FaultTable.colors(report)
        let slowest = report.timeline.slots.map(\.millis99).max() ?? 0
        latencyMax = [20, 200, 2000].first { $0 >= slowest } ?? 20_000
    }

    private func x(_ millis: Double) -> Double { gutter + millis / self.millis * (width - gutter - 8) }

    var svg: Markup {
        let top = 22.0
        let throughput = top + Double(rows.count) * Self.rowHeight + Self.gap
        let latency = throughput + Self.plotHeight + Self.gap
        let height = latency + Self.plotHeight + 22
        return """
            <svg viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" role="img"
                aria-label="Faults, throughput and latency over time">
            \(phases(height: height - 18))
            \(lanes(top: top))
            \(plotFrame(throughput, title: "requests a second"))
            \(bars(throughput))
            \(plotFrame(latency, title: "latency: half, and 99 % within"))
            \(lines(latency))
            \(anomalies(from: top - 6, to: latency + Self.plotHeight))
            \(axis(latency + Self.plotHeight))
            </svg>
            """
    }

    /// Where the run was at: every second phase has a shade.
    private func phases(height: Double) -> Markup {
        var out = Markup.none
        for (index, phase) in report.phases.enumerated() {
            let (left, right) = (x(Double(phase.atMillis)), x(Double(phase.atMillis + phase.millis)))
            if index % 2 == 0 {
                out +=
                    "<rect class=\"shade\" x=\"\(left)\" y=\"16\" width=\"\(right - left)\" height=\"\(height - 16)\"/>"
            }
            if right - left > Double(phase.name.count) * 6 + 4 {
                out += "<text class=\"small\" x=\"\(left + 3)\" y=\"11\">\(phase.name)</text>"
            }
        }
        return out
    }

    private func lanes(top: Double) -> Markup {
        var out = Markup.none
        for (index, row) in rows.enumerated() {
            let y = top + Double(index) * Self.rowHeight
            out += "<text class=\"label\" x=\"\(gutter - 8)\" y=\"\(y + 11)\">\(row ?? "all")</text>"
            out += "<line class=\"grid\" x1=\"\(gutter)\" x2=\"\(width - 8)\" y1=\"\(y + 7)\" y2=\"\(y + 7)\"/>"
            for fault in report.faults where fault.node == row { out += bar(fault, y) }
        }
        return out
    }

    private func bar(_ fault: Report.Fault, _ y: Double) -> Markup {
        let end = fault.millis.map { Double(fault.atMillis + $0) } ?? millis
        let (left, right) = (x(Double(fault.atMillis)), x(end))
        let length = fault.millis.map { Figure.millis(Double($0)) } ?? "to the end"
        return """
            <rect class="f\(colors[fault.what] ?? 0)" x="\(left)" y="\(y + 1)" width="\(max(2.5, right - left))" \
            height="12" rx="2"><title>\(fault.what) \(fault.node ?? "all nodes") at \
            \(Figure.clock(fault.atMillis)), \(length)</title></rect>
            """
    }

    private func plotFrame(_ y: Double, title: String) -> Markup {
        """
        <text class="small" x="\(gutter)" y="\(y - 6)">\(title)</text>
        <line class="axis" x1="\(gutter)" x2="\(width - 8)" y1="\(y + Self.plotHeight)" y2="\(y + Self.plotHeight)"/>
        """
    }

    /// Answered from below, failed on top of it.
    private func bars(_ y: Double) -> Markup {
        let seconds = max(report.timeline.secondsPerSlot, 1e-3)
        let peak = report.timeline.slots.map { Double($0.answered + $0.failed) / seconds }.max() ?? 0
        let scale = Self.nice(max(peak, 10))
        var out = Markup.none
        for part in [0.5, 1] {
            let at = y + Self.plotHeight * (1 - part)
            out += "<line class=\"grid\" x1=\"\(gutter)\" x2=\"\(width - 8)\" y1=\"\(at)\" y2=\"\(at)\"/>"
            out += "<text class=\"label\" x=\"\(gutter - 8)\" y=\"\(at + 4)\">\(Figure.count(Int(scale * part)))</text>"
        }
        let slotWidth = (width - gutter - 8) / millis * seconds * 1000
        for (index, slot) in report.timeline.slots.enumerated() where slot.answered + slot.failed > 0 {
            let left = x(Double(index) * seconds * 1000)
            let (good, bad) = (
                Double(slot.answered) / seconds / scale * Self.plotHeight,
                Double(slot.failed) / seconds / scale * Self.plotHeight
            )
            let base = y + Self.plotHeight
            out += """
                <rect class="good" x="\(left)" y="\(base - good)" width="\(slotWidth + 0.3)" height="\(good)"/>
                """
            if slot.failed > 0 {
                out += """
                    <rect class="bad" x="\(left)" y="\(base - good - max(1.5, bad))" width="\(slotWidth + 0.3)" \
                    height="\(max(1.5, bad))"/>
                    """
            }
        }
        return out
    }

    private func lines(_ y: Double) -> Markup {
        var out = Markup.none
        for (value, label) in [(1.0, "1 ms"), (10, "10 ms"), (100, "0.1 s"), (1000, "1 s"), (10_000, "10 s")]
        where value < latencyMax {
            let at = self.y(value, y)
            out += "<line class=\"grid\" x1=\"\(gutter)\" x2=\"\(width - 8)\" y1=\"\(at)\" y2=\"\(at)\"/>"
            out += "<text class=\"label\" x=\"\(gutter - 8)\" y=\"\(at + 4)\">\(label)</text>"
        }
        out += line(y, "p99", \.millis99)
        out += line(y, "p50", \.millisHalf)
        return out
    }

    /// Broken where nothing was answered.
    private func line(_ y: Double, _ style: String, _ value: KeyPath<Report.Slot, Double>) -> Markup {
        var path = ""
        var isOpen = false
        for (index, slot) in report.timeline.slots.enumerated() {
            guard slot.answered + slot.failed > 0 else {
                isOpen = false
                continue
            }
            let at = x((Double(index) + 0.5) * report.timeline.secondsPerSlot * 1000)
            let point: Markup = "\(at) \(self.y(slot[keyPath: value], y))"
            path += (isOpen ? "L" : "M") + point.html
            isOpen = true
        }
        return "<path class=\"\(style)\" d=\"\(path)\"/>"
    }

    private func y(_ millis: Double, _ top: Double) -> Double {
        let value = min(latencyMax, max(Self.millisLeast, millis))
        let share = log2(value / Self.millisLeast) / log2(latencyMax / Self.millisLeast)
        return top + Self.plotHeight * (1 - share)
    }

    private func anomalies(from top: Double, to bottom: Double) -> Markup {
        var out = Markup.none
        for anomaly in report.anomalies {
            let at = x(Double(anomaly.atMillis))
            out += """
                <g class="anomaly"><title>\(anomaly.claim)</title><line x1="\(at)" x2="\(at)" y1="\(top)" \
                y2="\(bottom)"/><path d="M\(at - 4) \(top - 6)h8l-4 7z"/></g>
                """
        }
        return out
    }

    private func axis(_ y: Double) -> Markup {
        // As many as fit with room between them.
        let wanted = millis / max(2, (width - gutter) / 70)
        let steps: [Double] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400]
        let step = (steps.first { $0 * 1000 >= wanted } ?? 28_800) * 1000
        var out = Markup.none
        var at = 0.0
        while at <= millis {
            out += "<line class=\"axis\" x1=\"\(x(at))\" x2=\"\(x(at))\" y1=\"\(y)\" y2=\"\(y + 4)\"/>"
            out += "<text class=\"tick\" x=\"\(x(at))\" y=\"\(y + 16)\">\(Figure.clock(Int(at)))</text>"
            at += step
        }
        return out
    }

    /// The next number that is one, two or five times a power of ten.
    private static func nice(_ value: Double) -> Double {
        var power = 1.0
        while power * 10 <= value { power *= 10 }
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= value } ?? value
    }
}
