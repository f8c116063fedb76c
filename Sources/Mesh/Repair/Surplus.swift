internal import Store
internal import Swim

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

    /// One pass over all that is here and should not be.
    func pass() async throws -> Result {
        var result = Result()
        let layout = around.book.current
        guard !layout.isJoint, around.peers.epoch() == layout.epoch else { return result }
        let leaves = suspects(layout)
        guard !leaves.isEmpty else { return result }
        var place: WalkPlace?
        repeat {
            let page = try await around.disk.walk(leaves, after: place, limit: RepairMessage.rowsMax)
            let surplus = page.rows.filter { !around.isHolder(around.own, $0.address) }
            let safe = try await verify(surplus, layout)
            try await gate.hold {
                guard around.book.current.epoch == layout.epoch else { throw RepairFailure.superseded }
                try await around.disk.drop(safe.map(\.name))
            }
            around.counters.surplusDropped.add(UInt64(safe.count))
            result.dropped += safe.count
            result.kept += surplus.count - safe.count
            place = page.next
        } while place != nil
        return result
    }

    /// Partitions with rows that some bucket does not want here.
    private func suspects(_ layout: Layout) -> LeafSet {
        let fewest = layout.spans(bases: around.wishes.copiesInUse).map(\.now).min() ?? Layout.copiesDefault
        let roots = around.disk.roots()
        let partitions = (0..<Partition.count).map { Partition(number: UInt16($0)) }.filter { partition in
            if let roots, roots[Int(partition.number)] == .zero { return false }
            return !layout.holders(of: partition, copies: fewest).contains(around.own)
        }
        return LeafSet(partitions)
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
