internal import Store
internal import Swim
internal import Synchronization

/// Which nodes to ask so that every partition has a quorum among them.
struct Coverage: Sendable {
    /// By number of the partition; one alone stands for whatever is asked.
    private let sets: [HolderSet]
    /// Partitions with equal holders count as one.
    private let counts: [HolderSet: Int]

    init(_ sets: [HolderSet]) {
        self.sets = sets
        var counts: [HolderSet: Int] = [:]
        for set in sets { counts[set, default: 0] += 1 }
        self.counts = counts
    }

    /// The fewest, taken greedily: of those that help most the first of `ranked`. Nil: there is no quorum of some
    /// partition among them.
    func nodes(_ ranked: [NodeID]) -> [NodeID]? {
        var chosen: [NodeID] = []
        var open = counts
        var left = ranked
        while !open.isEmpty {
            var best: (node: NodeID, gain: Int)?
            for node in left {
                let gain = open.reduce(0) { $0 + ($1.key.contains(node) ? $1.value : 0) }
                if gain > best?.gain ?? 0 { best = (node, gain) }
            }
            guard let best else { return nil }
            chosen.append(best.node)
            left.removeAll { $0 == best.node }
            open = open.filter { !$0.key.isQuorum(chosen) }
        }
        return chosen
    }

    /// All that hold any of it.
    var holders: Set<NodeID> { counts.keys.reduce(into: []) { $0.formUnion($1.everyone) } }

    /// What there is to say when only these answered.
    func lost(answered: Set<NodeID>) -> CoordinatorError {
        let holders = holders
        return .quorumLost(answered: answered.intersection(holders).count, of: holders.count, effect: .none)
    }

    /// Whether every partition has a quorum among these.
    func isCovered(by nodes: [NodeID]) -> Bool { counts.keys.allSatisfy { $0.isQuorum(nodes) } }

    /// Whether each of the chosen answers for every key.
    func isHeldByAll(_ chosen: [NodeID]) -> Bool {
        counts.keys.allSatisfy { set in chosen.allSatisfy { set.contains($0) } }
    }

    /// Those of the chosen that answer for a key.
    func holders(of address: RowAddress, among chosen: [NodeID]) -> [NodeID] {
        let set = sets.count == 1 ? sets[0] : sets[Int(address.partition.number)]
        return chosen.filter { set.contains($0) }
    }
}

/// Whether holders' pages are likely to be the same. While clients write what others list they often are not, and asking
/// for digests first is work for nothing: so for some scans after a difference whole pages are asked for at once.
final class Accord: Sendable {
    private static let doubtfulScans = 8
    private let doubts = Atomic(0)

    var isLikely: Bool {
        if doubts.load(ordering: .relaxed) <= 0 { return true }
        doubts.subtract(1, ordering: .relaxed)
        return false
    }

    func note(_ isAgreed: Bool) { if !isAgreed { doubts.store(Self.doubtfulScans, ordering: .relaxed) } }
}

/// The coverages of the layout that is gone by: a list asks for one each time, and they change with the epoch only.
final class Coverages: Sendable {
    private struct Known {
        let layout: Layout
        let copies: CopySpan
        let coverage: Coverage
    }

    /// Buckets are on few choices of nodes, with few different numbers of copies.
    private static let knownMax = 2 * Pool.countMax
    private let known = Mutex<[Known]>([])

    func whole(_ layout: Layout, copies: CopySpan) -> Coverage {
        let found = known.withLock { known in
            known.first {
                $0.copies == copies && $0.layout.epoch == layout.epoch && $0.layout.lineage == layout.lineage
            }
        }
        if let found { return found.coverage }
        let coverage = Coverage(
            (0..<Partition.count).map { layout.holders(of: Partition(number: UInt16($0)), copies: copies) }
        )
        known.withLock { known in
            known.insert(Known(layout: layout, copies: copies, coverage: coverage), at: 0)
            if known.count > Self.knownMax { known.removeLast() }
        }
        return coverage
    }
}
