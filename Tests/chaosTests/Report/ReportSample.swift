@testable import chaos

/// A report as a run makes it, small and with one of everything.
enum ReportSample {
    static let versions = Versions(meshd: "meshd 0.1.0", meshdSHA256: "aa", chaosSHA256: "bb")
    static let machine = Machine(
        system: "Debian",
        kernel: "6.1",
        processor: "one",
        cores: 2,
        memoryMiB: 1024,
        fileSystem: "ext4"
    )
    static let settings = MeshTrial.Settings(
        nodes: 3,
        seconds: 90,
        clients: 12,
        rate: 300,
        faults: [.kill, .partition],
        hasChurn: true,
        diskBytesMax: 1 << 30
    )

    /// `text` is put wherever a store, a key or a log may put something.
    static func report(_ text: String = "text", isClean: Bool = false) -> Report {
        var histogram = Histogram()
        histogram.add(micros: 1500)
        let view = NodeView(node: "n1", state: text, lines: [text], status: text, layout: text)
        let request = Report.Request(client: 3, node: "n2", what: text, atMillis: 4, millis: 2, outcome: text)
        let anomaly = Report.Anomaly(
            promise: .durable,
            claim: text,
            atMillis: 5000,
            faults: [text],
            around: [text],
            requests: [request],
            views: [view]
        )
        return Report(
            command: ["chaos", text],
            plan: text,
            seed: 42,
            settings: settings,
            startedAt: "2026-11-21 21:00:00 UTC",
            seconds: 100,
            isClean: isClean,
            passed: 1000,
            failed: isClean ? 0 : 1,
            promises: Promise.allCases.map {
                Report.Kept(name: $0, text: $0.text, kept: 10, broken: $0 == .durable && !isClean ? 1 : 0)
            },
            phases: [Report.Phase(name: "starting", atMillis: 0, millis: 3000)],
            notes: [text],
            faults: [
                Report.Fault(what: text, node: "n1", atMillis: 3000, millis: 500),
                Report.Fault(what: "kill", node: nil, atMillis: 9000, millis: nil),
            ],
            timeline: Report.Timeline(
                secondsPerSlot: 1,
                slots: [Report.Slot(answered: 10, failed: 1, millisHalf: 1, millis99: 2, millisMax: 9)]
            ),
            calm: Report.Latency(histogram),
            all: Report.Latency(histogram),
            harness: Report.Harness(corePercent: 9.5, requestsPerSecond: 300, cpuSeconds: 3),
            counts: [text: 1],
            anomalies: isClean ? [] : [anomaly],
            versions: versions,
            machine: machine
        )
    }
}
