import Mesh

/// The member list for people: whose view it is, one line each, and a summary.
enum MembersText {
    static func text(_ report: MembersReport, worstFirst: Bool = false) -> String {
        let lines = worstFirst ? byTrouble(report.members) : byName(report.members)
        let header = [
            "NODE", "ADDRESS", "ZONE", "STATE", "SINCE", "PHI", "REACH", "RTT", "LOSS", "FLAP", "HEALTH", "VERSION",
            "GEN.INC",
        ]
        return [head(report), Table.text(header: header, rows: lines.map { row($0, report) }), tail(report)]
            .joined(separator: "\n")
    }

    /// `mesh 7f3a12cd…  epoch 3  seen from n04  view 5c1e09d2: 1021/1024 agree`
    static func head(_ report: MembersReport) -> String {
        "mesh \(report.meshID.prefix(8))…  epoch \(report.epoch)  seen from \(Table.plain(report.seenFrom))  "
            + "view \(report.viewDigest.prefix(8)): \(report.agreeing)/\(report.present) agree"
    }

    /// Only states that occur are counted, in the order of trouble.
    private static func tail(_ report: MembersReport) -> String {
        let counts = MemberLine.State.allCases.compactMap { state -> String? in
            let count = report.members.count { $0.state == state }
            return count > 0 ? "\(count) \(state.rawValue)" : nil
        }
        var text =
            counts.joined(separator: "  ")
            + "   local health \(report.localHealth)   loop lag p99 \(Spans.decimal(report.loopLagMillis))ms"
            + "   loss \(Spans.percent(report.lossBelief))"
        if report.isIsolated {
            text +=
                "\n\(Table.plain(report.seenFrom)) is isolated: most of its questions go unanswered, "
                + "so it condemns nobody"
        }
        return text
    }

    private static func row(_ line: MemberLine, _ report: MembersReport) -> [String] {
        // Those who are gone are measured no more: their last numbers would only mislead.
        let isPresent = line.state == .alive || line.state == .suspect || line.state == .unstable
        func measured(_ text: String) -> String { isPresent ? text : "-" }
        let version = "\(line.generation).\(line.incarnation)"
        return [
            line.name, line.address.isEmpty ? "-" : line.address, line.zone.isEmpty ? "-" : line.zone,
            line.state.rawValue, Spans.age(from: line.sinceMillis, to: report.atMillis),
            measured(Spans.decimal(line.phi)), measured(line.reach),
            measured(line.reach == "self" ? "-" : Spans.trip(micros: line.rttMicros)),
            measured(Spans.percent(line.loss)),
            measured(Spans.decimal(line.flaps)), measured("\(line.health)"), line.version.isEmpty ? "-" : line.version,
            line.note.isEmpty ? version : version + "  <- " + line.note,
        ]
    }

    private static func byName(_ lines: [MemberLine]) -> [MemberLine] {
        lines.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
    }

    /// What needs a person first: the dead and the accused, then those who flap, then the living by what they lose;
    /// those who went on purpose are last.
    static func byTrouble(_ lines: [MemberLine]) -> [MemberLine] {
        func rank(_ line: MemberLine) -> Int {
            switch line.state {
            case .suspect: 0
            case .dead: 1
            case .unstable: 2
            case .alive: line.reach == "direct" || line.reach == "self" ? 4 : 3
            case .left: 5
            case .expelled: 6
            }
        }
        return byName(lines).enumerated().sorted { a, b in
            let (x, y) = (a.element, b.element)
            if rank(x) != rank(y) { return rank(x) < rank(y) }
            if x.phi != y.phi { return x.phi > y.phi }
            if x.loss != y.loss { return x.loss > y.loss }
            return a.offset < b.offset
        }.map(\.element)
    }

    /// What became different between two looks, one line each: `10:02:11.204  n12  alive -> suspect`.
    static func changes(from old: MembersReport, to new: MembersReport) -> [String] {
        let before = Dictionary(old.members.map { ($0.id, $0) }) { first, _ in first }
        let time = Spans.clock(millis: new.atMillis)
        var lines: [String] = []
        for line in byName(new.members) {
            let name = Table.plain(line.name)
            guard let past = before[line.id] else {
                lines.append("\(time)  \(name)  new, \(line.state.rawValue)")
                continue
            }
            if past.state != line.state {
                lines.append("\(time)  \(name)  \(past.state.rawValue) -> \(line.state.rawValue)")
            } else if past.generation != line.generation {
                lines.append("\(time)  \(name)  started again, generation \(line.generation)")
            } else if line.flaps > past.flaps {
                // The count decays between two looks, so any growth is a new refutation.
                lines.append("\(time)  \(name)  refuted, version \(line.generation).\(line.incarnation)")
            }
        }
        let present = Set(new.members.map(\.id))
        for line in byName(old.members) where !present.contains(line.id) {
            lines.append("\(time)  \(Table.plain(line.name))  forgotten")
        }
        return lines
    }

    /// Everything about one member, one fact a line.
    static func dossier(_ line: MemberLine, at nowMillis: UInt64) -> String {
        func orDash(_ text: String) -> String { text.isEmpty ? "-" : text }
        let agrees = line.agrees.map { $0 ? "yes" : "no" } ?? "not heard"
        let rows = [
            ["id", line.id], ["address", orDash(line.address)], ["zone", orDash(line.zone)],
            ["state", "\(line.state.rawValue) for \(Spans.age(from: line.sinceMillis, to: nowMillis))"],
            ["note", orDash(line.note)], ["phi", Spans.decimal(line.phi)], ["reach", line.reach],
            ["round trip", Spans.trip(micros: line.rttMicros)], ["loss", Spans.percent(line.loss)],
            ["flaps", Spans.decimal(line.flaps)], ["health", "\(line.health)"],
            ["generation", "\(line.generation)"], ["incarnation", "\(line.incarnation)"], ["same view", agrees],
            ["version", orDash(line.version)], ["s3", orDash(line.s3)], ["admin", orDash(line.admin)],
            ["space", "\(Spans.bytes(line.freeBytes)) free of \(Spans.bytes(line.capacityBytes))"],
            ["clock", line.clockSkewMillis.map { "\($0)ms from this node's" } ?? "-"],
        ]
        return Table.text(header: ["NODE", line.name], rows: rows)
    }
}
