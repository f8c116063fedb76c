import NIOCore
import Synchronization

/// All clients of a trial, and what they know at the end.
final class Workforce: Sendable {
    private let run: Run
    /// Clients and their connections are all on it: one thread is enough for what a mesh on one machine can do.
    private let loop: any EventLoop
    private let cluster: Cluster
    private let crew: Crew
    private let field: RegisterField
    private let shelves = Shelves(bucket: MeshTrial.bucket)
    private let counters = (0..<3).map { Counter(bucket: MeshTrial.bucket, number: $0) }
    private let registerWorkers: [RegisterWorker]
    private let shelfWorkers: [ShelfWorker]
    private let counterWorkers: [CounterWorker]
    private let uploadWorkers: [UploadWorker]
    private let versionWorkers: [VersionWorker]
    private let raceWorker: RaceWorker
    private let bucketWorker: BucketWorker
    /// Reads keys that are left alone: not one of those that work.
    private let reader: RegisterWorker
    /// Keys that nobody writes any more and that were right.
    private let judged = Mutex<[RegisterHistory]>([])

    init(_ settings: MeshTrial.Settings, _ run: Run, _ cluster: Cluster, _ course: Course) {
        self.run = run
        loop = run.group.next()
        self.cluster = cluster
        let crew = settings.crew ?? Crew(clients: settings.clients)
        self.crew = crew
        field = RegisterField(bucket: MeshTrial.bucket, width: crew.registersAtOnce)
        let (field, shelves, counters, loop) = (field, shelves, counters, loop)
        /// `number` is the client's in the run: it makes its random choices.
        func client(_ number: Int) -> MeshClient {
            MeshClient(number: number, seed: run.seed, cluster: cluster, verdict: run.verdict, on: loop)
        }
        registerWorkers = (0..<crew.registers).map {
            RegisterWorker(client: client(100 + $0), field: field, course: course)
        }
        shelfWorkers = (0..<crew.shelves).map {
            ShelfWorker(client: client(200 + $0), shelves: shelves, course: course)
        }
        counterWorkers = (0..<crew.counters).map {
            CounterWorker(client: client(300 + $0), counters: counters, course: course)
        }
        uploadWorkers = (0..<crew.uploads).map {
            UploadWorker(
                client: client(400 + $0),
                rival: client(450 + $0),
                bucket: MeshTrial.bucket,
                course: course,
                bytesMax: crew.uploadBytesMax
            )
        }
        versionWorkers = (0..<crew.versions).map {
            VersionWorker(client: client(500 + $0), bucket: MeshTrial.versionedBucket, course: course)
        }
        raceWorker = RaceWorker(
            client: client(600),
            racers: (0..<MeshTrial.racers).map { RaceRunner(client: client(601 + $0)) },
            bucket: MeshTrial.bucket,
            course: course
        )
        bucketWorker = BucketWorker(
            client: client(800),
            rivals: (0..<3).map { BucketRival(client: client(801 + $0)) },
            course: course
        )
        reader = RegisterWorker(client: client(700), field: field, course: course)
    }

    func work() async {
        await withTaskExecutorPreference(LoopExecutor(loop)) { await workTogether() }
    }

    private func workTogether() async {
        await withTaskGroup(of: Void.self) { tasks in
            for worker in registerWorkers { tasks.addTask { await worker.work() } }
            for worker in shelfWorkers { tasks.addTask { await worker.work() } }
            for worker in counterWorkers { tasks.addTask { await worker.work() } }
            for worker in uploadWorkers { tasks.addTask { await worker.work() } }
            for worker in versionWorkers { tasks.addTask { await worker.work() } }
            guard crew.hasRivals else { return }
            tasks.addTask { [raceWorker] in await raceWorker.work() }
            tasks.addTask { [bucketWorker] in await bucketWorker.work() }
        }
    }

    /// Decides about keys that have had their time, while the others go on.
    func judgeLeft() async {
        for history in field.takeLeft() {
            await reader.read(history)
            history.judge(run.verdict)
            judged.withLock { $0.append(history) }
        }
    }

    /// Reads everything back, each thing through each node.
    func inspect() async {
        let nodes = cluster.nodes
        let registers = judged.withLock { $0 } + field.takeAll()
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { [reader, verdict = run.verdict] in
                for history in registers {
                    for node in nodes { await reader.read(history, through: node) }
                    history.judge(verdict)
                }
                await reader.close()
            }
            tasks.addTask { [shelfWorkers, shelves] in
                for (index, shelf) in shelves.all.enumerated() {
                    for (turn, node) in nodes.enumerated() where !shelfWorkers.isEmpty {
                        await shelfWorkers[(index + turn) % shelfWorkers.count].inspect(shelf, through: node)
                    }
                }
                for worker in shelfWorkers { await worker.close() }
            }
            tasks.addTask { [counterWorkers, counters, uploadWorkers, versionWorkers] in
                for node in nodes {
                    if let worker = counterWorkers.first {
                        for counter in counters { await worker.inspect(counter, through: node) }
                    }
                    for worker in uploadWorkers { await worker.inspect(through: node) }
                    for worker in versionWorkers { await worker.inspect(through: node) }
                }
                for worker in counterWorkers { await worker.close() }
                for worker in uploadWorkers { await worker.close() }
                for worker in versionWorkers { await worker.close() }
            }
        }
    }
}
