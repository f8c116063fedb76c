/// How a run becomes its report: moments of a clock become times from its beginning.
extension Report {
    init(
        _ run: Run,
        plan: String,
        settings: MeshTrial.Settings?,
        start: UInt64,
        troubles: [Troubles.Trouble],
        cost: (end: HarnessCost, begin: HarnessCost),
        versions: Versions,
        machine: Machine
    ) {
        let verdict = run.verdict
        let total = verdict.total
        let now = Clock.nanoseconds()
        func millis(_ moment: UInt64) -> Int { Int((Double(moment) - Double(run.begin)) / 1e6) }
        command = CommandLine.arguments
        self.plan = plan
        seed = run.seed
        self.settings = settings
        startedAt = Calendar.text(start)
        seconds = millis(now) / 1000
        isClean = total.failed == 0
        (passed, failed) = (total.passed, total.failed)
        promises = Promise.allCases.map { promise in
            let tally = verdict.tally(promise)
            return Kept(name: promise, text: promise.text, kept: tally.passed, broken: tally.failed)
        }
        phases = run.diary.phases.map { phase in
            Phase(
                name: phase.name,
                atMillis: millis(phase.begin),
                millis: millis(phase.end ?? now) - millis(phase.begin)
            )
        }
        notes = run.diary.notes
        faults = troubles.map { trouble in
            Fault(
                what: trouble.what,
                node: trouble.node.map { "n\($0)" },
                atMillis: millis(trouble.begin),
                millis: trouble.end.map { millis($0) - millis(trouble.begin) }
            )
        }
        timeline = Timeline(verdict.traffic.pulse)
        calm = Latency(verdict.traffic.calm)
        all = Latency(verdict.traffic.all)
        harness = Harness(
            corePercent: run.diary.load?.corePercent ?? 0,
            requestsPerSecond: run.diary.load?.requestsPerSecond ?? 0,
            cpuSeconds: cost.end.percent(since: cost.begin) / 100 * cost.end.seconds(since: cost.begin)
        )
        counts = verdict.counts
        anomalies = verdict.anomalies.map { anomaly in
            Anomaly(
                promise: anomaly.promise,
                claim: anomaly.claim,
                atMillis: millis(anomaly.at),
                faults: Self.inForce(troubles, at: anomaly.at),
                around: anomaly.around,
                requests: anomaly.requests.map { entry in
                    Request(
                        client: entry.client,
                        node: "n\(entry.node)",
                        what: entry.what,
                        atMillis: (Double(entry.begin) - Double(run.begin)) / 1e6,
                        millis: Double(entry.end - entry.begin) / 1e6,
                        outcome: entry.outcome
                    )
                },
                views: anomaly.views
            )
        }
        self.versions = versions
        self.machine = machine
    }

    /// Faults that were in force at that moment, and those that had just ended.
    private static func inForce(_ troubles: [Troubles.Trouble], at moment: UInt64) -> [String] {
        let justNow: UInt64 = 3_000_000_000
        return troubles.compactMap { trouble in
            guard trouble.begin <= moment, trouble.end.map({ moment <= $0 + justNow }) ?? true else { return nil }
            let whom = trouble.node.map { "n\($0)" } ?? "all"
            guard let end = trouble.end, end < moment else { return "\(trouble.what) \(whom)" }
            return "\(trouble.what) \(whom), over for \((moment - end) / 1_000_000) ms"
        }
    }
}

extension Report.Timeline {
    init(_ pulse: Pulse) {
        secondsPerSlot = Double(pulse.nanosPerSlot) / 1e9
        slots = pulse.slots.map { slot in
            Report.Slot(
                answered: slot.answered,
                failed: slot.failed,
                millisHalf: slot.latencies.millis(0.5),
                millis99: slot.latencies.millis(0.99),
                millisMax: slot.latencies.millis(1)
            )
        }
    }
}
