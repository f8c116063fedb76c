import Mesh

/// Why a node believes something, whom it agrees with and what it can reach, for people. Times are UTC.
enum EvidenceText {
    static func why(_ report: WhyReport, at nowMillis: UInt64) -> String {
        let name = Table.plain(report.subject)
        var first = "\(name) is \(report.state.rawValue) for \(Spans.age(from: report.sinceMillis, to: nowMillis))"
        if let death = report.deadAtMillis {
            first += ", dead in \(Spans.age(from: nowMillis, to: death)) unless it refutes"
        }
        if let reason = report.reason, !reason.isEmpty { first += ": \(Table.plain(reason))" }
        var lines = [first + "   seen from \(Table.plain(report.seenFrom))"]
        if !report.evidence.isEmpty {
            let witnesses = report.evidence.map { "\(Table.plain($0.name)) \(Spans.decimal($0.phi))" }
            lines.append(
                "phi \(Spans.decimal(report.phi)) (suspect at \(Spans.decimal(report.suspectPhi)), "
                    + "dead soonest at \(Spans.decimal(report.deadPhi))), "
                    + "\(report.evidence.count) accusers and \(report.quorum) needed: "
                    + witnesses.joined(separator: ", ")
            )
        }
        if report.entries.isEmpty {
            lines.append("Nothing is remembered against it.")
            return lines.joined(separator: "\n")
        }
        let rows = report.entries.map { entry in
            [
                Spans.clock(millis: entry.atMillis), entry.what,
                entry.by.isEmpty ? "-" : entry.by.joined(separator: " "),
                entry.phi > 0 ? Spans.decimal(entry.phi) : "-", entry.version.isEmpty ? "-" : entry.version,
            ]
        }
        lines.append(Table.text(header: ["TIME UTC", "WHAT", "BY", "PHI", "GEN.INC"], rows: rows))
        return lines.joined(separator: "\n")
    }

    static func agree(_ report: AgreeReport) -> String {
        let rows = report.groups.map { group in
            [
                group.viewDigest.isEmpty ? "not heard" : String(group.viewDigest.prefix(8)), "\(group.names.count)",
                Spans.age(millis: group.heardMillisAgo), names(group.names),
            ]
        }
        let all = report.agreeing == report.present
        return [
            "view \(report.viewDigest.prefix(8)) of \(Table.plain(report.seenFrom)): "
                + "\(report.agreeing)/\(report.present) agree",
            Table.text(header: ["VIEW", "NODES", "HEARD", "NAMES"], rows: rows),
            all ? "All see the same." : "Views differ; `meshd diff A B` shows where.",
        ].joined(separator: "\n")
    }

    static func diff(_ report: DiffReport) -> String {
        let (a, b) = (Table.plain(report.a), Table.plain(report.b))
        guard !report.differences.isEmpty else { return "\(a) and \(b) see the same." }
        func cell(_ line: ViewLine?) -> String {
            guard let line else { return "unknown" }
            return "\(line.state.rawValue) \(line.generation).\(line.incarnation) \(line.address)"
        }
        return Table.text(
            header: ["NODE", "AT \(a)", "AT \(b)"],
            rows: report.differences.map { [$0.name, cell($0.a), cell($0.b)] }
        )
    }

    static func probes(_ reports: [ProbeReport]) -> String {
        guard let first = reports.first else { return "Nothing was asked." }
        func cell(_ path: ProbeReport.Path) -> String {
            path.isAnswered ? Spans.trip(micros: path.micros) : "no answer"
        }
        let rows = reports.enumerated().map { index, report in
            ["\(index + 1)", cell(report.datagram), cell(report.fullDatagram), cell(report.stream)]
        }
        let via = first.via.map { " via \(Table.plain($0))" } ?? ""
        return "\(Table.plain(first.from)) -> \(Table.plain(first.to))\(via)  \(Table.plain(first.address))\n"
            + Table.text(header: ["#", "DATAGRAM", "\(first.datagramBytes) BYTES", "STREAM"], rows: rows)
    }

    static func epochs(_ report: EpochsReport, at nowMillis: UInt64) -> String {
        let epochs = report.epochs.map { epoch in
            [
                "\(epoch.epoch)", epoch.use, Spans.age(from: epoch.sinceMillis, to: nowMillis),
                names(report.peers.filter { $0.epoch == epoch.epoch }.map(\.name)),
            ]
        }
        var lines = [
            "mesh \(report.meshID.prefix(8))…  sending under epoch \(report.sending), newest \(report.newest)",
            Table.text(header: ["EPOCH", "USE", "SINCE", "LAST HEARD FROM"], rows: epochs),
        ]
        if report.announced > report.newest {
            lines.append("Epoch \(report.announced) is announced; this node waits for its key.")
        }
        if !report.decrees.isEmpty {
            lines.append(decrees(report.decrees))
        }
        return lines.joined(separator: "\n")
    }

    static func decrees(_ decrees: [DecreeLine]) -> String {
        Table.text(
            header: ["DECREE", "KIND", "NODE", "EPOCH", "REASON"],
            rows: decrees.map {
                ["\($0.sequence)", $0.kind, $0.subject ?? "-", "\($0.newEpoch)", $0.reason.isEmpty ? "-" : $0.reason]
            }
        )
    }

    /// A few names, and how many more there are.
    private static func names(_ names: [String]) -> String {
        if names.isEmpty { return "-" }
        let shown = names.sorted().prefix(8).joined(separator: " ")
        return names.count > 8 ? shown + " and \(names.count - 8) more" : shown
    }
}
