import NIOCore
import NIOHTTP1

/// Lets many clients race for one key at a time, each through another node: creators, or swappers of one ETag.
actor RaceWorker {
    private let client: MeshClient
    private let racers: [RaceRunner]
    private let bucket: String
    private let course: Course

    init(client: sending MeshClient, racers: [RaceRunner], bucket: String, course: Course) {
        self.client = client
        self.racers = racers
        self.bucket = bucket
        self.course = course
    }

    func work() async {
        await course.pace { await race() }
        await close()
    }

    func close() async {
        await client.close()
        for racer in racers { await racer.close() }
    }

    /// One round.
    func race() async {
        let number = course.number()
        let key = "race/\(number % 64)/\(number)"
        let size = client.random.oneIn(8) ? 100 << 10 : 64
        var condition = ("If-None-Match", "*")
        var before: UInt64?
        if client.random.oneIn(2) {
            let pattern = Pattern(key: key, operation: course.number(), size: 64)
            let bucket = bucket
            let reply = await client.send("PUT \(key)") { session throws(HTTPFailure) in
                try await session.put(bucket, key, pattern, secondsMax: MeshClient.secondsMax)
            }
            guard reply.status == 200, let etag = reply.response?.headers["etag"].first else { return }
            condition = ("If-Match", etag)
            before = pattern.operation
        }
        let patterns = racers.map { _ in Pattern(key: key, operation: course.number(), size: size) }
        let (racers, bucket, demand) = (racers, bucket, condition)
        let outcomes = await withTaskGroup(of: (UInt64, RaceCheck.Outcome).self) { group in
            for (racer, pattern) in zip(racers, patterns) {
                group.addTask { (pattern.operation, await racer.run(bucket, key, pattern, demand)) }
            }
            return await group.reduce(into: [UInt64: RaceCheck.Outcome]()) { $0[$1.0] = $1.1 }
        }
        await judge(key, condition.0, outcomes, before, patterns)
    }

    private func judge(
        _ key: String,
        _ kind: String,
        _ outcomes: [UInt64: RaceCheck.Outcome],
        _ before: UInt64?,
        _ patterns: [Pattern]
    ) async {
        let bucket = bucket
        // A round whose end nobody saw is no round: it is asked again, by other nodes if need be.
        for _ in 0..<10 {
            let reply = await client.send("GET \(key)") { session throws(HTTPFailure) in
                try await session.get(bucket, key)
            }
            guard let response = reply.response else { continue }
            let after: UInt64?
            let sight = ObjectReading.see(response) { number in
                number == before
                    ? Pattern(key: key, operation: number, size: 64)
                    : patterns.first { $0.operation == number }
            }
            switch sight {
            case .nothing: after = nil
            case .write(let number): after = number
            case .wrong(let what):
                return client.verdict.fail(promise: .whole, "\(key) through n\(reply.node): read \(what)")
            }
            let check = RaceCheck(outcomes: outcomes, before: before, after: after)
            client.verdict.count("races (\(kind))")
            if check.winners.isEmpty {
                client.verdict.count(check.isFruitless ? "races that nobody won" : "races whose winner was not told")
            }
            return client.verdict.check(
                promise: .winner,
                check.objection == nil,
                "\(key), \(kind), \(outcomes.count) racers: \(check.objection ?? "")"
            )
        }
        client.verdict.count("races whose end nobody saw")
    }
}

/// One racer with a connection of its own to each node.
actor RaceRunner {
    private let client: MeshClient
    /// Its place among them: racer and round choose the node, so that all nodes take part.
    private var turn: Int

    init(client: sending MeshClient) {
        self.client = client
        turn = client.number
    }

    func run(_ bucket: String, _ key: String, _ pattern: Pattern, _ condition: (String, String)) async
        -> RaceCheck.Outcome
    {
        turn += 1
        let all = client.cluster.untroubled
        let node = all.isEmpty || client.random.oneIn(8) ? nil : all[turn % all.count]
        let reply = await client.send("PUT \(key) \(condition.0): \(condition.1)", through: node) {
            session throws(HTTPFailure) in
            try await session.put(
                bucket,
                key,
                pattern,
                headers: [condition],
                secondsMax: MeshClient.secondsMax
            )
        }
        switch reply.outcome {
        case .answered(let response): return response.status == 200 ? .won : .lost
        case .withoutEffect: return .withdrawn
        case .unknown: return .unknown
        }
    }

    func close() async { await client.close() }
}
