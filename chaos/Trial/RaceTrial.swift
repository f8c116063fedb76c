import NIOCore

/// Races, one after the other, while nodes are broken.
struct RaceTrial: Sendable {
    let rounds: Int
    let faults: [FaultKind]
    let run: Run
    let cluster: Cluster
    private let nodes: Int
    private let course: Course
    private let worker: RaceWorker

    init(nodes: Int, rounds: Int, racers: Int, faults: [FaultKind], _ run: Run) async throws {
        self.nodes = nodes
        self.rounds = rounds
        self.faults = faults
        self.run = run
        let cluster = try await Cluster.make(run, needsNetwork: faults.contains(where: \.needsNetwork))
        self.cluster = cluster
        let course = Course(on: run.group.next())
        self.course = course
        func client(_ number: Int) -> MeshClient {
            MeshClient(number: number, seed: run.seed, cluster: cluster, verdict: run.verdict)
        }
        worker = RaceWorker(
            client: client(0),
            racers: (1...racers).map { RaceRunner(client: client($0)) },
            bucket: MeshTrial.bucket,
            course: course
        )
    }

    func judge() async throws {
        try await cluster.start(nodes: nodes)
        let session = S3Session(cluster.nodes[0].target, on: run.group)
        let made = try await session.createBucket(MeshTrial.bucket)
        await session.close()
        guard made.status == 200 else { throw HTTPFailure.malformed("create a bucket: \(made.text)") }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                let driver = FaultDriver(cluster: cluster, course: course, verdict: run.verdict)
                try await driver.work(FaultPlan(seed: run.seed, kinds: faults))
            }
            for round in 1...rounds {
                await worker.race()
                if round % 50 == 0 || round == rounds { progress(round) }
            }
            course.end()
            try await tasks.waitForAll()
        }
        await worker.close()
        say("requests through nodes in no trouble: \(run.verdict.traffic.calm.text)")
        try await Ending(cluster: cluster, verdict: run.verdict).judge()
    }

    private func progress(_ round: Int) {
        let faults = faults.reduce(0) { $0 + run.verdict.value("faults: \($1)") }
        say(
            "\(round) of \(rounds) rounds, \(run.verdict.value("requests")) requests, \(faults) faults, "
                + "\(run.verdict.failed) anomalies"
        )
    }
}
