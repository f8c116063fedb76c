/// One anomaly: what was claimed, what went on around it, and what each node said just then.
struct AnomalyCard {
    /// The first ones are open: they tell the story.
    private static let openMax = 3

    let number: Int
    let anomaly: Report.Anomaly

    var markup: Markup {
        let around: Markup =
            anomaly.around.isEmpty
            ? .none : "<h3>What the checker saw</h3><pre>\(anomaly.around.joined(separator: "\n"))</pre>"
        return """
            <details class="card"\(number <= Self.openMax ? " open" : "")>
            <summary>\(number). \(anomaly.claim)</summary>
            <p class="soft">\(anomaly.promise.map { "Promise: \($0.rawValue). " } ?? "")At \
            \(Figure.clock(anomaly.atMillis)). \(faults)</p>
            \(around)
            \(views)
            \(requests)
            </details>
            """
    }

    private var faults: String {
        anomaly.faults.isEmpty ? "No fault was in force." : "In force: \(anomaly.faults.joined(separator: "; "))."
    }

    private var views: Markup {
        guard !anomaly.views.isEmpty else { return .none }
        let cards: [Markup] = anomaly.views.map { view in
            let raw = [view.status, view.layout].filter { !$0.isEmpty }.joined(separator: "\n\n")
            let answers: Markup =
                raw.isEmpty
                ? .none : "<details><summary>its answers</summary><pre class=\"wrap\">\(raw)</pre></details>"
            return """
                <div class="view"><b>\(view.node)</b> <span class="soft">\(view.state)</span>\
                \(view.lines.map { "<br>\($0)" as Markup })\(answers)</div>
                """
        }
        return "<h3>What the nodes said just then</h3><div class=\"views\">\(cards)</div>"
    }

    private var requests: Markup {
        guard !anomaly.requests.isEmpty else { return .none }
        let rows: [Markup] = anomaly.requests.map { request in
            """
            <tr><td class="number">\((request.atMillis - Double(anomaly.atMillis)).rounded()) ms</td>\
            <td>\(request.node)</td><td>\(String(request.client))</td><td><code>\(request.what)</code></td>\
            <td class="number">\(Figure.millis(request.millis))</td><td>\(request.outcome.prefix(160))</td></tr>
            """
        }
        return """
            <details><summary>The last requests of all clients before it (\(anomaly.requests.count))</summary>
            <div class="scroll"><table><thead><tr><th class="number">begun</th><th>node</th><th>client</th><th>request</th>\
            <th class="number">took</th><th>outcome</th></tr></thead><tbody>\(rows)</tbody></table></div></details>
            """
    }
}
