import ArgumentParser
import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix

/// What every command that starts a meshd is told.
struct RunOptions: ParsableArguments {
    @Option(help: "The meshd to judge, a release build. Default: the one beside this program.")
    var meshd: String?

    @Option(help: "Replays the decisions of an earlier run. Default: a new one, which is printed.")
    var seed: UInt64?

    @Option(help: "Keep data and logs in this folder, which must not hold any yet. Default: one in TMPDIR, removed.")
    var dir: String?

    @Option(help: "Write report.html and report.json into this folder.")
    var report: String?

    @Flag(help: "Judge a debug build nevertheless.")
    var allowDebug = false

    /// Where the nodes' data goes, or in which folder theirs is made.
    var place: String { dir ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

    func binary() throws -> String {
        try Daemon.check(binary: meshd ?? Self.beside("meshd"), allowDebug: allowDebug)
    }

    /// Another program of the same folder.
    static func beside(_ name: String) throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return own[...(own.lastIndex(of: "/") ?? own.startIndex)] + name
    }
}

/// One run of a command: its seed, a folder, which is gone afterwards unless somebody named it, and what was found.
struct Run: Sendable {
    let binary: String
    let seed: UInt64
    let folder: String
    let verdict: Verdict
    let diary = Diary()
    let begin: UInt64
    let group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    init(binary: String, seed: UInt64, folder: String, anomaliesShownMax: Int = Verdict.shownMaxUsual) {
        self.binary = binary
        self.seed = seed
        self.folder = folder
        begin = Clock.nanoseconds()
        verdict = Verdict(begin: begin, shownMax: anomaliesShownMax)
    }

    /// Prints the seed, runs `body` with a folder of its own, cleans up, reports, and exits with 1 when anything was
    /// wrong. `body` returns the faults that there were, for the report. `counts` are printed at the end, in that order;
    /// nil prints all.
    static func judge(
        _ options: RunOptions,
        _ plan: String,
        counts: [String]? = nil,
        settings: MeshTrial.Settings? = nil,
        body: (Run) async throws -> [Troubles.Trouble]
    ) async throws {
        let binary = try options.binary()
        let seed = options.seed ?? UInt64.random(in: 0...UInt64.max >> 1)
        say("seed \(seed), \(plan)")
        Interruption.listen()
        let start = Clock.seconds()
        let scratch = try await Scratch.make(on: MultiThreadedEventLoopGroup.singleton.next(), kept: options.dir)
        let run = Run(binary: binary, seed: seed, folder: try options.dir.map(Scratch.fresh) ?? scratch.path)
        let cost = HarnessCost()
        var troubles: [Troubles.Trouble] = []
        do {
            troubles = try await body(run)
        } catch {
            run.verdict.fail("stopped: \(error)")
        }
        run.diary.close()
        if let folder = options.report {
            let report = Report(
                run,
                plan: plan,
                settings: settings,
                start: start,
                troubles: troubles,
                cost: (HarnessCost(), cost),
                versions: await Versions.find(run, next: settings?.next, scratch: scratch.path),
                machine: Machine.find(place: run.folder)
            )
            try report.write(to: folder)
        }
        try await scratch.remove()
        let isKept = run.verdict.close(counts ?? run.verdict.names)
        if let folder = options.report { say("report: \(folder)/\(Report.pageName)") }
        guard isKept else {
            say("replay with --seed \(seed)" + (options.report.map { ", or chaos replay \($0)" } ?? ""))
            throw ExitCode(1)
        }
    }
}
