import Mesh

/// What the cluster commands print for people.
enum ClusterText {
    /// The health in one line, then what is wrong, in words, each with what to do about it.
    static func health(_ health: ClusterHealth) -> String {
        let lines = health.findings.flatMap { finding -> [String] in
            let line = "  \(finding.severity.rawValue): \(Table.plain(finding.message))"
            return finding.advice.isEmpty ? [line] : [line, "      \(Table.plain(finding.advice))"]
        }
        return ([Table.plain(health.sentence)] + lines).joined(separator: "\n")
    }

    /// What an order would do.
    static func preview(_ preview: OrderPreview) -> String {
        var lines = [Table.plain(preview.message)]
        if !preview.moves.isEmpty {
            let rows = preview.moves.map {
                [$0.from, $0.to, "\($0.partitions)", "\($0.objects)", Spans.bytes($0.bytes)]
            }
            lines.append(Table.text(header: ["FROM", "TO", "PARTITIONS", "OBJECTS", "BYTES"], rows: rows))
        }
        lines += preview.losses.map { "lost: " + Table.plain($0) } + preview.warnings.map { "note: " + Table.plain($0) }
        if preview.needsForce { lines.append("It is only done with --force.") }
        return lines.joined(separator: "\n")
    }

    static func nodes(_ answer: ClusterNodes) -> String {
        let header = [
            "NODE", "ZONE", "STATE", "ROLE", "WEIGHT", "SHARE", "OBJECTS", "BYTES", "FREE", "WAITING", "VERSION",
        ]
        let rows = answer.nodes.map { node -> [String] in
            let condition = node.condition
            let waiting = condition.map { $0.hints.reduce(0) { $0 + $1.objects } }
            return [
                node.name, node.zone.isEmpty ? "-" : node.zone, node.state, node.role, "\(node.weight)",
                percent(node.share), condition.map { "\($0.versions)" } ?? "-",
                condition.map { Spans.bytes($0.logicalBytes) } ?? "-", Spans.bytes(node.freeBytes),
                waiting.map { "\($0)" } ?? "-", node.version.isEmpty ? "-" : node.version,
            ]
        }
        return Table.text(header: header, rows: rows)
    }

    static func node(_ node: ClusterNode) -> String {
        func orDash(_ text: String) -> String { text.isEmpty ? "-" : text }
        var rows = [
            ["id", node.id], ["zone", orDash(node.zone)], ["state", node.state], ["role", node.role],
            ["weight", "\(node.weight)"], ["share", percent(node.share)], ["mesh", orDash(node.address)],
            ["s3", orDash(node.s3)], ["admin", orDash(node.admin)], ["version", orDash(node.version)],
            ["space", "\(Spans.bytes(node.freeBytes)) free of \(Spans.bytes(node.capacityBytes))"],
        ]
        if let condition = node.condition {
            rows += [
                ["epoch", "\(condition.epoch)"], ["serves", condition.isReady ? "yes" : "no"],
                ["objects", "\(condition.versions)"], ["bytes", Spans.bytes(condition.logicalBytes)],
                ["read-only", condition.isReadOnly ? "yes" : "no"], ["failure", condition.failure ?? "-"],
                ["wrong checksums", "\(condition.corruptions)"], ["without bytes", "\(condition.wanted)"],
                ["hints for others", "\(condition.hints.reduce(0) { $0 + $1.objects })"],
                ["repair", condition.isRepairPaused ? "paused" : "on"],
                ["CPU", condition.machine?.cpuPercent.map { "\($0) % of a core" } ?? "-"],
                ["memory", condition.machine?.residentBytes.map(Spans.bytes) ?? "-"],
                ["load", condition.machine?.load.map { "\($0)" } ?? "-"],
            ]
        } else {
            rows.append(["itself", "does not answer"])
        }
        return Table.text(header: ["NODE", node.name], rows: rows)
    }

    /// Where a key is: one line of what is so, then what each holder has.
    static func holders(_ report: WhereReport) -> String {
        let head =
            "\(Table.plain(report.bucket))/\(Table.plain(report.key))  partition \(report.partition)  "
            + "epoch \(report.epoch)  wants \(report.copiesWanted) \(report.copiesWanted == 1 ? "copy" : "copies")"
        let rows = report.holders.flatMap { holder -> [[String]] in
            let place = [holder.name, holder.zone.isEmpty ? "-" : holder.zone, holder.role.rawValue]
            if let silence = holder.silence { return [place + ["-", "-", "-", "-", silence]] }
            if holder.rows.isEmpty { return [place + ["-", "nothing", "-", "-", hints(holder)]] }
            return holder.rows.enumerated().map { index, row in
                let isNewest = row.stamp == report.newest
                let remark = (index == 0 ? [isNewest ? "" : "behind", hints(holder)] : [])
                    .filter { !$0.isEmpty }.joined(separator: ", ")
                return (index == 0 ? place : ["", "", ""]) + [
                    row.stamp, row.kind, Spans.bytes(row.size), row.hasBytes ? "yes" : "no", remark,
                ]
            }
        }
        let table = Table.text(
            header: ["HOLDER", "ZONE", "SET", "STAMP", "KIND", "SIZE", "BYTES HERE", "REMARK"],
            rows: rows
        )
        return [head, Table.plain(report.sentence), table].joined(separator: "\n")
    }

    private static func hints(_ holder: WhereReport.Holder) -> String {
        holder.hintsFor.isEmpty ? "" : "keeps a hint for " + holder.hintsFor.joined(separator: ", ")
    }

    /// Shares differ in the first place behind the point.
    static func percent(_ share: Double) -> String { Spans.decimal(share * 100) + "%" }
}
