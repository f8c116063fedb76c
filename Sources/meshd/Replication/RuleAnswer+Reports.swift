import Mesh

/// A rule as people see it, put together from what its mesh's nodes say.
extension RuleAnswer {
    /// - Parameters:
    ///   - copies: with how many nodes each change waits.
    ///   - reports: by the name of the node.
    init(
        _ rule: ReplicationRule,
        bucket: String,
        copies: Int,
        reports: [(node: String, report: ReplicationReport)],
        unanswered: [String],
        nowMillis: UInt64
    ) {
        func sum<Number: AdditiveArithmetic>(_ part: (ReplicationReport) -> Number) -> Number {
            reports.reduce(.zero) { $0 + part($1.report) }
        }
        let all = sum(\.queued)
        let holders = max(1, min(copies, reports.count))
        queued = (all + holders - 1) / holders
        let oldest = reports.compactMap(\.report.oldestMillis).min()
        lagSeconds = queued == 0 ? nil : oldest.map { nowMillis > $0 ? (nowMillis - $0) / 1_000 : 0 }
        troubles = sum(\.troubles)
        objectsSent = sum(\.objectsSent)
        bytesSent = sum(\.bytesSent)
        deletesSent = sum(\.deletesSent)
        skipped = sum(\.skipped)
        failures = sum(\.failures)
        lastSent = reports.compactMap(\.report.lastSentMillis).max().map { JSON.date(millis: $0) }
        let failed = reports.compactMap { line in line.report.lastFailure.map { (line.node, $0) } }
            .max { $0.1.millis < $1.1.millis }
        lastFailure = failed.map { node, failure in
            Failure(at: JSON.date(millis: failure.millis), node: node, key: failure.key, message: failure.sentence)
        }
        nodes = reports.map { node, report in
            Node(
                name: node,
                queued: report.queued,
                objectsSent: report.objectsSent,
                bytesSent: report.bytesSent,
                deletesSent: report.deletesSent,
                skipped: report.skipped,
                failures: report.failures
            )
        }
        self.unanswered = unanswered

        id = rule.name
        created = JSON.date(millis: rule.createdMillis)
        self.bucket = bucket
        prefix = rule.prefix
        endpoint = rule.target.endpoint
        region = rule.target.region
        targetBucket = rule.target.bucket
        targetPrefix = rule.target.prefix
        accessKey = rule.target.accessKey
        hasCertificate = rule.target.certificate != nil
        intervalSeconds = if case .interval(let seconds) = rule.schedule { Int(seconds) } else { 0 }
        deletes = rule.copiesDeletes
        metadata = rule.copiesMetadata
        existing = rule.copiesExisting
        paused = rule.isPaused

        let rest = reports.compactMap(\.report.restUntilMillis).filter { $0 > nowMillis }.max()
        let isFilling = reports.contains(where: \.report.isFilling)
        (state, sentence) = Self.judgement(
            isPaused: rule.isPaused,
            restSeconds: rest.map { ($0 - nowMillis + 999) / 1_000 },
            isFilling: isFilling,
            queued: queued,
            troubles: troubles,
            intervalSeconds: intervalSeconds,
            failure: lastFailure?.message
        )
        if state == .caughtUp, reports.isEmpty || !unanswered.isEmpty {
            let silent = unanswered.isEmpty ? "any node" : unanswered.sorted().joined(separator: ", ")
            (state, sentence) = (.unknown, "everything is there, as far as is known without \(silent)")
        }
    }

    private static func judgement(
        isPaused: Bool,
        restSeconds: UInt64?,
        isFilling: Bool,
        queued: Int,
        troubles: Int,
        intervalSeconds: Int,
        failure: String?
    ) -> (State, String) {
        let changes = queued == 1 ? "1 change waits" : "\(queued) changes wait"
        if isPaused { return (.paused, queued == 0 ? "it is paused" : "it is paused, and \(changes)") }
        if let restSeconds {
            return (.failing, "\(failure ?? "the target fails"); the next try is in \(restSeconds) s, and \(changes)")
        }
        if isFilling { return (.filling, "what was there before is being looked through, and \(changes)") }
        if queued == 0 { return (.caughtUp, "everything is there") }
        if troubles > 0, queued <= troubles {
            return (.failing, "\(changes) because of their objects: \(failure ?? "they fail")")
        }
        if intervalSeconds > 0 { return (.waiting, "\(changes) for the next pass, every \(intervalSeconds) s") }
        return (.working, "\(changes) to be sent")
    }
}
