internal import Store
package import Swim

/// Names a pool of a layout; when that is gone, another one may get the number.
package struct PoolID: RawRepresentable, Sendable, Hashable {
    /// All nodes: the pool of every bucket that nobody moved.
    package static let whole = PoolID(rawValue: 0)

    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// Some of the mesh's nodes, to which buckets were moved: a list of slots of its own for each partition, placed over
/// these nodes alone. Part of the layout and joint like its main table, since two holders of one pool and two of another
/// need not meet.
package struct Pool: Sendable, Hashable {
    /// Which nodes.
    package enum Scope: Sendable, Hashable {
        case nodes(Set<NodeID>)
        /// All nodes of these zones, those that come later too.
        case zones(Set<String>)

        /// Nodes or zones that one pool names.
        package static let countMax = 32

        package func contains(_ member: LayoutMember) -> Bool {
            switch self {
            case .nodes(let nodes): nodes.contains(member.node)
            case .zones(let zones): zones.contains(member.zone)
            }
        }

        /// Without nodes that are none of these.
        func among(_ known: Set<NodeID>) -> Scope {
            guard case .nodes(let nodes) = self else { return self }
            return .nodes(nodes.intersection(known))
        }

        /// Who takes over a node's places takes over its place in here.
        func inherited(_ heirs: [NodeID: NodeID]) -> Scope {
            guard case .nodes(let nodes) = self else { return self }
            return .nodes(Set(nodes.map { heirs[$0] ?? $0 }))
        }
    }

    /// A layout travels with refusals: it stays small.
    package static let countMax = 8

    package let id: PoolID
    package let scope: Scope
    /// Nil: buckets are only being moved here.
    package let current: SlotTable?
    /// What is being moved to in a joint layout; nil there: buckets are only being moved away. The voters of pools are
    /// those of the layout: their tables name none.
    package let next: SlotTable?

    package init(id: PoolID, scope: Scope, current: SlotTable?, next: SlotTable?) {
        self.id = id
        self.scope = scope
        self.current = current
        self.next = next
    }

    /// What is being moved to, or is.
    package var target: SlotTable? { next ?? current }

    /// Both tables, where there are two.
    var tables: [SlotTable] { [current, next].compactMap(\.self) }

    func with(next: SlotTable?) -> Pool {
        Pool(id: id, scope: scope, current: current, next: next)
    }

    /// Whether a partition has other holders when the change is over. Where a table is missing its buckets change too.
    func hasMoved(_ partition: Partition) -> Bool {
        guard let current, let next else { return false }
        return current.list(partition) != next.list(partition)
    }

    /// The slots of all partitions on the scope's nodes; nil: none of them may hold anything.
    ///
    /// - Parameters:
    ///   - all: the layout's members; `eligible`: the indices of those that may hold something.
    ///   - previous: what was being moved to, and `base`: what is now, both by indices in `all`.
    static func table(
        of scope: Scope,
        _ all: [LayoutMember],
        eligible: [Int],
        previous: SlotTable?,
        base: SlotTable?
    ) -> SlotTable? {
        let inside = eligible.filter { scope.contains(all[$0]) }
        guard !inside.isEmpty else { return nil }
        var position = [UInt8](repeating: SlotTable.none, count: all.count)
        for (index, place) in inside.enumerated() { position[place] = UInt8(index) }
        func within(_ table: SlotTable?) -> SlotTable? { table?.mapped { position[Int($0)] } }
        let placed = Placement.table(
            nodes: Placement.nodes(inside.map { all[$0] }),
            previous: within(previous),
            base: within(base)
        )
        return SlotTable(width: placed.width, slots: placed.slots.map { UInt8(inside[Int($0)]) }, voters: [])
    }
}
