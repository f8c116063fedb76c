/// What was done to the nodes: each kind of fault with its colour in the picture.
struct FaultTable {
    /// Colours that the page's style has.
    static let colorCount = 12

    let report: Report

    /// By first appearance; a run with more kinds than colours uses some twice.
    static func colors(_ report: Report) -> [String: Int] {
        var found: [String: Int] = [:]
        for fault in report.faults where found[fault.what] == nil { found[fault.what] = found.count % colorCount }
        return found
    }

    var markup: Markup {
        let colors = Self.colors(report)
        let kinds = Dictionary(grouping: report.faults, by: \.what).sorted { $0.key < $1.key }
        guard !kinds.isEmpty else { return "<p>Nothing was done to the nodes.</p>" }
        let rows: [Markup] = kinds.map { kind, faults in
            let longest = faults.compactMap(\.millis).max() ?? 0
            return """
                <tr><td><i class="key b\(colors[kind] ?? 0)"></i>\(kind)</td><td class="number">\
                \(Figure.count(faults.count))</td><td class="number">\(Figure.millis(Double(longest)))</td>\
                <td class="text">\(Self.text(kind))</td></tr>
                """
        }
        return """
            <table><thead><tr><th>fault</th><th class="number">times</th><th class="number">longest</th>\
            <th class="text">what it does</th></tr></thead><tbody>\(rows)</tbody></table>
            """
    }

    private static func text(_ kind: String) -> String {
        if kind == "leave" { return "a node was drained, held nothing any more and was stopped for good" }
        return FaultKind(rawValue: kind)?.text ?? ""
    }
}
