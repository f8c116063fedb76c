package import Store
package import Swim

/// What a change of the layout moves: for each store the partitions that it gains, keeps and loses.
package struct LayoutMovement: Sendable, Hashable {
    package struct Share: Sendable, Hashable {
        package let member: LayoutMember
        /// To be fetched from others.
        package var gains: [Partition] = []
        package var keeps: [Partition] = []
        /// Surplus as soon as the change is over.
        package var loses: [Partition] = []
    }

    /// In the order of the layout's members.
    package let shares: [Share]
    /// Partition copies that come to a store that did not have them.
    package let movedCopies: Int
    /// The fewest that would have to, with every share at its ideal.
    package let idealCopies: Int

    /// For buckets of the whole mesh that want so many copies; of a stable layout nothing moves.
    package init(_ layout: Layout, copies: Int = Layout.copiesDefault) {
        self.init(layout, CopySpan(copies))
    }

    /// For the buckets that are where this says.
    package init(_ layout: Layout, _ span: CopySpan) {
        var shares = layout.members.map { Share(member: $0) }
        for number in 0..<Partition.count {
            let partition = Partition(number: UInt16(number))
            let now = layout.table(of: span.now.pool).keepers(partition, copies: span.now.copies)
            let then = layout.target(of: span.next.pool).keepers(partition, copies: span.next.copies)
            for entry in then where entry != SlotTable.none {
                if now.contains(entry) {
                    shares[Int(entry)].keeps.append(partition)
                } else {
                    shares[Int(entry)].gains.append(partition)
                }
            }
            for entry in now where entry != SlotTable.none && !then.contains(entry) {
                shares[Int(entry)].loses.append(partition)
            }
        }
        self.shares = shares
        movedCopies = shares.reduce(0) { $0 + $1.gains.count }
        let ideal = layout.fairShares(of: span.next)
        var missing = 0
        for (index, share) in shares.enumerated() {
            missing += max(0, ideal[index] - (share.keeps.count + share.loses.count) * FairShare.unit)
        }
        idealCopies = layout.isJoint ? (missing + FairShare.unit / 2) / FairShare.unit : 0
    }

    package func share(of node: NodeID) -> Share? { shares.last { $0.member.node == node } }
}

extension Layout {
    /// For each member what it should hold of buckets that are spread like this, in 1,024ths of a partition.
    func fairShares(of spread: Spread) -> [Int] {
        let scope = pool(spread.pool)?.scope
        let places = eligible.filter { scope?.contains(members[$0]) ?? true }
        var shares = [Int](repeating: 0, count: members.count)
        guard !places.isEmpty else { return shares }
        let nodes = Placement.nodes(places.map { members[$0] })
        let zones = nodes.reduce(0) { max($0, $1.zone + 1) }
        var sizes = [Int](repeating: 0, count: zones)
        for node in nodes { sizes[node.zone] += 1 }
        let possible = min(spread.copies, nodes.count)
        let levels = ZoneLevels(sizes: sizes, copies: possible)
        let fair = FairShare.shares(nodes, zones: zones, levels: levels, copies: possible)
        for (place, share) in zip(places, fair) { shares[place] = share }
        return shares
    }
}
