package import Swim

/// Changes by name, for whoever has checked that they are wanted. Nil when nobody could hold anything.
extension Layout {
    package func adding(_ newcomers: [LayoutMember], lastTime: UInt64 = 0) -> Layout? {
        let nodes = Set(newcomers.map(\.node))
        return changed(to: targets.filter { !nodes.contains($0.node) } + newcomers, lastTime: lastTime)
    }

    /// They give away what they hold and are dropped when the change is over.
    package func removing(_ nodes: Set<NodeID>) -> Layout? {
        changed(to: targets.map { nodes.contains($0.node) ? $0.with(state: .leaving) : $0 })
    }

    /// They give away what they hold and stay as members that hold nothing.
    package func draining(_ nodes: Set<NodeID>) -> Layout? {
        changed(to: targets.map { nodes.contains($0.node) ? $0.with(state: .draining) : $0 })
    }

    /// They hold their share again.
    package func resuming(_ nodes: Set<NodeID>) -> Layout? {
        changed(to: targets.map { nodes.contains($0.node) ? $0.with(state: .active) : $0 })
    }

    /// The heir takes over the places of `node`, which is dropped when the change is over.
    package func replacing(_ node: NodeID, by heir: LayoutMember) -> Layout? {
        let left = targets.filter { $0.node != heir.node }.map { $0.node == node ? $0.with(state: .leaving) : $0 }
        return changed(to: left + [heir], heirs: [node: heir.node])
    }

    package func setting(_ node: NodeID, weight: UInt32? = nil, zone: String? = nil) -> Layout? {
        changed(
            to: targets.map { member in
                guard member.node == node else { return member }
                var member = member
                member.weight = weight ?? member.weight
                member.zone = zone ?? member.zone
                return member
            }
        )
    }
}
