import FoundationEssentials

/// Stops all nodes, has their disks looked at, and looks for secrets in what they wrote to their logs.
struct Ending {
    let cluster: Cluster
    let verdict: Verdict

    func judge() async throws {
        for node in cluster.nodes {
            let began = Clock.nanoseconds()
            let exit = try await node.stop()
            verdict.peak("slowest graceful stop in ms", Int((Clock.nanoseconds() - began) / 1_000_000))
            verdict.check(
                promise: .tidy,
                exit == .code(0),
                "a graceful stop of \(node.name) ended with \(exit.map { "\($0)" } ?? "an earlier end")",
                around: node.logTail()
            )
            try await examine(node)
        }
    }

    /// Of a node that has stopped: its disk and its log.
    func examine(_ node: ClusterNode) async throws {
        let opinion = try await Doctor.examine(node.settings, on: cluster.group)
        verdict.check(
            promise: .tidy,
            opinion.isYes,
            "meshd doctor on the data of \(node.name): \(opinion.exit)",
            around: opinion.text.split(separator: "\n").map(String.init)
        )
        try search(node)
    }

    private func search(_ node: ClusterNode) throws {
        guard let data = FileManager.default.contents(atPath: node.settings.logFile) else { return }
        let log = String(decoding: data, as: UTF8.self)
        for (index, secret) in cluster.secrets.enumerated() {
            verdict.check(
                promise: .tidy,
                !log.utf8.contains(secret),
                "the log of \(node.name) has secret \(index), which begins with \(secret.prefix(6))"
            )
        }
    }
}

extension String.UTF8View {
    /// Whether the bytes of that text are anywhere in here.
    fileprivate func contains(_ text: String) -> Bool {
        let needle = Array(text.utf8)
        guard let first = needle.first else { return true }
        var rest = self[...]
        while let index = rest.firstIndex(of: first) {
            if rest[index...].starts(with: needle) { return true }
            rest = rest[self.index(after: index)...]
        }
        return false
    }
}
