import ArgumentParser
import Glibc
import NIOCore
import NIOPosix

/// `chaos bench`: a load on a store, and how long its answers took.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Put a load on a store and tell how many requests it answered and how fast.",
        discussion: """
            Without --endpoint it starts a mesh of its own. With --endpoint it uses the key in AWS_ACCESS_KEY_ID and \
            AWS_SECRET_ACCESS_KEY, and leaves what it wrote in its bucket.

            Without --rate each client sends its next request when the last was answered (closed loop): how much can it \
            do? With --rate requests are due at that rate whatever happens (open loop), and a latency begins when its \
            request was due: how long would users wait?
            """
    )

    @Option(help: "Where the store answers: http://HOST:PORT. May be given several times.")
    var endpoint: [String] = []

    @Option(help: "put, get, delete, list or mix (60 GET, 30 PUT, 5 DELETE, 5 LIST of a hundred).")
    var operation = BenchOperation.mix

    @Option(help: "Bytes of each object: a number, or one with KiB or MiB. Given several times, one is drawn for each.")
    var size: [ByteCount] = []

    @Option(help: "Clients at once.")
    var concurrency = 16

    @Option(help: "Requests that are due in a second, all clients together.")
    var rate: Int?

    @Option(help: "How long.")
    var seconds = 20

    @Option(help: "Objects that are made before it begins: what is read, listed and deleted.")
    var keys = 1000

    @Option(help: "The bucket, made when it is not there.")
    var bucket = "chaos-bench"

    @Option(help: "The region that requests are signed for.")
    var region = "us-east-1"

    @Option(help: "Nodes of its own mesh, without --endpoint.")
    var nodes = 3

    @Option(help: "The meshd of its own mesh, a release build. Default: the one beside this program.")
    var meshd: String?

    @Option(help: "Chooses keys and sizes.")
    var seed: UInt64 = 42

    @Option(help: "Write the numbers and all histograms to this file, as JSON.")
    var json: String?

    @Flag(help: "Start a debug build nevertheless.")
    var allowDebug = false

    func validate() throws {
        guard size.allSatisfy({ (1...256 << 20).contains($0.bytes) }) else {
            throw ValidationError("--size must be 1 to 256MiB")
        }
        guard (1...1024).contains(concurrency) else { throw ValidationError("--concurrency must be 1 to 1024") }
        guard (1...1_000_000).contains(rate ?? 1) else { throw ValidationError("--rate must be 1 to 1000000") }
        guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds must be 1 to 86400") }
        guard (1...1_000_000).contains(keys) else { throw ValidationError("--keys must be 1 to 1000000") }
        guard (1...16).contains(nodes) else { throw ValidationError("--nodes must be 1 to 16") }
    }

    private var plan: BenchPlan {
        BenchPlan(
            operation: operation,
            sizes: size.isEmpty ? [4096] : size.map(\.bytes),
            concurrency: concurrency,
            rate: rate,
            seconds: seconds,
            keys: keys,
            bucket: bucket,
            seed: seed
        )
    }

    func run() async throws {
        Interruption.listen()
        if endpoint.isEmpty { try await onOwnMesh() } else { try await measure(try given()) }
    }

    /// The store that somebody named.
    private func given() throws -> [S3Target] {
        guard let key = getenv("AWS_ACCESS_KEY_ID"), let secret = getenv("AWS_SECRET_ACCESS_KEY") else {
            throw ValidationError("--endpoint needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
        }
        return try endpoint.map { endpoint in
            let target = S3Target(
                endpoint: endpoint,
                accessKey: String(cString: key),
                secret: String(cString: secret),
                region: region
            )
            guard let target else { throw ValidationError("\(endpoint) is not http://HOST:PORT, without TLS") }
            return target
        }
    }

    private func onOwnMesh() async throws {
        let binary = try Daemon.check(binary: meshd ?? RunOptions.beside("meshd"), allowDebug: allowDebug)
        let group = MultiThreadedEventLoopGroup.singleton
        let scratch = try await Scratch.make(on: group.next())
        do {
            let own = Run(binary: binary, seed: seed, folder: scratch.path)
            let cluster = try await Cluster.make(own, needsNetwork: false)
            try await cluster.start(nodes: nodes)
            say("\(nodes) nodes serve, for this load only")
            try await measure(cluster.nodes.map(\.target))
            for node in cluster.nodes { _ = try await node.stop() }
        } catch {
            try await scratch.remove()
            throw error
        }
        try await scratch.remove()
    }

    private func measure(_ targets: [S3Target]) async throws {
        let run = BenchRun(plan: plan, targets: targets, group: MultiThreadedEventLoopGroup.singleton)
        try await run.prepare()
        let sizes = plan.sizes.map { ByteCount(bytes: $0).description }.joined(separator: ", ")
        let loop = rate.map { "\($0) a second" } ?? "closed loop"
        say("\(operation), \(sizes), \(concurrency) clients, \(loop), \(seconds) s")
        let outcome = await run.run()
        let endpoints = targets.map(\.authority)
        let machine = Machine.find(place: "/")
        let result = BenchResult(plan, endpoints: endpoints, outcome, machine: machine)
        for line in result.lines { say(line) }
        if let json { try result.write(to: json) }
    }
}
