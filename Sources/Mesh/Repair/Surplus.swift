internal import Store
internal import Swim
internal import Synchronization

/// Gives up rows that this node has no place for any more, each only after every node that is to hold it was seen to
/// have it with its bytes, or something newer. What one of them lacks it is brought first.
///
/// Nothing is dropped while the layout changes, and a layout that changes in the middle waits for the batch at hand:
/// else a node could drop what the new layout has just counted on.
struct Surplus: Sendable {
    struct Result: Sendable {
        var dropped = 0
        /// Rows that a holder lacks still, or whose holder did not answer.
        var kept = 0
    }

    let around: RepairSurroundings
    let gate: LayoutGate
    private let clean = CleanPartitions()

    init(around: RepairSurroundings, gate: LayoutGate) {
        self.around = around
        self.gate = gate
    }

    /// One pass over all that is here and should not be.
    func pass() async throws -> Result {
        var result = Result()
        let layout = around.book.current
        guard !layout.isJoint, around.peers.epoch() == layout.epoch else { return result }
        let roots = around.disk.roots()
        let suspects = suspects(layout, roots)
        guard !suspects.isEmpty else { return result }
        let leaves = LeafSet(suspects)
        var place: WalkPlace?
        repeat {
            let page = try await around.disk.walk(leaves, after: place, limit: RepairMessage.rowsMax)
            let surplus = page.rows.filter { !around.isHolder(around.own, $0.address) }
            let safe = try await verify(surplus, layout)
            try Task.checkCancellation()
            guard around.book.current.epoch == layout.epoch else { throw RepairFailure.superseded }
            if !safe.isEmpty {
                try await gate.hold {
                    guard around.book.current.epoch == layout.epoch else { throw RepairFailure.superseded }
                    try await around.disk.drop(safe.map(\.name))
                }
            }
            around.counters.surplusDropped.add(UInt64(safe.count))
            result.dropped += safe.count
            result.kept += surplus.count - safe.count
            place = page.next
        } while place != nil
        if result.dropped + result.kept == 0, let roots { clean.note(suspects, roots, layout) }
        return result
    }

    /// Partitions with rows that some bucket does not want here, and that were not looked through as they are.
    private func suspects(_ layout: Layout, _ roots: [DigestSum]?) -> [Partition] {
        let spans = around.spans(layout)
        let known = roots.map { clean.roots(layout, $0[Int(Partition.system.number)]) } ?? [:]
        return (0..<Partition.count).map { Partition(number: UInt16($0)) }.filter { partition in
            if let roots {
                let root = roots[Int(partition.number)]
                if root == .zero || known[partition] == root { return false }
            }
            return !spans.allSatisfy { layout.holders(of: partition, copies: $0).contains(around.own) }
        }
    }

    /// Those that all their holders have now.
    private func verify(_ surplus: [RowSight], _ layout: Layout) async throws -> [RowSight] {
        var asked: [NodeID: [RowSight]] = [:]
        for sight in surplus {
            for node in around.holders(of: sight.address, layout).current { asked[node, default: []].append(sight) }
        }
        var unsafe: Set<RowName> = []
        for (node, sights) in asked {
            do {
                let standing = try await around.peers.standing(node, sights)
                for (sight, standing) in zip(sights, standing) where standing != .settled { unsafe.insert(sight.name) }
                // The peer fetches larger bodies by itself, from here. The next pass asks again what it has.
                // A store that is no member any more brings nothing: others went on without it.
                guard layout.member(around.own) != nil else { continue }
                let missing = zip(sights, standing).filter { $0.1 == .missing }.map(\.0.name)
                try await RowPush(around: around, peer: node).push(missing)
            } catch is RepairFailure {
                unsafe.formUnion(sights.map(\.name))
            }
        }
        return surplus.filter { !unsafe.contains($0.name) }
    }
}

/// Partitions in which a pass found nothing that should not be there, by the sums that they had then. With buckets on
/// chosen nodes nearly all are suspect, and looking through them reads the whole table.
final class CleanPartitions: Sendable {
    private struct State {
        var origin: UInt64 = 0
        var lineage: UInt64 = 0
        var spreads: [BucketSpread] = []
        /// Says with how many copies buckets were made.
        var smallState = DigestSum.zero
        var roots: [Partition: DigestSum] = [:]
    }

    private let state = Mutex(State())

    /// As long as the same nodes are to have the same.
    func roots(_ layout: Layout, _ smallState: DigestSum) -> [Partition: DigestSum] {
        state.withLock { state in
            if state.origin != layout.origin || state.lineage != layout.lineage || state.spreads != layout.spreads
                || state.smallState != smallState
            {
                state = State(
                    origin: layout.origin,
                    lineage: layout.lineage,
                    spreads: layout.spreads,
                    smallState: smallState
                )
            }
            return state.roots
        }
    }

    func note(_ partitions: [Partition], _ roots: [DigestSum], _ layout: Layout) {
        _ = self.roots(layout, roots[Int(Partition.system.number)])
        state.withLock { state in
            for partition in partitions { state.roots[partition] = roots[Int(partition.number)] }
        }
    }
}
