/// A bug that a debug build of the daemon has on purpose (`SeededBug`), and the run that is to find it.
struct BugHunt: Sendable {
    struct Find: Sendable {
        let bug: String
        /// The promise that was seen broken; nil: none.
        let promise: Promise?
        /// What was seen.
        let claim: String?
        let seed: UInt64
        let seconds: Int
    }

    /// Seeds are tried in turn as long as this.
    static let secondsMax = 180
    /// What a slow machine can break by itself is no find.
    private static let safe = Set(Promise.allCases).subtracting([.available, .tidy, .converged])

    let bug: String
    let trial: MeshTrial.Settings

    private init(
        _ bug: String,
        nodes: Int = 3,
        seconds: Int = 40,
        rate: Int = 300,
        faults: [FaultKind] = [],
        lasting millis: ClosedRange<Int>? = nil,
        crew: (inout Crew) -> Void = { $0 = Crew(clients: 12) },
        arguments: [String] = [],
        finds: Set<Promise> = safe
    ) {
        self.bug = bug
        var chosen = Crew()
        crew(&chosen)
        var outfit = Outfit(for: faults)
        outfit.arguments = arguments
        outfit.environment = ["MESHD_SEEDED_BUG": bug]
        trial = MeshTrial.Settings(
            nodes: nodes,
            seconds: seconds,
            clients: 12,
            rate: rate,
            faults: faults,
            hasChurn: false,
            diskBytesMax: DiskBudget.usedMaxUsual.bytes,
            crew: chosen,
            outfit: outfit,
            faultMillis: millis,
            endsWith: finds,
            hintsSuffice: finds.contains(.converged)
        )
    }

    static let all = [
        BugHunt("ack-before-fsync", rate: 120, faults: [.powercut]),
        BugHunt("quorum-of-one"),
        BugHunt("missing-fence", nodes: 6, seconds: 60, faults: [.late], crew: { $0.registers = 2 }),
        BugHunt(
            "tombstone-collected-early",
            seconds: 100,
            faults: [.kill],
            lasting: 9000...12000,
            crew: { $0.shelves = 8 },
            arguments: ["--collect-interval", "1s", "--collect-age", "0s"]
        ),
        BugHunt(
            "read-without-write-back",
            faults: [.doubt],
            crew: { $0.registers = 2 }
        ),
        BugHunt(
            "hint-dropped",
            seconds: 30,
            rate: 120,
            faults: [.isolate],
            // Long, so that a node is cut off when the load ends: what it misses then, no comparison has found yet.
            lasting: 9000...12000,
            crew: { ($0.registers, $0.shelves) = (4, 4) },
            finds: [.converged]
        ),
        BugHunt("stale-clock-wins", faults: [.clock]),
        BugHunt("torn-multipart", crew: { ($0.uploads, $0.uploadBytesMax) = (10, 40_000) }),
    ]

    /// The same without the bug: nothing may be found.
    var control: BugHunt {
        var outfit = trial.outfit ?? Outfit()
        outfit.environment = [:]
        var settings = trial
        settings.outfit = outfit
        return BugHunt(bug: "none (\(bug))", trial: settings)
    }

    private init(bug: String, trial: MeshTrial.Settings) {
        self.bug = bug
        self.trial = trial
    }

    /// Tries one seed after the other, from that of the run on. `once`: only that.
    func judge(_ run: Run, once: Bool = false) async throws -> Find {
        let begin = Clock.nanoseconds()
        func seconds() -> Int { Int((Clock.nanoseconds() - begin) / 1_000_000_000) }
        var seed = run.seed
        while true {
            let attempt = Run(
                binary: run.binary,
                seed: seed,
                folder: "\(run.folder)/\(bug)-\(seed)",
                anomaliesShownMax: 0
            )
            say("\(bug): seed \(seed)")
            try Scratch.make(folder: attempt.folder)
            let trial = try await MeshTrial(trial, attempt, DiskBudget(usedMax: DiskBudget.usedMaxUsual))
            try await trial.start()
            try await trial.judge()
            try await trial.cluster.end()
            let promise = Promise.allCases.first {
                self.trial.endsWith.contains($0) && attempt.verdict.tally($0).failed > 0
            }
            let claim = attempt.verdict.anomalies.first { $0.promise == promise }?.claim
            if promise != nil || seconds() >= Self.secondsMax || once {
                return Find(bug: bug, promise: promise, claim: claim, seed: seed, seconds: seconds())
            }
            seed += 1
        }
    }
}
