import NIOCore
import NIOHTTP1

/// Several nodes under mixed load, broken on purpose, then asked for everything that they were given.
struct MeshTrial: Sendable {
    static let bucket = "chaos"
    static let versionedBucket = "chaos-versions"
    /// Racers for one key in the mixed load.
    static let racers = 8
    /// Clients beside those that one asks for: who races, who makes buckets, who reads at the end.
    static let extras = 8

    /// The name of the phase in which clients work and faults strike.
    static let phaseOfLoad = "load"

    /// All that decides a trial, beside its seed; a report keeps it for a replay.
    struct Settings: Sendable, Codable {
        /// What a person can ask for, and a replay asks for again. What only a hunt for a bug sets is left out.
        private enum CodingKeys: String, CodingKey {
            case nodes, seconds, clients, rate, faults, leftOut, hasChurn, hasMoves, hasCollection, diskBytesMax, next
        }

        var nodes: Int
        var seconds: Int
        var clients: Int
        /// Steps of all clients together in a second, at most.
        var rate: Int
        var faults: [FaultKind]
        /// What was asked for and cannot be done by this user.
        var leftOut: [FaultKind] = []
        var hasChurn: Bool
        /// Nil in reports of older builds.
        var hasMoves: Bool?
        /// Nil in reports of older builds.
        var hasCollection: Bool?
        var diskBytesMax: Int
        /// The second build of an upgrade.
        var next: String?
        /// nil: some of all kinds.
        var crew: Crew?
        /// nil: what the faults need.
        var outfit: Outfit?
        /// nil: each fault lasts as long as is usual.
        var faultMillis: ClosedRange<Int>?
        /// What is looked for: the first break of one of these ends the run.
        var endsWith: Set<Promise> = []
        /// Nobody is asked to compare: what a node has missed must come to it by hints.
        var hintsSuffice = false

        var text: String {
            let names = faults.isEmpty ? "none" : faults.map(\.rawValue).joined(separator: ", ")
            return "\(nodes) nodes, \(seconds) s, faults: \(names)\(hasChurn ? ", churn" : "")"
                + (hasMoves == true ? ", moves" : "") + (hasCollection == true ? ", collection" : "")
        }

        /// What to type to have the same again.
        func command(seed: UInt64) -> String {
            let names = faults.isEmpty ? "none" : faults.map(\.rawValue).joined(separator: ",")
            let minutes = seconds % 60 == 0 ? "\(seconds / 60)" : "\(Double(seconds) / 60)"
            let options = [
                hasChurn ? " --churn" : "", hasMoves == true ? " --moves" : "",
                hasCollection == true ? " --collect" : "",
                next.map { " --meshd-next \($0)" } ?? "",
            ]
            return
                "chaos run --nodes \(nodes) --minutes \(minutes) --seed \(seed) --faults \(names) --clients \(clients) "
                + "--rate \(rate)\(options.joined())"
        }
    }

    let settings: Settings
    let run: Run
    let cluster: Cluster
    let course: Course
    private let workforce: Workforce
    private let churn: Churn
    private let disk: DiskBudget

    init(_ settings: Settings, _ run: Run, _ disk: DiskBudget) async throws {
        self.disk = disk
        self.settings = settings
        self.run = run
        var outfit = settings.outfit ?? Outfit(for: settings.faults, next: settings.next)
        if settings.hasCollection == true { outfit.arguments += ["--collect-interval", "1s", "--collect-age", "0s"] }
        cluster = try await Cluster.make(
            run,
            needsNetwork: settings.faults.contains(where: \.needsNetwork),
            outfit: outfit
        )
        course = Course(
            nanosPerStep: UInt64(settings.clients) * 1_000_000_000 / UInt64(settings.rate),
            on: run.group.next()
        )
        workforce = Workforce(settings, run, cluster, course)
        churn = Churn(cluster: cluster, course: course, verdict: run.verdict)
    }

