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
        case .join, .drain, .resume, .weight, .zone, .copies: false
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
            for copies in around.copiesInUse {
                let after = next.holders(of: partition, copies: copies)
                guard !after.isQuorum(livingNext), holders(of: partition, copies: copies).isQuorum(living) else {
                    continue
                }
                missing.formUnion(after.everyone.filter { !livingNext.contains($0) })
            }
        }
        return missing.sorted()
    }

    /// Numbers of copies with which some keys have no majority of living holders when this node is away, too; small state
    /// counts as one of them.
    func copiesBereft(without node: NodeID, _ around: LayoutSurroundings) -> [Int] {
        let rest = living(around).filter { $0 != node }
        return around.copiesInUse.filter { copies in
            (0..<Partition.all).contains { number in
                !holders(of: Partition(number: UInt16(number)), copies: copies).isQuorum(rest)
            }
        }
    }

    private func living(_ around: LayoutSurroundings) -> [NodeID] { targets.filter(around.isAlive).map(\.node) }
}
