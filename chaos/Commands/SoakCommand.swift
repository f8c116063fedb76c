import ArgumentParser
import FoundationEssentials
import Glibc
import NIOPosix

/// `chaos soak`: run after run with one seed after the other, each a process of its own, until the time is over.
struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Do one run after the other, each with the next seed, until the time is over."
    )

    @Option(help: "How long altogether; the run that is under way then is finished.")
    var hours = 8.0

    @Option(help: "How long the load of each run lasts.")
    var minutes = 4.0

    @OptionGroup var trial: TrialOptions

    @Option(help: "The meshd to judge, a release build. Default: the one beside this program.")
    var meshd: String?

    @Option(help: "The seed of the first run. Default: a new one.")
    var seed: UInt64?

    @Option(help: "Write the summary and all reports into this folder.")
    var report: String?

    @Flag(help: "Go on after a run that found something wrong.")
    var keepGoing = false

    @Flag(help: "Judge a debug build nevertheless.")
    var allowDebug = false

    func validate() throws {
        guard hours > 0, hours <= 1000 else { throw ValidationError("--hours must be above 0, up to 1000") }
        guard minutes > 0, minutes <= 1440 else { throw ValidationError("--minutes must be above 0, up to 1440") }
    }

    func run() async throws {
        let binary = try Daemon.check(binary: meshd ?? RunOptions.beside("meshd"), allowDebug: allowDebug)
        let settings = try trial.settings(seconds: max(1, Int(minutes * 60)), allowDebug: allowDebug)
        let first = seed ?? UInt64.random(in: 0...UInt64.max >> 2)
        let folder = report ?? "chaos-report/soak-\(Calendar.stamp(Clock.seconds()))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        Interruption.listen()
        let plan = "\(hours) hours of runs with \(settings.text)"
        say("seeds from \(first), \(plan); reports in \(folder)")
        var summary = SoakSummary(startedAt: Calendar.text(Clock.seconds()), plan: plan)
        let deadline = Clock.nanoseconds() + UInt64(hours * 3600 * 1e9)
        var seed = first
        while Clock.nanoseconds() < deadline, !Interruption.isAsked {
            let entry = try await once(binary, seed, folder, deadline)
            summary.add(entry)
            try summary.write(to: folder)
            say("\(entry.startedAt)  seed \(seed): \(Self.text(entry))")
            if !entry.isClean, !keepGoing { break }
            seed &+= 1
        }
        Screen.show("")
        say(summary.line)
        say("summary: \(folder)/\(SoakSummary.pageName)")
        if !summary.isClean { throw ExitCode(1) }
    }

    /// One run in a process of its own: what it leaves behind, or ends with, does not touch the next.
    private func once(_ binary: String, _ seed: UInt64, _ folder: String, _ deadline: UInt64) async throws
        -> SoakSummary.Entry
    {
        let (start, began) = (Clock.seconds(), Clock.nanoseconds())
        let name = "run-\(seed)"
        let home = "\(folder)/\(name)"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        let log = "\(home)/run.log"
        let child = try await ChildProcess.start(
            try [RunOptions.beside("chaos")] + arguments(binary, seed, home),
            output: log,
            on: MultiThreadedEventLoopGroup.singleton.next()
        )
        var isAsked = false
        while child.ending == nil {
            try await Task.sleep(for: .milliseconds(500))
            if Interruption.isAsked, !isAsked {
                isAsked = true
                child.signal(SIGINT)
            }
            let left = deadline - min(deadline, Clock.nanoseconds())
            Screen.show("\(Watch.clock(left)) left, seed \(seed): \(Self.lastLine(log))")
        }
        let exit = try await child.wait()
        return SoakSummary.Entry(
            seed: seed,
            startedAt: Calendar.text(start),
            seconds: Int((Clock.nanoseconds() - began) / 1_000_000_000),
            outcome: Self.outcome("\(home)/\(Report.jsonName)"),
            exit: "\(exit)",
            folder: name
        )
    }

    private func arguments(_ binary: String, _ seed: UInt64, _ home: String) -> [String] {
        var arguments = [
            "run", "--meshd", binary, "--seed", "\(seed)", "--minutes", "\(minutes)", "--nodes", "\(trial.nodes)",
            "--faults", trial.faults, "--clients", "\(trial.clients)", "--rate", "\(trial.rate)", "--disk-max",
            "\(trial.diskMax)", "--report", home,
        ]
        if let next = trial.meshdNext { arguments += ["--meshd-next", next] }
        if trial.churn { arguments.append("--churn") }
        if trial.moves { arguments.append("--moves") }
        if trial.collect { arguments.append("--collect") }
        if allowDebug { arguments.append("--allow-debug") }
        return arguments
    }

    private static func outcome(_ path: String) -> SoakSummary.Outcome? {
        guard let data = FileManager.default.contents(atPath: path),
            // A report that cannot be read is told as none, with the exit of its run.
            let report = try? JSONDecoder().decode(Report.self, from: data)
        else { return nil }
        return SoakSummary.Outcome(
            requests: Int(clamping: report.all.count),
            faults: report.faults.count,
            checks: report.passed,
            anomalies: report.failed,
            broken: report.promises.filter { $0.broken > 0 }.map(\.name.rawValue)
        )
    }

    private static func text(_ entry: SoakSummary.Entry) -> String {
        guard let outcome = entry.outcome else { return "no report, \(entry.exit)" }
        return "\(outcome.requests) requests, \(outcome.faults) faults, \(outcome.checks) checks, "
            + "\(outcome.anomalies) anomalies\(outcome.broken.isEmpty ? "" : " (\(outcome.broken.joined(separator: ", ")))")"
    }

    private static func lastLine(_ path: String) -> String {
        guard let data = FileManager.default.contents(atPath: path) else { return "" }
        return String(decoding: data.suffix(4096), as: UTF8.self).split(separator: "\n").last.map(String.init) ?? ""
    }
}
