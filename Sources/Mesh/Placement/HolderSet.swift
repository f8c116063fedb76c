package import Swim

/// Who holds a partition, and whose answers are enough.
///
/// While the layout changes there are two sets, and a quorum is a majority of each (joint quorums, as in Raft's joint
/// consensus): quorums of neighbouring epochs always meet.
package struct HolderSet: Sendable, Hashable {
    /// Stands in a set for a holder whose store is gone while its place is not filled yet. It counts in the size of the
    /// set and never answers: what came in its place starts empty and must not vote for what was there.
    package static let lost = NodeID(high: 0, low: 0)

    /// In the order of their slots.
    package let current: [NodeID]
    /// The set that is being moved to.
    package let next: [NodeID]?
    /// Of each set the one that has a vote on every row and keeps no bytes; nil: all keep everything.
    package let witness: NodeID?
    package let nextWitness: NodeID?

    package init(
        current: [NodeID],
        next: [NodeID]? = nil,
        witness: NodeID? = nil,
        nextWitness: NodeID? = nil
    ) {
        let isSame = next == nil || (next == current && witness == nextWitness)
        self.current = current
        self.next = isSame ? nil : next
        self.witness = witness
        self.nextWitness = isSame ? nil : nextWitness
    }

    package var hasWitness: Bool { witness != nil || nextWitness != nil }

    /// Those who keep the bytes, in one set or the other.
    package var keepers: [NodeID] { hasWitness ? everyone.filter(keepsBytes) : everyone }

    package func keepsBytes(_ node: NodeID) -> Bool {
        (node != witness && current.contains(node)) || (node != nextWitness && next?.contains(node) == true)
    }

    /// Whether bytes that are with these nodes are where a row may name them: a majority of each set is to have what it
    /// should, and of a witness that is the row alone. Two keepers and a witness need one keeper at least.
    package func isQuorum(ofBytes nodes: [NodeID]) -> Bool {
        func holds(_ set: [NodeID], _ witness: NodeID?) -> Bool {
            set.count { $0 != Self.lost && ($0 == witness || nodes.contains($0)) } >= Self.majority(of: set.count)
        }
        return holds(current, witness) && (next.map { holds($0, nextWitness) } ?? true)
    }

    /// All of both sets that can be asked, each once: those of `current` first.
    package var everyone: [NodeID] {
        var all = current
        if let next { all += next.filter { !current.contains($0) } }
        return all.contains(Self.lost) ? all.filter { $0 != Self.lost } : all
    }

    package func contains(_ node: NodeID) -> Bool {
        node != Self.lost && (current.contains(node) || next?.contains(node) == true)
    }

    package static func majority(of count: Int) -> Int { count / 2 + 1 }

    /// Whether these nodes are a majority of each set.
    package func isQuorum(_ nodes: [NodeID]) -> Bool {
        func holds(_ set: [NodeID]) -> Bool {
            set.count(where: { $0 != Self.lost && nodes.contains($0) }) >= Self.majority(of: set.count)
        }
        return holds(current) && (next.map(holds) ?? true)
    }

    /// Whether a quorum can still come together without these nodes.
    package func canReachQuorum(without lost: [NodeID]) -> Bool {
        isQuorum(everyone.filter { !lost.contains($0) })
    }
}