    /// Does it while somebody looks at it and tells how far it is.
    func watched(_ body: () async throws -> Void) async throws {
        let watch = Watch(
            run: run,
            cluster: cluster,
            course: course,
            budget: disk,
            nanosOfLoad: UInt64(settings.seconds) * 1_000_000_000
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await watch.work() }
            defer { run.diary.close() }
            try await body()
        }
    }

    func start() async throws {
        let begin = Clock.nanoseconds()
        try await cluster.start(nodes: settings.nodes)
        say("\(settings.nodes) nodes serve, after \((Clock.nanoseconds() - begin) / 1_000_000) ms")
        try await makeBuckets()
    }

    func judge() async throws {
        let begin = Clock.nanoseconds()
        let deadline = begin + UInt64(settings.seconds) * 1_000_000_000
        run.diary.enter(Self.phaseOfLoad)
        let (cost, requests) = (HarnessCost(), run.verdict.traffic.counts.requests)
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await workforce.work() }
            tasks.addTask {
                let driver = FaultDriver(cluster: cluster, course: course, verdict: run.verdict)
                let plan = FaultPlan(seed: run.seed, kinds: settings.faults, millis: settings.faultMillis)
                await attempt("faults") { try await driver.work(plan) }
            }
            if settings.hasMoves == true {
                let moves = Moves(cluster: cluster, course: course, verdict: run.verdict)
                tasks.addTask { await attempt("moves") { try await moves.work(seed: run.seed) } }
            }
            if settings.hasChurn { tasks.addTask { await attempt("churn") { try await churn.work() } } }
            var shown = begin
            while course.goesOn, Clock.nanoseconds() < deadline {
                guard (try? await Task.sleep(for: .milliseconds(100))) != nil, !isFound else { break }
                guard Clock.nanoseconds() > shown + 10_000_000_000 else { continue }
                shown = Clock.nanoseconds()
                await workforce.judgeLeft()
            }
            course.end()
        }
        let load = HarnessCost()
        let rate = Double(run.verdict.traffic.counts.requests - requests) / max(1e-3, load.seconds(since: cost))
        run.diary.set(load: Diary.Load(corePercent: load.percent(since: cost), requestsPerSecond: rate))
        if isFound { return }
        guard cluster.nodes.contains(where: \.isServing) else { return }
        run.diary.enter("reading back")
        say("load and faults are over; everything is read back")
        let convergence = Convergence(
            cluster: cluster,
            verdict: run.verdict,
            hasMoves: settings.hasMoves == true
        )
        // Reading everything would mend what it finds.
        if settings.hintsSuffice { try await convergence.judgeHints() }
        await workforce.inspect()
        if isFound { return }
        run.diary.enter("converging")
        try await convergence.judge()
        if settings.hasCollection == true { try await convergence.judgeCollection() }
        run.diary.enter("stopping")
        try await Ending(cluster: cluster, verdict: run.verdict).judge()
    }

    /// What was looked for was seen.
    var isFound: Bool { settings.endsWith.contains { run.verdict.tally($0).failed > 0 } }

    /// What cannot go on ends the run.
    private func attempt(_ what: String, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            run.verdict.fail(promise: .tidy, "\(what): \(error)")
            course.end()
        }
    }

    /// A kill may cost each client the one request that it had under way there, and no more.
    func budget() {
        let verdict = run.verdict
        let kills = verdict.value("faults: \(FaultKind.kill)")
        let allowed = kills * (settings.clients + Self.racers + Self.extras)
        let failed = verdict.value("failed beside a fault: \(FaultKind.kill)")
        say("requests through nodes in no trouble: \(verdict.traffic.calm.text)")
        if let load = run.diary.load {
            let (percent, rate) = (Int(load.corePercent.rounded()), Int(load.requestsPerSecond.rounded()))
            say("the harness took \(percent) % of a core at \(rate) requests a second")
        }
        say("\(failed) requests were under way on a node that was killed; \(allowed) could be, \(kills) kills")
        verdict.check(promise: .available, failed <= allowed, "\(failed) requests failed beside \(kills) kills")
    }

    /// Each through another node, and used through a third at once.
    private func makeBuckets() async throws {
        let nodes = cluster.nodes
        for (index, bucket) in [Self.bucket, Self.versionedBucket].enumerated() {
            let session = S3Session(nodes[index % nodes.count].target, on: run.group)
            let made = try await session.createBucket(bucket)
            await session.close()
            guard made.status == 200 else { throw HTTPFailure.malformed("create \(bucket): \(made.text)") }
        }
        let session = S3Session(nodes[nodes.count - 1].target, on: run.group)
        let set = try await session.enableVersioning(Self.versionedBucket)
        await session.close()
        guard set.status == 200 else { throw HTTPFailure.malformed("versioning: \(set.status) \(set.text)") }
        for node in nodes { try await awaitVersioning("/\(Self.versionedBucket)?versioning", node) }
    }

    /// A setting of a bucket is known everywhere within seconds, not at once.
    private func awaitVersioning(_ target: String, _ node: ClusterNode) async throws {
        let session = S3Session(node.target, on: run.group)
        let deadline = Clock.nanoseconds() + 10_000_000_000
        while true {
            let found = try await session.send(HTTPRequest(method: .GET, target: target))
            if found.text.contains("Enabled") { break }
            guard Clock.nanoseconds() < deadline else {
                throw HTTPFailure.malformed("versioning through \(node.name) after 10 s: \(found.status) \(found.text)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        await session.close()
    }
}
