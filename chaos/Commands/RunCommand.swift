import ArgumentParser

/// `chaos run`: several nodes as one mesh, mixed load, faults, everything read back, and a report of it.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Break a mesh of several nodes under mixed load, judge every answer and write a report.",
        // Its name until it could do more than meshes.
        aliases: ["mesh"]
    )

    @OptionGroup var options: RunOptions

    @OptionGroup var trial: TrialOptions

    @Option(help: "How long.")
    var minutes = 2.0

    func validate() throws {
        guard minutes > 0, minutes <= 1440 else { throw ValidationError("--minutes must be above 0, up to 1440") }
    }

    func run() async throws {
        try await Self.run(
            options,
            try trial.settings(seconds: max(1, Int(minutes * 60)), allowDebug: options.allowDebug)
        )
    }

    /// The same for settings that come from elsewhere: an earlier report.
    static func run(_ options: RunOptions, _ settings: MeshTrial.Settings) async throws {
        var options = options
        let budget = DiskBudget(usedMax: ByteCount(bytes: settings.diskBytesMax))
        try budget.require(at: options.place)
        if settings.faults.contains(where: \.needsNetwork) { try Namespaces.enter() }
        // Each run has a folder of its own: no report may cover an earlier one.
        options.report = options.report ?? "chaos-report/\(Calendar.stamp(Clock.seconds()))"
        try await Run.judge(options, settings.text, settings: settings) { run in
            for fault in settings.leftOut { run.diary.note("without root this is left out: \(fault) (\(fault.text))") }
            run.diary.enter("starting")
            let trial = try await MeshTrial(settings, run, budget)
            try await trial.watched {
                try await trial.start()
                try await trial.judge()
            }
            trial.budget()
            return trial.cluster.troubles.all
        }
    }
}
