import ArgumentParser
import Foundation
import Testing

@testable import chaos

@Suite struct ReplayTests {
    private func json(_ report: Report) throws -> [String: Any] {
        let data = try JSONEncoder().encode(report)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private func parse(_ object: [String: Any]) throws -> Replay {
        try Replay.parse(try JSONSerialization.data(withJSONObject: object), "r")
    }

    @Test("a report leads to the same seed and settings")
    func roundTrip() throws {
        let replay = try parse(try json(ReportSample.report()))
        #expect(replay.seed == 42)
        let settings = try #require(replay.settings)
        #expect(settings.command(seed: 42) == ReportSample.settings.command(seed: 42))
        #expect(settings.text == ReportSample.settings.text && settings.diskBytesMax == 1 << 30)
        #expect(replay.outcome == "then these were broken: durable")
    }

    @Test("a run with upgrades is replayed with its other build, and needs one")
    func upgrades() throws {
        var settings = ReportSample.settings
        settings.faults = [.kill, .upgrade]
        settings.next = "/opt/meshd-0.2/meshd"
        let data = try JSONEncoder().encode(settings)
        let again = try JSONDecoder().decode(MeshTrial.Settings.self, from: data)
        #expect(again.next == settings.next && again.command(seed: 1).hasSuffix(" --meshd-next /opt/meshd-0.2/meshd"))
        #expect(throws: (any Error).self) { try RunCommand.parse(["--faults", "kill,upgrade"]) }
        let command = try RunCommand.parse(["--faults", "kill", "--meshd-next", "/nowhere/meshd"])
        #expect(throws: Daemon.Failure.self) { try command.trial.settings(seconds: 9, allowDebug: false) }
        let next = try RunCommand.parse(["--faults", "kill", "--meshd-next", "/bin/true"])
        #expect(try next.trial.settings(seconds: 9, allowDebug: false).faults == [.kill, .upgrade])
    }

    @Test("a report with more in it than this program knows is read as well")
    func additions() throws {
        var object = try json(ReportSample.report(isClean: true))
        object["later"] = ["x": 1]
        #expect(try parse(object).outcome == "then everything was kept")
    }

    @Test(
        "another format, half a report, a fault of another program and no report at all are refused, each by its name"
    )
    func refusals() throws {
        let object = try json(ReportSample.report())
        #expect(throws: Replay.Failure.otherFormat(2)) { try parse(object.merging(["format": 2]) { $1 }) }
        for key in ["seed", "versions", "format"] {
            var half = object
            half[key] = nil
            #expect(throws: Replay.Failure.self, "without \(key)") { try parse(half) }
        }
        var settings = try #require(object["settings"] as? [String: Any])
        settings["faults"] = ["meteorite"]
        #expect(throws: Replay.Failure.self) { try parse(object.merging(["settings": settings]) { $1 }) }
        #expect(throws: Replay.Failure.self) { try Replay.parse(Data("<html>".utf8), "r") }
        #expect(throws: Replay.Failure.missing("/nowhere/report.json")) { try Replay.read("/nowhere") }
        #expect(throws: Replay.Failure.missing("/nowhere/report.json")) { try Replay.read("/nowhere/report.html") }
    }

    @Test("what is not as it was is told line by line")
    func differences() throws {
        let replay = try parse(try json(ReportSample.report()))
        #expect(replay.differences((ReportSample.versions, ReportSample.machine)).isEmpty)
        let other = Versions(meshd: "meshd 0.1.0", meshdSHA256: "cc", chaosSHA256: "bb")
        #expect(replay.differences((other, ReportSample.machine)) == ["the bytes of meshd: was aa, is cc"])
    }
}

@Suite struct SoakSummaryTests {
    private func entry(_ seed: UInt64, anomalies: Int, exit: String = "exit code 0") -> SoakSummary.Entry {
        let outcome = SoakSummary.Outcome(
            requests: 1000,
            faults: 5,
            checks: 2000,
            anomalies: anomalies,
            broken: anomalies > 0 ? ["<durable>"] : []
        )
        return SoakSummary.Entry(
            seed: seed,
            startedAt: "now",
            seconds: 60,
            outcome: outcome,
            exit: exit,
            folder: "run-\(seed)"
        )
    }

    @Test("a soak is clean when each of its runs is: one without a report or with another exit is not")
    func cleanness() {
        var summary = SoakSummary(startedAt: "now", plan: "plan")
        summary.add(entry(1, anomalies: 0))
        #expect(summary.isClean && summary.line.hasSuffix("nothing was wrong"))
        #expect(!entry(2, anomalies: 1).isClean && !entry(3, anomalies: 0, exit: "signal 9").isClean)
        summary.add(entry(2, anomalies: 1))
        #expect(!summary.isClean && summary.sum(\.requests) == 2000 && summary.line.hasSuffix("1 with anomalies"))
        #expect(summary.page.html.contains("run-2/report.html") && summary.page.html.contains("&lt;durable&gt;"))
    }
}
