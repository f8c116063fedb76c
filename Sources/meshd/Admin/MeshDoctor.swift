import Mesh

/// Names what is wrong with a mesh, from what one node sees of it: each trouble that operators meet has its own line.
struct MeshDoctor {
    /// Members that one examination asks: more would take long and tell little more.
    static let probesMax = 16
    /// An answer takes up to seconds: smaller differences of clocks may be its way.
    private static let skewMillisNoted: UInt64 = 10_000
    /// S3 signatures are refused beyond fifteen minutes; a third of that leaves time to act.
    private static let skewMillisWrong: UInt64 = 300_000
    /// Half of what the failure detector takes for a pause of this node.
    private static let lagMillisNoted = 125.0
    private static let lagMillisWrong = 500.0
    /// Names in one line.
    private static let namesMax = 8

    let report: MembersReport
    let epochs: EpochsReport
    let probes: [ProbeReport]

    private var others: [MemberLine] {
        report.members.filter { isPresent($0) && $0.reach != "self" }
    }

    /// One line for each look, in a fixed order.
    var diagnoses: [Diagnosis] { [isolation, udp, mtu, reach, clock, lag, epoch, names, versions, views] }

    private var isolation: Diagnosis {
        let text =
            "most questions of \(name(report.seenFrom)) go unanswered: its network is the trouble, not the others'"
        return report.isIsolated
            ? Diagnosis(check: "isolation", status: .error, message: text)
            : Diagnosis(check: "isolation", status: .ok, message: "this node is not cut off")
    }

    private var udp: Diagnosis {
        var blocked = others.filter { $0.reach == "stream" }.map(\.name)
        for probe in probes where !probe.datagram.isAnswered && probe.stream.isAnswered && !blocked.contains(probe.to) {
            blocked.append(probe.to)
        }
        return judged(
            "udp",
            blocked,
            .error,
            "UDP is blocked or lost on the way to %, streams work: open the mesh port for UDP in both directions",
            fine: "datagrams pass"
        )
    }

    private var mtu: Diagnosis {
        let cut = probes.filter { $0.datagram.isAnswered && !$0.fullDatagram.isAnswered }
        let size = probes.first?.datagramBytes ?? 0
        return judged(
            "mtu",
            cut.map(\.to),
            .error,
            "small datagrams reach %, those of \(size) bytes do not: something on the path has a smaller MTU",
            fine: "datagrams of the largest size pass"
        )
    }

    private var reach: Diagnosis {
        judged(
            "reach",
            others.filter { $0.reach == "relay" }.map(\.name),
            .warning,
            "% can be reached through others only: the path between the two is broken, or works one way",
            fine: "every path works by itself"
        )
    }

    private var clock: Diagnosis {
        let wrong = others.filter { ($0.clockSkewMillis?.magnitude ?? 0) >= Self.skewMillisNoted }
        let worst = wrong.compactMap { $0.clockSkewMillis?.magnitude }.max() ?? 0
        return judged(
            "clock",
            wrong.map(\.name),
            worst >= Self.skewMillisWrong ? .error : .warning,
            "the clock of % is up to \(Spans.age(millis: worst)) from this node's; requests that they sign or check "
                + "fail beyond 15 minutes",
            fine: "clocks agree within \(Self.skewMillisNoted / 1_000) s"
        )
    }

    private var lag: Diagnosis {
        let lag = report.loopLagMillis
        let text = "timers of this node fire \(Spans.decimal(lag))ms late (99th percentile)"
        guard lag >= Self.lagMillisNoted else { return Diagnosis(check: "lag", status: .ok, message: text) }
        let status: Diagnosis.Status = lag >= Self.lagMillisWrong ? .error : .warning
        return Diagnosis(check: "lag", status: status, message: text + ": it lacks CPU, or its machine stands still")
    }

    private var epoch: Diagnosis {
        if epochs.announced > epochs.newest {
            return Diagnosis(
                check: "epoch",
                status: .warning,
                message: "key epoch \(epochs.announced) is announced and this node has no key for it yet"
            )
        }
        let present = Set(others.map(\.id))
        let old = epochs.peers.filter { peer in
            present.contains(peer.id) && (peer.epoch.map { $0 < epochs.sending } ?? false)
        }
        return judged(
            "epoch",
            old.map(\.name),
            .warning,
            "% was last heard under a key older than epoch \(epochs.sending)",
            fine: "all heard use epoch \(epochs.sending)"
        )
    }

    private var names: Diagnosis {
        let all = report.members.filter(isPresent).map(\.name)
        let twice = Dictionary(grouping: all) { $0 }.filter { $1.count > 1 }.keys.sorted()
        return judged(
            "names",
            twice,
            .warning,
            "the name % is used by more than one node: commands will ask for the id",
            fine: "every name is used once"
        )
    }

    private var versions: Diagnosis {
        let all = Set(report.members.filter { isPresent($0) && !$0.version.isEmpty }.map(\.version)).sorted()
        guard all.count > 1 else {
            let text = all.first.map { "all run \(Table.plain($0))" } ?? "no version is known"
            return Diagnosis(check: "versions", status: .ok, message: text)
        }
        return Diagnosis(
            check: "versions",
            status: .note,
            message: "different versions run: " + all.prefix(Self.namesMax).map(Table.plain).joined(separator: ", ")
        )
    }

    private var views: Diagnosis {
        let differing = others.filter { $0.agrees == false }.map(\.name)
        return judged(
            "views",
            differing,
            .note,
            "% was last heard with another view; it lasts seconds after a change, `meshd diff` shows where",
            fine: "\(report.agreeing) of \(report.present) hold the same view"
        )
    }

    private func isPresent(_ line: MemberLine) -> Bool {
        line.state == .alive || line.state == .suspect || line.state == .unstable
    }

    private func name(_ text: String) -> String { Table.plain(text) }

    /// Fine when nobody is concerned; else `text` with the names in place of its percent sign.
    private func judged(
        _ check: String,
        _ concerned: [String],
        _ status: Diagnosis.Status,
        _ text: String,
        fine: String
    ) -> Diagnosis {
        guard !concerned.isEmpty else { return Diagnosis(check: check, status: .ok, message: fine) }
        var listed = concerned.sorted().prefix(Self.namesMax).map(name).joined(separator: ", ")
        if concerned.count > Self.namesMax { listed += " and \(concerned.count - Self.namesMax) more" }
        return Diagnosis(check: check, status: status, message: text.replacing("%", with: listed, maxReplacements: 1))
    }
}
