internal import Store
internal import Swim

/// What an order would do to keys whose holders are not all there.
extension Layout {
    /// Whether a wish takes places from none but those who are away: that makes it worse for nobody.
    func givesUpTheDead(_ wish: LayoutWish, _ around: LayoutSurroundings) -> Bool {
        func isAway(_ node: NodeID) -> Bool { member(node).map { !around.isAlive($0) } ?? true }
        return switch wish {
        case .remove(let nodes): nodes.allSatisfy(isAway)
        case .replace(let node, _), .forget(let node): isAway(node)
        case .join, .drain, .resume, .weight, .zone, .copies, .move: false
        }
    }

    /// Who is away of those without whom a partition that has a majority now, that of small state included, has none
    /// after this step. Where that is small state, nobody could even take the step back.
    func missing(after next: Layout, _ around: LayoutSurroundings) -> [NodeID] {
        let (living, livingNext) = (living(around), next.living(around))
        guard livingNext.count < next.targets.count else { return [] }
        var missing: Set<NodeID> = []
        for number in 0..<Partition.all {
            let partition = Partition(number: UInt16(number))
            for pair in spans(around, and: next) {
                let after = next.holders(of: partition, copies: pair.then)
                guard !after.isQuorum(livingNext), holders(of: partition, copies: pair.now).isQuorum(living) else {
                    continue
                }
                missing.formUnion(after.everyone.filter { !livingNext.contains($0) })
            }
        }
        return missing.sorted()
    }

    /// Spreads of which some keys have no majority of living holders when this node is away, too; small state counts as
    /// one of each.
    func spreadsBereft(without node: NodeID, _ around: LayoutSurroundings) -> [Spread] {
        let rest = living(around).filter { $0 != node }
        let bereft = spans(bases: Set(around.copiesInUse)).filter { span in
            (0..<Partition.all).contains { number in
                !holders(of: Partition(number: UInt16(number)), copies: span).isQuorum(rest)
            }
        }
        return Set(bereft.map(\.now)).sorted()
    }

    /// How buckets are spread here, and how the same are in the layout behind this one.
    private func spans(_ around: LayoutSurroundings, and next: Layout) -> Set<SpanPair> {
        let buckets = Set(spreads.map { SpanPair(now: $0.span, then: next.span(of: $0.bucket, base: $0.base)) })
        let others = next.spreads.map { SpanPair(now: span(of: $0.bucket, base: $0.base), then: $0.span) }
        let untouched = around.copiesInUse.map { SpanPair(now: CopySpan($0), then: CopySpan($0)) }
        return buckets.union(others).union(untouched)
    }

    private struct SpanPair: Hashable {
        let now: CopySpan
        let then: CopySpan
    }

    private func living(_ around: LayoutSurroundings) -> [NodeID] { targets.filter(around.isAlive).map(\.node) }
}
