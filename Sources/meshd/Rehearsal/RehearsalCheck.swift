import Mesh
import Swim

/// Whether a mesh can do without a node for a while, from one look at it.
struct RehearsalCheck {
    let facts: ClusterFacts
    let ownID: NodeID
    /// How buckets are spread of which some keys would have no majority without the node.
    let bereft: [Spread]

    /// Why the node cannot be missed now, as a sentence; nil: it can.
    func objection(to subject: ClusterFacts.Node) -> String? {
        let name = subject.name
        guard subject.id != ownID else { return "\(name) cannot watch itself play dead: begin it from another node" }
        guard subject.isMember else { return "\(name) has no place in the mesh" }
        let missing = facts.nodes.filter { $0.isMember && !Self.canBeCountedOn($0) }
        guard missing.isEmpty else {
            let names = missing.map(\.name).joined(separator: ", ")
            return "all nodes have to be there, and \(names) cannot be counted on now"
        }
        guard !facts.isChanging else { return "the layout is changing: wait until that is done" }
        let waiting = facts.nodes.flatMap { $0.condition?.hints ?? [] }.map(\.objects).max() ?? 0
        let wanted = facts.nodes.compactMap { $0.condition?.wanted }.max() ?? 0
        guard max(waiting, wanted) == 0 else {
            return "some objects still wait for a node (\(max(waiting, wanted))): wait until nothing does"
        }
        guard bereft.isEmpty else {
            guard let whole = Self.copies(bereft.filter { $0.pool == .whole }) else {
                return "without \(name) requests would fail: buckets on a few chosen nodes would have no majority"
            }
            return "without \(name) requests would fail: keys in \(whole) would "
                + "have no majority. That takes three nodes, or two and a witness, and no bucket with one copy"
        }
        return nil
    }

    /// In words: `1 or 2 copies`.
    private static func copies(_ spreads: [Spread]) -> String? {
        guard let last = spreads.last else { return nil }
        return spreads.map { "\($0.copies)" }.joined(separator: " or ") + (last.copies == 1 ? " copy" : " copies")
    }

    /// Whether it can take the place of another one: who comes and goes can, that may be the last rehearsal's doing.
    private static func canBeCountedOn(_ known: ClusterFacts.Node) -> Bool {
        guard known.state?.isAlive == true, !known.isRefilled, let condition = known.condition else { return false }
        return condition.isReady && !condition.isReadOnly && condition.failure == nil
    }
}
