import FoundationEssentials

/// What the nodes of a mesh say of themselves, as `meshd node list --json` and `meshd layout --json` tell it.
struct Standing: Sendable {
    struct Node: Decodable, Sendable {
        struct Condition: Decodable, Sendable {
            let epoch: UInt64
            let isReady: Bool
            let repair: Repair?
        }

        struct Repair: Decodable, Sendable {
            struct Backlog: Decodable, Sendable { let objects: Int }

            struct Comparison: Decodable, Sendable {
                let name: String
                let atMillis: UInt64
                let leavesDifferent: Int
                let failure: String?
            }

            let hints: [Backlog]
            let wanted: Int
            let comparisons: [Comparison]
            /// Since the node began.
            let counters: [String: UInt64]?
        }

        let name: String
        let state: String
        let role: String
        let share: Double
        let condition: Condition?
    }

    private struct List: Decodable { let nodes: [Node] }

    struct Layout: Decodable, Sendable {
        struct Member: Decodable, Sendable {
            let name: String
            /// The epoch in which its store was let in.
            let memberSince: UInt64
        }

        let epoch: UInt64
        let isChanging: Bool
        let voters: [String]
        let members: [Member]

        var isStable: Bool { !isChanging }
    }

    private struct LayoutAnswer: Decodable { let layout: Layout }

    let nodes: [Node]
    let layout: Layout

    static func ask(_ cluster: Cluster, _ node: ClusterNode) async throws -> Standing {
        let list = try await cluster.ask(["node", "list", "--json"], of: node)
        let layout = try await cluster.ask(["layout", "--json"], of: node)
        return try Standing(list: list, layout: layout)
    }

    init(list: String, layout: String) throws {
        nodes = try Self.decode(List.self, list).nodes
        self.layout = try Self.decode(LayoutAnswer.self, layout).layout
    }

    /// The answer may have lines of a log before it.
    private static func decode<T: Decodable>(_ type: T.Type, _ text: String) throws -> T {
        let json = text[(text.firstIndex(of: "{") ?? text.startIndex)...]
        return try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    /// It holds nothing any more, and nothing moves.
    func isDrained(_ name: String) -> Bool {
        layout.isStable && nodes.contains { $0.name == name && $0.role != "holder" && $0.share == 0 }
    }

    /// What keeps these nodes from holding what they should for good; nothing when they do.
    func withoutPlace(_ names: Set<String>) -> [String] {
        let holders = nodes.filter { $0.role == "holder" && $0.share > 0 }.map(\.name)
        let missing = names.subtracting(holders).sorted().map { "\($0) holds nothing" }
        return missing + (layout.isStable ? [] : ["the layout is changing"])
    }

    /// In which epoch the newest store of a node was let in; 0: in none.
    func memberSince(_ name: String) -> UInt64 {
        layout.members.filter { $0.name == name }.map(\.memberSince).max() ?? 0
    }

    /// Somebody has something that another one is to have.
    var isWaiting: Bool {
        nodes.contains { node in
            guard let repair = node.condition?.repair else { return false }
            return repair.wanted > 0 || repair.hints.contains { $0.objects > 0 }
        }
    }

    /// Traces of deletes that the nodes have collected, each since it began.
    var collected: UInt64 {
        nodes.reduce(0) { $0 + ($1.condition?.repair?.counters?["tombstones_collected"] ?? 0) }
    }

    /// What comparisons of these nodes found that were made since then, and whether these are all that there should be.
    func differences(_ names: Set<String>, since millis: UInt64) -> (found: [String], isWhole: Bool) {
        var found: [String] = []
        var count = 0
        for node in nodes where names.contains(node.name) {
            for comparison in node.condition?.repair?.comparisons ?? [] where comparison.atMillis >= millis {
                guard names.contains(comparison.name), comparison.failure == nil else { continue }
                count += 1
                guard comparison.leavesDifferent > 0 else { continue }
                found.append("\(node.name) differs from \(comparison.name) in \(comparison.leavesDifferent) leaves")
            }
        }
        // Of each pair one asks.
        return (found, count >= names.count * (names.count - 1) / 2)
    }

    /// What keeps these nodes from being all equal and at rest; nothing when they are.
    func unrest(_ names: Set<String>) -> [String] {
        var found: [String] = []
        if !layout.isStable { found.append("the layout is changing") }
        for name in names.sorted() {
            guard let node = nodes.first(where: { $0.name == name }) else {
                found.append("\(name) is not known")
                continue
            }
            guard let condition = node.condition, condition.isReady else {
                found.append("\(name) is \(node.state) and says nothing, or is not ready")
                continue
            }
            if condition.epoch != layout.epoch { found.append("\(name) is in epoch \(condition.epoch)") }
            guard let repair = condition.repair else { continue }
            let waiting = repair.hints.reduce(0) { $0 + $1.objects }
            if waiting > 0 { found.append("\(name) has \(waiting) hints") }
            if repair.wanted > 0 { found.append("\(name) wants \(repair.wanted) bodies") }
            for comparison in repair.comparisons where names.contains(comparison.name) {
                if comparison.leavesDifferent > 0 {
                    found.append("\(name) differs from \(comparison.name) in \(comparison.leavesDifferent) leaves")
                }
            }
        }
        return found
    }
}
