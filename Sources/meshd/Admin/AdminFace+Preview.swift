import Hummingbird
import Mesh
import Swim

/// What an order would do: asked with `?dry-run=true`, told without doing it.
extension AdminFace {
    /// Nil when the request is meant.
    func preview(_ request: Request, _ wishes: [LayoutWish]) async throws -> Response? {
        guard try AuditTrail.isPreview(request) else { return nil }
        guard let cluster = node.cluster else {
            throw AdminError(.conflict, "left", "this node takes no part in a mesh: ask another one")
        }
        let facts = await ClusterBoard(node: node).look().facts
        let text = OrderText(facts: facts)
        switch await cluster.conduct.preview(wishes, isForced: false) {
        case .propose(let layout, let notes):
            let bucket = await bucket(wishes, layout)
            return try Self.yes(OrderPreview(layout, notes: notes.map(text.named), bucket: bucket, facts: facts))
        case .alreadySo: return try Self.yes(OrderPreview(nil, facts: facts))
        case .needsForce(let loss):
            guard case .propose(let layout, let notes) = await cluster.conduct.preview(wishes, isForced: true) else {
                throw AdminError(
                    .conflict,
                    "refused",
                    "it would lose what nobody else has, and cannot be forced either"
                )
            }
            return try Self.yes(OrderPreview(layout, notes: notes.map(text.named), loss: loss, facts: facts))
        case .refused(let reason): throw AdminError(.conflict, "refused", text.named(reason))
        }
    }

    /// The bucket that is to move, when nothing else is asked for.
    private func bucket(_ wishes: [LayoutWish], _ layout: Layout) async -> OrderPreview.Bucket? {
        guard wishes.count == 1, case .move(let id, let base, _) = wishes[0] else { return nil }
        await node.lookAtUsage()
        return OrderPreview.Bucket(span: layout.span(of: id, base: base), usage: node.usage.usage(of: id))
    }
}
