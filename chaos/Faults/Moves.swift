/// Buckets move between choices of nodes, again and again, while everything else goes on: sometimes while the last move
/// is still under way.
struct Moves: Sendable {
    /// Two of three holders may go on while one is away, as everywhere else.
    private static let nodesMin = 3
    private static let patience = Duration.milliseconds(500)

    let cluster: Cluster
    let course: Course
    let verdict: Verdict

    func work(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed, label: 0xFA33)
        var moved = 0
        while course.goesOn {
            let bucket = random.oneIn(2) ? MeshTrial.bucket : MeshTrial.versionedBucket
            if await move(bucket, &random) {
                moved += 1
                verdict.count("buckets moved")
                let rest = random.oneIn(3) ? 50...500 : 1_000...6_000
                try await pause(.milliseconds(Int.random(in: rest, using: &random)))
            } else {
                // Refused while somebody is away.
                try await pause(Self.patience)
            }
        }
        verdict.check(promise: .tidy, moved > 0, "no bucket could be moved in the whole trial")
    }

    private func pause(_ time: Duration) async throws {
        let end = ContinuousClock.now + time
        while course.goesOn, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(50)) }
    }

    private func move(_ bucket: String, _ random: inout SeededRandom) async -> Bool {
        var nodes = cluster.nodes.shuffled(using: &random)
        guard let asked = nodes.first(where: \.isServing) else { return false }
        guard nodes.count >= Self.nodesMin else { return false }
        nodes = Array(nodes.prefix(Int.random(in: Self.nodesMin...nodes.count, using: &random)))
        let place =
            random.oneIn(4) ? ["--everywhere"] : ["--nodes", nodes.map(\.name).sorted().joined(separator: ",")]
        do {
            _ = try await cluster.ask(["bucket", "move", bucket] + place, of: asked)
            return true
        } catch {
            return false
        }
    }
}
