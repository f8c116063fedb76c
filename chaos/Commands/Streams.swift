import ArgumentParser
import NIOCore

/// `chaos streams`: many large objects go up and down at once, and the daemon's memory is held against its bound.
struct Streams: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stream large objects up and down at once and measure the daemon's memory."
    )

    @OptionGroup var options: RunOptions

    @Option(help: "Clients at once.")
    var clients = 64

    @Option(help: "Bytes per object: a number, or one with KiB, MiB or GiB. All clients' objects are on disk at once.")
    var size = ByteCount(bytes: 128 << 20)

    @Flag(help: "Half the clients send, the other half reads one object: a third of the disk for objects of this size.")
    var halves = false

    @Option(help: "What the daemon may use at its peak.")
    var residentMax = ByteCount(bytes: 128 << 20)

    func validate() throws {
        guard (1...1024).contains(clients) else { throw ValidationError("--clients must be 1 to 1024") }
        guard size.bytes <= 5 << 30 else { throw ValidationError("--size may be 5GiB at most, as one PUT") }
    }

    func run() async throws {
        let plan = halves ? "up or down" : "up, down and up again"
        try await Run.judge(
            options,
            "\(clients) clients, \(size) each, \(plan)",
            counts: ["uploads", "downloads", "MiB moved", "seconds", "MiB resident at the start", "MiB peak"]
        ) { run in
            try await judge(run)
            return []
        }
    }

    private func judge(_ run: Run) async throws {
        let (group, seed, verdict) = (run.group, run.seed, run.verdict)
        let daemon = try await Daemon.start(Daemon.Settings(binary: run.binary, folder: run.folder), on: group)
        let target = try await daemon.ready()
        let session = S3Session(target, on: group)
        let made = try await session.createBucket("streams")
        verdict.check(made.status == 200, "create a bucket: \(made.status) \(made.text)")
        verdict.count("MiB resident at the start", (daemon.residentKiB()?.now ?? 0) / 1024)
        let began = Clock.nanoseconds()
        let size = size.bytes
        let halves = halves
        let first = StreamClient(number: clients, size: size, seed: seed, verdict: verdict)
        if halves { await first.send(target, group) }
        await withTaskGroup(of: Void.self) { tasks in
            for number in 0..<clients {
                let client = StreamClient(number: number, size: size, seed: seed, verdict: verdict)
                tasks.addTask {
                    if !halves {
                        await client.work(target, group)
                    } else if number % 2 == 0 {
                        await client.send(target, group)
                    } else {
                        await first.read(target, group)
                    }
                }
            }
        }
        if verdict.failed > 0 { say(daemon.logTail()) }
        verdict.count("seconds", Int((Clock.nanoseconds() - began) / 1_000_000_000))
        guard let resident = daemon.residentKiB() else {
            return verdict.fail("meshd is gone", around: [daemon.logTail()])
        }
        verdict.count("MiB peak", resident.peak / 1024)
        verdict.check(
            resident.peak * 1024 <= residentMax.bytes,
            "meshd used \(resident.peak) KiB at its peak, allowed are \(residentMax.bytes / 1024)"
        )
        let exit = try await daemon.stop()
        verdict.check(exit == .code(0), "a graceful stop ended with \(exit)", around: [daemon.logTail()])
    }
}
