import NIOCore

/// Lives of one daemon, each ended by force, each followed by a reckoning.
struct KillLoop {
    /// What it counts, in the order to print it.
    static let counts = [
        "kills", "of them during start", "clean stops", "operations", "acknowledged", "unknown", "busy",
        "reads under load", "races", "verified", "listings", "doctor not asked", "slowest start in ms",
    ]

    let settings: Daemon.Settings
    let kills: Int
    let asksDoctor: Bool
    let group: any EventLoopGroup
    let verdict: Verdict
    private let ledger = Ledger()
    private let workers: [MixClient]
    private let races: Races
    private let inspection: Inspection
    private var plan: KillPlan

    init(
        settings: Daemon.Settings,
        kills: Int,
        asksDoctor: Bool,
        clients: Int,
        plan: KillPlan,
        seed: UInt64,
        group: any EventLoopGroup,
        verdict: Verdict
    ) {
        self.settings = settings
        self.kills = kills
        self.asksDoctor = asksDoctor
        self.group = group
        self.plan = plan
        self.verdict = verdict
        let space = KeySpace(hot: 8, cold: 600)
        let ledger = ledger
        workers = (0..<clients).map {
            MixClient(number: $0, seed: seed, space: space, ledger: ledger, verdict: verdict)
        }
        races = Races(seed: seed, ledger: ledger, verdict: verdict)
        inspection = Inspection(ledger: ledger, verdict: verdict, width: 8)
    }

    func run() async throws {
        var plan = plan
        var daemon = try await Daemon.start(settings, on: group)
        try await makeBucket(try await daemon.ready())
        while verdict.value("kills") < kills {
            let fault = plan.next()
            switch fault {
            case .killDuringStart(let millis):
                _ = try await daemon.kill()
                daemon = try await Daemon.start(settings, on: group)
                try await Task.sleep(for: .milliseconds(millis))
                _ = try await daemon.kill()
                verdict.count("kills")
                verdict.count("of them during start")
            case .killUnderLoad(let millis):
                try await load(daemon, millis) { _ = try await daemon.kill() }
                verdict.count("kills")
            case .stopUnderLoad(let millis):
                try await load(daemon, millis) { try await stop(daemon) }
                try await consultDoctor()
            }
            daemon = try await restart()
            try await reckon(daemon, ledger.takeTouched())
            progress()
        }
        try await finish(daemon)
    }

    private func makeBucket(_ target: S3Target) async throws {
        let session = S3Session(target, on: group)
        let response = try await session.createBucket(KeySpace.bucket)
        await session.close()
        guard response.status == 200 else { throw HTTPFailure.malformed("\(response.status) \(response.text)") }
    }

    /// Runs all clients, ends the daemon after a while, waits for the clients to notice.
    private func load(_ daemon: Daemon, _ millis: Double, end: () async throws -> Void) async throws {
        let round = Round(try await daemon.ready(), daemon, on: group)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for worker in workers { tasks.addTask { await worker.work(round) } }
            tasks.addTask { await races.work(round) }
            try await Task.sleep(for: .milliseconds(millis))
            if let exit = daemon.process.ending {
                verdict.fail("meshd ended by itself with \(exit)", around: [daemon.logTail()])
            }
            round.doom()
            try await end()
            round.end()
            try await tasks.waitForAll()
        }
        ledger.settle()
    }

    private func stop(_ daemon: Daemon) async throws {
        let exit = try await daemon.stop()
        verdict.count("clean stops")
        verdict.check(exit == .code(0), "a graceful stop ended with \(exit)", around: [daemon.logTail()])
    }

    private func consultDoctor() async throws {
        guard asksDoctor else { return verdict.count("doctor not asked") }
        let opinion = try await Doctor.examine(settings, on: group)
        verdict.check(opinion.isYes, "meshd doctor: \(opinion.exit)", around: [opinion.text])
    }

    private func restart() async throws -> Daemon {
        let began = Clock.nanoseconds()
        let daemon = try await Daemon.start(settings, on: group)
        _ = try await daemon.ready()
        let millis = Int((Clock.nanoseconds() - began) / 1_000_000)
        verdict.count("slowest start in ms", max(0, millis - verdict.value("slowest start in ms")))
        return daemon
    }

    private func reckon(_ daemon: Daemon, _ keys: [String]) async throws {
        let round = Round(try await daemon.ready(), daemon, on: group)
        await inspection.read(keys, round)
        await inspection.list(round)
    }

    /// All keys once more, a stop that takes its time, and the doctor's word on what is left.
    private func finish(_ daemon: Daemon) async throws {
        let round = Round(try await daemon.ready(), daemon, on: group)
        await inspection.read(ledger.keys, round)
        await inspection.list(round)
        await inspection.abortUploads(round)
        try await stop(daemon)
        try await consultDoctor()
    }

    private func progress() {
        let done = verdict.value("kills")
        guard done % 20 == 0 || done == kills else { return }
        say(
            "\(done) of \(kills) kills, \(verdict.value("acknowledged")) writes acknowledged, "
                + "\(verdict.value("verified")) reads verified, \(verdict.failed) anomalies"
        )
    }
}
