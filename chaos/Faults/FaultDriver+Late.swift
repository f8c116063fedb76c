/// A node that missed a change of the layout.
extension FaultDriver {
    private static let secondsMax: UInt64 = 60
    /// Three that stay, two that give up their places, one that sleeps.
    private static let nodesMin = 6

    /// A node that holds nothing is frozen while two others give up their places. Requests wait for it, and when it wakes it
    /// begins to answer them by a layout in which these two are a majority of the holders of many keys: they must refuse.
    func comeLate() async throws {
        let nodes = cluster.nodes
        guard nodes.count >= Self.nodesMin, let first = nodes.first, let late = nodes.last else { return }
        let leaving = Array(nodes.dropLast().suffix(2))
        var keys = LateKeys(cluster, course, verdict)
        await keys.write(through: first)
        try await drain([late], by: first)
        // All of its links are open when it falls asleep, so that it need not meet anybody anew when it wakes.
        await keys.read(through: late)
        let number = cluster.troubles.begin(late.number, "late", graceNanos: Troubles.graceNanos)
        late.pause()
        try await drain(leaving, by: first)
        say("\(late.name) is late: \(leaving.map(\.name).joined(separator: " and ")) have given up their places")
        await keys.write(through: first)
        async let reading: Void = keys.read(through: late)
        try? await Task.sleep(for: .milliseconds(500))
        late.resume()
        await reading
        cluster.troubles.end(number)
        try await fill(leaving + [late], by: first)
    }

    private func drain(_ nodes: [ClusterNode], by first: ClusterNode) async throws {
        try await order("drain", nodes, by: first) { standing in nodes.allSatisfy { standing.isDrained($0.name) } }
    }

    private func fill(_ nodes: [ClusterNode], by first: ClusterNode) async throws {
        let names = Set(nodes.map(\.name))
        try await order("resume", nodes, by: first) { $0.withoutPlace(names).isEmpty }
    }

    private func order(
        _ verb: String,
        _ nodes: [ClusterNode],
        by first: ClusterNode,
        until isDone: (Standing) -> Bool
    ) async throws {
        for node in nodes { _ = try await cluster.ask(["node", verb, node.name], of: first) }
        let deadline = Clock.nanoseconds() + Self.secondsMax * 1_000_000_000
        while Clock.nanoseconds() < deadline {
            if try await isDone(Standing.ask(cluster, first)) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        verdict.count("changes of places that took too long")
    }
}
