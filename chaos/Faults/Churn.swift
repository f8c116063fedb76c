/// A node comes and another goes, again and again, while everything else goes on.
struct Churn: Sendable {
    private static let secondsToDrainMax: UInt64 = 300
    private static let secondsBetween = 5

    let cluster: Cluster
    let course: Course
    let verdict: Verdict

    func work() async throws {
        while course.goesOn {
            let fresh = try await cluster.add()
            verdict.count("nodes added")
            verdict.pass(.tidy)
            try await place(fresh)
            say("\(fresh.name) has come")
            // Never the first, which signs tokens, nor the one that has just come.
            let candidates = cluster.nodes.dropFirst().filter { $0.number != fresh.number }
            guard course.goesOn, let leaving = candidates.first else { return }
            try await drain(leaving)
            verdict.count("nodes drained")
            for _ in 0..<Self.secondsBetween where course.goesOn { try await Task.sleep(for: .seconds(1)) }
        }
    }

    /// Waits until the node holds its share: before that, one that goes and one that is killed may be one too many.
    private func place(_ fresh: ClusterNode) async throws {
        let deadline = Clock.nanoseconds() + Self.secondsToDrainMax * 1_000_000_000
        let first = cluster.nodes[0]
        try await untilYes(deadline, "\(fresh.name) has its place") {
            let missing = try await Standing.ask(cluster, first).withoutPlace([fresh.name])
            guard missing.isEmpty else { throw HTTPFailure.malformed(missing.joined(separator: "; ")) }
        }
    }

    /// Asks another node to drain it, waits until it holds nothing, stops it. Meanwhile it serves as before.
    private func drain(_ node: ClusterNode) async throws {
        while !cluster.claim([node]) { try await Task.sleep(for: .milliseconds(50)) }
        let began = Clock.nanoseconds()
        let deadline = began + Self.secondsToDrainMax * 1_000_000_000
        let first = cluster.nodes[0]
        try await untilYes(deadline, "drain \(node.name)") {
            _ = try await cluster.ask(["node", "drain", node.name], of: first)
        }
        try await untilYes(deadline, "\(node.name) is drained") {
            guard try await Standing.ask(cluster, first).isDrained(node.name) else {
                throw HTTPFailure.malformed("\(node.name) still holds something")
            }
        }
        verdict.peak("slowest drain in s", Int((Clock.nanoseconds() - began) / 1_000_000_000))
        say("\(node.name) is drained")
        _ = cluster.troubles.begin(node.number, "leave")
        let asked = Clock.nanoseconds()
        let exit = try await node.stop()
        verdict.peak("slowest stop of a drained node in ms", Int((Clock.nanoseconds() - asked) / 1_000_000))
        verdict.check(
            promise: .tidy,
            exit == .code(0),
            "a stop of drained \(node.name) ended with \(exit.map { "\($0)" } ?? "an earlier end")",
            around: node.logTail()
        )
        try await Ending(cluster: cluster, verdict: verdict).examine(node)
        try await cluster.forget(node)
        cluster.release([node])
    }

    /// A node that is asked may be down just then.
    private func untilYes(_ deadline: UInt64, _ what: String, _ body: () async throws -> Void) async throws {
        while true {
            do {
                try await body()
                return
            } catch {
                guard Clock.nanoseconds() < deadline else {
                    return verdict.fail(promise: .tidy, "\(what): not within \(Self.secondsToDrainMax) s: \(error)")
                }
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}
