import FoundationEssentials

/// Many runs with one seed after the other: what each found, and all of them together.
struct SoakSummary: Codable, Sendable {
    static let pageName = "index.html"
    static let jsonName = "soak.json"

    struct Entry: Codable, Sendable, Equatable {
        let seed: UInt64
        let startedAt: String
        let seconds: Int
        /// nil: the run ended without a report.
        let outcome: Outcome?
        /// How its process ended.
        let exit: String
        /// Its folder, beside this summary.
        let folder: String

        var isClean: Bool { outcome?.anomalies == 0 && exit == "exit code 0" }
    }

    struct Outcome: Codable, Sendable, Equatable {
        let requests: Int
        let faults: Int
        let checks: Int
        let anomalies: Int
        let broken: [String]
    }

    let startedAt: String
    let plan: String
    private(set) var entries: [Entry] = []

    init(startedAt: String, plan: String) {
        self.startedAt = startedAt
        self.plan = plan
    }

    mutating func add(_ entry: Entry) { entries.append(entry) }

    var isClean: Bool { entries.allSatisfy(\.isClean) }

    func sum(_ value: KeyPath<Outcome, Int>) -> Int {
        entries.compactMap(\.outcome).reduce(0) { $0 + $1[keyPath: value] }
    }

    var line: String {
        let seconds = entries.reduce(0) { $0 + $1.seconds }
        let bad = entries.filter { !$0.isClean }.count
        return "\(Figure.plural(entries.count, "run")) in \(Figure.clock(seconds * 1000)) min, "
            + "\(Figure.count(sum(\.requests))) requests, \(Figure.count(sum(\.faults))) faults, "
            + "\(Figure.count(sum(\.checks))) checks, \(bad == 0 ? "nothing was wrong" : "\(bad) with anomalies")"
    }

    func write(to folder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(fileURLWithPath: "\(folder)/\(Self.jsonName)"))
        try Data(page.html.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(Self.pageName)"))
    }

    var page: Markup {
        let rows: [Markup] = entries.map { entry in
            let state: Markup =
                entry.isClean
                ? "<span class=\"kept\">✓ kept</span>" : "<span class=\"broke\">✗ \(trouble(entry))</span>"
            let outcome = entry.outcome
            return """
                <tr><td><a href="\(entry.folder)/\(Report.pageName)">\(String(entry.seed))</a></td>\
                <td class="state">\(state)</td><td>\(entry.startedAt)</td>\
                <td class="number">\(Figure.clock(entry.seconds * 1000))</td>\
                <td class="number">\(Figure.count(outcome?.requests ?? 0))</td>\
                <td class="number">\(Figure.count(outcome?.faults ?? 0))</td>\
                <td class="number">\(Figure.count(outcome?.checks ?? 0))</td>\
                <td class="number">\(Figure.count(outcome?.anomalies ?? 0))</td></tr>
                """
        }
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>chaos soak, \(startedAt)</title>
            <style>\(ReportStyle.css)</style>
            </head>
            <body><main>
            <section class="verdict\(isClean ? "" : " broken")">
            <h1>\(isClean ? "Every run kept every promise" : "Some runs found something wrong")</h1>
            <p>\(line).</p>
            <p class="soft">\(plan). Begun \(startedAt).</p>
            </section>
            <h2>Runs</h2>
            <div class="scroll"><table><thead><tr><th>seed</th><th></th><th>begun</th><th class="number">took</th>\
            <th class="number">requests</th><th class="number">faults</th><th class="number">checks</th>\
            <th class="number">anomalies</th></tr></thead><tbody>\(rows)</tbody></table></div>
            <footer>Each seed leads to the report of its run; <code>chaos replay</code> with its folder does it again.</footer>
            </main></body>
            </html>

            """
    }

    private func trouble(_ entry: Entry) -> String {
        guard let outcome = entry.outcome else { return "no report, \(entry.exit)" }
        return outcome.broken.isEmpty ? entry.exit : outcome.broken.joined(separator: ", ")
    }
}
