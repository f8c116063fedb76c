import Mesh

/// Rules as text, for people.
enum ReplicationText {
    static func table(_ rules: [RuleAnswer]) -> String {
        Table.text(
            header: ["ID", "BUCKET", "TO", "MODE", "STATE", "QUEUED", "LAG"],
            rows: rules.map { rule in
                [
                    rule.id, from(rule), target(rule), mode(rule), rule.state.rawValue, "\(rule.queued)",
                    lag(rule),
                ]
            }
        )
    }

    /// One rule as a list has it, and how it is, in words.
    static func line(_ rule: RuleAnswer) -> String { table([rule]) + "\n" + Table.plain(rule.sentence) }

    static func whole(_ rule: RuleAnswer) -> String {
        func yesNo(_ flag: Bool) -> String { flag ? "yes" : "no" }
        let sizes = "\(rule.objectsSent) objects, \(Spans.bytes(rule.bytesSent))"
        let table = Table.text(
            header: ["RULE", rule.id],
            rows: [
                ["state", rule.state.rawValue], ["created", rule.created], ["bucket", orDash(rule.bucket)],
                ["prefix", orDash(rule.prefix)], ["target", rule.endpoint], ["target bucket", rule.targetBucket],
                ["target prefix", orDash(rule.targetPrefix)], ["region", rule.region],
                ["access key", rule.accessKey], ["own certificate", yesNo(rule.hasCertificate)],
                ["mode", mode(rule)], ["deletes", yesNo(rule.deletes)], ["metadata", yesNo(rule.metadata)],
                ["existing objects", yesNo(rule.existing)], ["paused", yesNo(rule.paused)],
                ["queued", "\(rule.queued)"],
                ["lag", lag(rule)],
                ["keys in trouble", "\(rule.troubles)"], ["sent", sizes], ["deletes sent", "\(rule.deletesSent)"],
                ["nothing to do", "\(rule.skipped)"], ["failures", "\(rule.failures)"],
                ["last sent", rule.lastSent ?? "-"],
            ]
        )
        var lines = [Table.plain(rule.sentence), "", table]
        if let failure = rule.lastFailure {
            let key = failure.key.map { ", \($0)" } ?? ""
            lines += ["", Table.plain("last failure: \(failure.at) on \(failure.node)\(key): \(failure.message)")]
        }
        if !rule.nodes.isEmpty { lines += ["", nodes(rule.nodes)] }
        if !rule.unanswered.isEmpty {
            lines += ["", Table.plain("no answer from " + rule.unanswered.joined(separator: ", "))]
        }
        return lines.joined(separator: "\n")
    }

    private static func nodes(_ nodes: [RuleAnswer.Node]) -> String {
        Table.text(
            header: ["NODE", "QUEUED", "OBJECTS", "BYTES", "DELETES", "NOTHING TO DO", "FAILURES"],
            rows: nodes.map {
                [
                    $0.name, "\($0.queued)", "\($0.objectsSent)", Spans.bytes($0.bytesSent), "\($0.deletesSent)",
                    "\($0.skipped)", "\($0.failures)",
                ]
            }
        )
    }

    private static func from(_ rule: RuleAnswer) -> String {
        // A bucket that was deleted has no name any more.
        let bucket = orDash(rule.bucket)
        return rule.prefix.isEmpty ? bucket : bucket + "/" + rule.prefix
    }

    private static func target(_ rule: RuleAnswer) -> String {
        let bucket = rule.endpoint + "/" + rule.targetBucket
        return rule.targetPrefix.isEmpty ? bucket : bucket + "/" + rule.targetPrefix
    }

    private static func mode(_ rule: RuleAnswer) -> String {
        rule.intervalSeconds == 0 ? "continuous" : "every \(rule.intervalSeconds)s"
    }

    private static func lag(_ rule: RuleAnswer) -> String {
        guard let seconds = rule.lagSeconds else { return "-" }
        // A node may say any number.
        let (millis, overflows) = seconds.multipliedReportingOverflow(by: 1_000)
        return Spans.age(millis: overflows ? .max : millis)
    }

    private static func orDash(_ text: String) -> String { text.isEmpty ? "-" : text }
}
