import NIOCore
import NIOHTTP1

/// Prepares what a load reads, runs it, and adds up what its clients saw.
struct BenchRun: Sendable {
    let plan: BenchPlan
    let targets: [S3Target]
    let group: any EventLoopGroup

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    struct Outcome: Sendable {
        let tally: BenchTally
        let seconds: Double
        let corePercent: Double
    }

    /// Makes the bucket and its objects; both may be there from an earlier load.
    func prepare() async throws {
        let session = S3Session(targets[0], on: group)
        let made = try await session.createBucket(plan.bucket)
        await session.close()
        guard made.status == 200 || made.text.contains("BucketAlreadyOwnedByYou") else {
            throw Failure(description: "create bucket \(plan.bucket): \(made.status) \(made.text)")
        }
        guard plan.operation != .put else { return }
        let width = min(plan.concurrency, 16)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for lane in 0..<width { tasks.addTask { try await fill(lane, width) } }
            try await tasks.waitForAll()
        }
    }

    private func fill(_ lane: Int, _ width: Int) async throws {
        let session = S3Session(targets[lane % targets.count], on: group)
        for number in stride(from: lane, to: plan.keys, by: width) {
            let (key, pattern) = plan.prepared(number)
            let put = try await session.put(plan.bucket, key, pattern)
            guard put.status == 200 else { throw Failure(description: "PUT \(key): \(put.status) \(put.text)") }
        }
        await session.close()
    }

    func run() async -> Outcome {
        let (begin, cost) = (Clock.nanoseconds(), HarnessCost())
        let tickets = BenchTickets(plan, begin: begin)
        var tally = await withTaskGroup(of: BenchTally.self) { tasks in
            for number in 0..<plan.concurrency {
                let target = targets[number % targets.count]
                let client = BenchClient(number: number, plan: plan, target: target, tickets: tickets, group: group)
                tasks.addTask { await client.work() }
            }
            return await tasks.reduce(into: BenchTally()) { $0.add($1) }
        }
        let end = HarnessCost()
        // Interrupted, most was not due yet.
        tally.unsent = Interruption.isAsked ? 0 : tickets.unsent
        return Outcome(tally: tally, seconds: end.seconds(since: cost), corePercent: end.percent(since: cost))
    }
}
