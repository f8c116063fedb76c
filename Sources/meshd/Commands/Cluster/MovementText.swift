import Mesh

/// What moves and what waits, for people.
enum MovementText {
    static func layout(_ answer: LayoutAnswer) -> String {
        var lines = [plain(answer.layout.layoutText)]
        guard let movement = answer.movement else { return lines[0] }
        lines.append(self.movement(movement))
        if !movement.nodes.isEmpty {
            let rows = movement.nodes.map { arrival -> [String] in
                let own = arrival.movement
                return [
                    arrival.name, own.isDone ? "done" : "fetching", "\(own.partitionsDone)/\(own.partitions)",
                    "\(own.objects)", Spans.bytes(own.bytes), Spans.bytes(own.bytesExpected),
                    Spans.bytes(own.bytesPerSecond) + "/s",
                    own.secondsLeft.map { Spans.age(millis: $0 * 1_000) } ?? "-",
                ]
            }
            let header = ["NODE", "STATE", "SHARES", "OBJECTS", "BYTES", "OF", "RATE", "LEFT"]
            lines.append(Table.text(header: header, rows: rows))
        }
        return lines.joined(separator: "\n")
    }

    private static func movement(_ movement: MovementAnswer) -> String {
        var text = "\(Table.plain(movement.what)): \(ClusterText.percent(movement.share)), "
        text += "\(Spans.bytes(movement.doneBytes)) of \(Spans.bytes(movement.allBytes))"
        if movement.isPaused { text += ", paused" }
        if let left = movement.secondsLeft { text += ", about \(Spans.age(millis: left * 1_000)) left" }
        if !movement.waitsFor.isEmpty {
            text += "; waits for " + movement.waitsFor.map(Table.plain).joined(separator: ", ")
        }
        return text
    }

    static func ring(_ report: LayoutReport) -> String { plain(report.ringText) }

    /// Names come from other nodes: each line is made plain.
    private static func plain(_ text: String) -> String {
        text.split(separator: "\n").map { Table.plain(String($0)) }.joined(separator: "\n")
    }

    static func repair(_ answer: RepairAnswer, at nowMillis: UInt64) -> String {
        var lines = answer.nodes.flatMap { node in
            node.report.sentences.map { "\(Table.plain(node.name)): \(Table.plain($0))" }
        }
        if lines.isEmpty { lines.append("nothing waits and nothing moves") }
        lines += answer.silent.map { "\(Table.plain($0)) did not answer" }
        let rows = answer.nodes.map { node -> [String] in
            let counters = node.report.counters
            func count(_ name: String) -> String { "\(counters[name] ?? 0)" }
            let last = node.report.comparisons.map(\.atMillis).max()
            return [
                node.name, node.report.isPaused ? "paused" : "on",
                node.report.bytesPerSecondLimit.map { Spans.bytes(UInt64(max(0, $0))) + "/s" } ?? "-",
                "\(node.report.hints.reduce(0) { $0 + $1.objects })", "\(node.report.wanted)", count("comparisons"),
                last.map { Spans.age(from: $0, to: nowMillis) } ?? "-", count("rows_pulled"), count("rows_pushed"),
                Spans.bytes((counters["bytes_asked"] ?? 0) + (counters["bytes_answered"] ?? 0)),
            ]
        }
        if !rows.isEmpty {
            let header = [
                "NODE", "REPAIR", "LIMIT", "HINTS", "WANTED", "COMPARISONS", "LAST", "PULLED", "PUSHED", "BYTES",
            ]
            lines.append(Table.text(header: header, rows: rows))
        }
        return lines.joined(separator: "\n")
    }
}
