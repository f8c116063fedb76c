import FoundationEssentials

/// Waits, when nothing is done to a mesh any more, until its nodes say that they are equal and at rest.
struct Convergence {
    /// How long that may take on a machine that has other things to do.
    private static let secondsMaxUsual: UInt64 = 120
    /// Where buckets moved each pair differs for a reason, and looks twice before it knows.
    private static let secondsMaxMoved: UInt64 = 240

    let cluster: Cluster
    let verdict: Verdict
    var hasMoves = false

    private var secondsMax: UInt64 { hasMoves ? Self.secondsMaxMoved : Self.secondsMaxUsual }

    func judge() async throws {
        let nodes = cluster.nodes
        guard nodes.count > 1 else { return }
        let begin = Clock.nanoseconds()
        let names = Set(nodes.map(\.name))
        var unrest: [String] = []
        var turn = 0
        while Clock.nanoseconds() < begin + secondsMax * 1_000_000_000 {
            // Each node starts its own comparisons now and then; asked for, they come at once.
            if turn % 4 == 0 { _ = try? await cluster.ask(["repair", "start"], of: nodes[turn / 4 % nodes.count]) }
            turn += 1
            try await Task.sleep(for: .seconds(1))
            do {
                unrest = try await Standing.ask(cluster, nodes[0]).unrest(names)
            } catch {
                unrest = ["\(error)"]
            }
            // Once more after the first silence: what was compared then may be older than the last write.
            if unrest.isEmpty, turn > 4 { break }
        }
        verdict.count("seconds until all were equal", Int((Clock.nanoseconds() - begin) / 1_000_000_000))
        verdict.check(
            promise: .converged,
            unrest.isEmpty,
            "after \(secondsMax) s in peace: \(unrest.prefix(8).joined(separator: "; "))",
            around: nodes.flatMap { $0.logTail(lines: 3) }
        )
    }

    /// In peace all members agree on what may go, so that something does.
    func judgeCollection() async throws {
        let deadline = Clock.nanoseconds() + secondsMax * 1_000_000_000
        var collected: UInt64 = 0
        repeat {
            collected = try await Standing.ask(cluster, cluster.nodes[0]).collected
            if collected > 0 { break }
            try await Task.sleep(for: .seconds(1))
        } while Clock.nanoseconds() < deadline
        verdict.count("traces of deletes collected since the last starts", Int(collected))
        verdict.check(promise: .converged, collected > 0, "\(secondsMax) s of peace, and no tombstone is collected")
    }

    /// The same without comparisons: each node was up again for a while, and those that remember what it has missed
    /// bring it. Then the first comparison finds no difference.
    func judgeHints() async throws {
        let nodes = cluster.nodes
        let names = Set(nodes.map(\.name))
        var deadline = Clock.nanoseconds() + secondsMax / 2 * 1_000_000_000
        var standing: Standing
        repeat {
            try await Task.sleep(for: .seconds(3))
            standing = try await Standing.ask(cluster, nodes[0])
        } while standing.isWaiting && Clock.nanoseconds() < deadline
        let asked = UInt64(Date().timeIntervalSince1970 * 1000)
        for node in nodes { _ = try await cluster.ask(["repair", "start"], of: node) }
        var differences: [String] = []
        var isWhole = false
        deadline = Clock.nanoseconds() + secondsMax * 1_000_000_000
        repeat {
            try await Task.sleep(for: .seconds(1))
            (differences, isWhole) = try await Standing.ask(cluster, nodes[0]).differences(names, since: asked)
        } while differences.isEmpty && !isWhole && Clock.nanoseconds() < deadline
        guard isWhole || !differences.isEmpty else {
            return verdict.count("comparisons that were asked for and did not come")
        }
        verdict.check(
            promise: .converged,
            differences.isEmpty,
            "no hint waited, and \(differences.joined(separator: "; "))"
        )
    }
}
