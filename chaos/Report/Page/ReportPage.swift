/// The report as one page that needs nothing else: no network, no script, no other file.
struct ReportPage {
    private let report: Report

    init(_ report: Report) { self.report = report }

    var html: String { markup.html }

    private var markup: Markup {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>\(headline) · chaos \(String(report.seed))</title>
        <style>\(ReportStyle.css)</style>
        </head>
        <body><main>
        \(verdict)
        <h2>Run it again</h2>
        <pre class="wrap">\(report.replay)</pre>
        <p class="soft">The seed decides what is done to whom and when, and what each client sends. What differs from run to
        run is how the nodes' own work falls between.</p>
        <h2>What was promised</h2>
        \(promises)
        <h2>What happened</h2>
        \(timeline)
        <h2>What was done to the nodes</h2>
        <div class="scroll">\(FaultTable(report: report).markup)</div>
        \(anomalies)
        <h2>Numbers</h2>
        \(numbers)
        <h2>What it ran on</h2>
        <div class="scroll">\(machine)</div>
        <footer>Written by chaos, which knows the nodes only by what they answer. The same as data: \(Report.jsonName),
        beside this page.</footer>
        </main></body>
        </html>

        """
    }

    // MARK: The verdict

    private var headline: String {
        if report.failed > 0 { return Figure.plural(report.failed, "anomaly").replacing("anomalys", with: "anomalies") }
        return report.passed > 0 ? "Every promise was kept" : "Nothing was checked"
    }

    private var requests: Int { Int(clamping: report.all.count) }

    private var verdict: Markup {
        let checked = report.promises.filter { $0.kept + $0.broken > 0 }.count
        let broken = report.promises.filter { $0.broken > 0 }.map(\.name.rawValue)
        let sentence =
            report.failed == 0
            ? "\(Figure.plural(report.passed, "check")) of \(checked) promises found nothing wrong while the nodes were "
                + "broken \(Figure.plural(report.faults.count, "time"))."
            : broken.isEmpty
                ? "The run found something wrong beside its promises." : "Broken: \(broken.joined(separator: ", "))."
        let notes: [Markup] = report.notes.map { "<p class=\"note\">\($0)</p>" }
        return """
            <section class="verdict\(report.isClean ? "" : " broken")">
            <h1>\(headline)</h1>
            <p>\(sentence)</p>
            <p class="soft">\(report.plan). Seed \(String(report.seed)). Begun \(report.startedAt), over after \
            \(Figure.clock(report.seconds * 1000)).</p>
            <div class="figures">
            \(figure(Figure.count(requests), "requests"))
            \(figure(Figure.count(report.faults.count), "faults"))
            \(figure(Figure.count(report.passed), "checks passed"))
            \(figure(Figure.count(report.failed), "anomalies"))
            \(figure(Figure.millis(report.calm.millis99), "99 % within, undisturbed"))
            </div>
            </section>
            \(notes)
            """
    }

    private func figure(_ value: String, _ what: String) -> Markup { "<div><b>\(value)</b><span>\(what)</span></div>" }

    // MARK: Promises

    private var promises: Markup {
        let rows: [Markup] = report.promises.map { promise in
            let state: Markup =
                promise.broken > 0
                ? "<span class=\"broke\">✗ broken</span>"
                : promise.kept > 0 ? "<span class=\"kept\">✓ kept</span>" : "<span class=\"soft\">not checked</span>"
            return """
                <tr><td class="state">\(state)</td><td><b>\(promise.name.rawValue)</b></td><td>\(promise.text)</td>\
                <td class="number">\(Figure.count(promise.kept)) kept\(
                    promise.broken > 0 ? ", \(Figure.count(promise.broken)) broken" : "")</td></tr>
                """
        }
        return """
            <table class="promises"><thead><tr><th></th><th>promise</th><th>that</th><th class="number">checked</th></tr>\
            </thead><tbody>\(rows)</tbody></table>
            """
    }

    // MARK: The picture

    private var timeline: Markup {
        let colors = FaultTable.colors(report).sorted { $0.key < $1.key }
        let keys: [Markup] = colors.map { kind, color in "<span><i class=\"key b\(color)\"></i>\(kind)</span>" }
        return """
            <div class="chart"><div class="wide">\(TimelineChart(report, width: 1030).svg)</div>
            <div class="narrow">\(TimelineChart(report, width: 360).svg)</div></div>
            <p class="legend">\(keys)</p>
            <p class="legend"><span><i class="key" style="background:var(--bar)"></i>answered</span>
            <span><i class="key" style="background:var(--bad)"></i>failed or unknown</span>
            <span><i class="key" style="background:var(--even)"></i>half within</span>
            <span><i class="key" style="background:var(--slow)"></i>99 % within</span></p>
            <p class="soft">A request may fail or wait where a fault is in force, through the very node that it strikes; what
            was acknowledged must be there nevertheless.</p>
            """
    }

    // MARK: Anomalies

    private var anomalies: Markup {
        guard !report.anomalies.isEmpty else { return .none }
        let cards = report.anomalies.enumerated().map { AnomalyCard(number: $0.offset + 1, anomaly: $0.element).markup }
        let kept =
            report.failed > report.anomalies.count
            ? " The first \(Figure.count(report.anomalies.count)) of \(Figure.count(report.failed)) are kept." : ""
        return "<h2>What went wrong</h2><p class=\"soft\">In the order in which it was noticed.\(kept)</p>\(cards)"
    }

    // MARK: Numbers

    private var numbers: Markup {
        let latencies: [(String, Report.Latency)] = [
            ("through nodes to which nothing was done", report.calm), ("all requests", report.all),
        ]
        let rows: [Markup] = latencies.map { name, latency in
            """
            <tr><td>\(name)</td><td class="number">\(Figure.count(Int(clamping: latency.count)))</td>\
            <td class="number">\(Figure.millis(latency.millisHalf))</td>\
            <td class="number">\(Figure.millis(latency.millis90))</td>\
            <td class="number">\(Figure.millis(latency.millis99))</td>\
            <td class="number">\(Figure.millis(latency.millis999))</td>\
            <td class="number">\(Figure.millis(latency.millisMax))</td></tr>
            """
        }
        let counts = report.counts.sorted { $0.key < $1.key }
        let cells: [Markup] = counts.map { name, count in
            "<tr><td>\(name)</td><td class=\"number\">\(Figure.count(count))</td></tr>"
        }
        let half = (cells.count + 1) / 2
        return """
            <div class="scroll"><table><thead><tr><th>latency</th><th class="number">requests</th>\
            <th class="number">half</th><th class="number">90 %</th><th class="number">99 %</th>\
            <th class="number">99.9 %</th><th class="number">all within</th></tr></thead><tbody>\(rows)</tbody></table></div>
            <p class="soft">The harness itself took \(report.harness.corePercent) % of one core at \
            \(Figure.count(Int(report.harness.requestsPerSecond.rounded()))) requests a second.</p>
            <details><summary>All that was counted</summary><div class="pair">
            <table><tbody>\(Array(cells[..<half]))</tbody></table>
            <table><tbody>\(Array(cells[half...]))</tbody></table></div></details>
            """
    }

    private var machine: Markup {
        let next = report.versions.nextSHA256.map { [("the other meshd", "SHA-256 \($0)")] } ?? []
        let rows =
            [
                ("meshd", "\(report.versions.meshd), SHA-256 \(report.versions.meshdSHA256)")
            ] + next + [
                ("chaos", "SHA-256 \(report.versions.chaosSHA256)"),
                ("typed", report.command.joined(separator: " ")),
                ("system", "\(report.machine.system), Linux \(report.machine.kernel)"),
                ("processor", "\(report.machine.cores) cores, \(report.machine.processor)"),
                ("memory", "\(Figure.count(report.machine.memoryMiB)) MiB"),
                ("data on", report.machine.fileSystem),
            ]
        let cells: [Markup] = rows.map { "<tr><td class=\"soft\">\($0.0)</td><td><code>\($0.1)</code></td></tr>" }
        return "<table><tbody>\(cells)</tbody></table>"
    }
}
