internal import Store
internal import Swim

/// Who holds what, as one look saw it.
struct LayoutSight: Sendable {
    let own: NodeID
    /// This node holds everything, and decides alone.
    let isSole: Bool
    /// Those with the bytes of a key, in the order of their slots: they work at it.
    let keepers: @Sendable (RowAddress) -> [NodeID]
    /// All that have its rows, and so its entry.
    let everyone: @Sendable (RowAddress) -> [NodeID]
    let isUsable: @Sendable (NodeID) -> Bool
}

extension Coordinator {
    /// Nil while this node does not know the layout, or has no place in it.
    func layoutSight(_ isUsable: @escaping @Sendable (NodeID) -> Bool) -> LayoutSight? {
        guard let mesh, mesh.isReady() else { return nil }
        let layout = mesh.book.current
        let own = mesh.holders.own
        guard layout.member(own) != nil else { return nil }
        return LayoutSight(
            own: own,
            isSole: layout.isSole == own,
            keepers: { [weak self] address in self?.holders(of: address, layout).keepers ?? [] },
            everyone: { [weak self] address in self?.holders(of: address, layout).everyone ?? [] },
            isUsable: isUsable
        )
    }
}
