import Hummingbird
import Mesh
import Swim

/// What an operator orders about the places of nodes.
extension AdminFace {
    func addOrders(to api: RouterGroup<AdminContext>) {
        api.post("cluster/nodes/remove") { request, context in
            let removal = try await Self.body(NodesRemoval.self, of: request)
            guard (1...Self.removedMax).contains(removal.nodes.count) else {
                throw AdminError(.badRequest, "invalid", "name 1 to \(Self.removedMax) nodes")
            }
            var ids: Set<NodeID> = []
            for name in removal.nodes { ids.insert(try await nodeID(name)) }
            return try await order(request, context, isForced: removal.force ?? false, [.remove(ids)])
        }
        let nodes = api.group("cluster/nodes/:name")
        nodes.post("drain") { request, context in try await order(request, context) { .drain($0) } }
        nodes.post("resume") { request, context in try await order(request, context) { .resume($0) } }
        nodes.post("join") { request, context in try await order(request, context) { .join($0) } }
        nodes.post("remove") { request, context in
            let removal = try await Self.body(NodeRemoval.self, of: request)
            return try await order(request, context, isForced: removal.force ?? false) { .remove([$0]) }
        }
        nodes.post("forget") { request, context in
            let removal = try await Self.body(NodeRemoval.self, of: request)
            return try await order(request, context, isForced: removal.force ?? false) { .forget($0) }
        }
        nodes.post("replace") { request, context in
            let replacement = try await Self.body(NodeReplacement.self, of: request)
            let heir = try await nodeID(replacement.with)
            return try await order(request, context, isForced: replacement.force ?? false) { .replace($0, by: heir) }
        }
        nodes.patch { request, context in
            let change = try await Self.body(NodeChange.self, of: request)
            let label = try await labelling(change, context)
            let wishes: [@Sendable (NodeID) -> LayoutWish] = [
                change.weight.map { weight in { @Sendable in .weight($0, weight) } },
                change.zone.map { zone in { @Sendable in .zone($0, zone) } },
            ].compactMap(\.self)
            guard !wishes.isEmpty || label != nil else {
                throw AdminError(.badRequest, "invalid", "give a weight, a zone, a name or metadata")
            }
            if let zone = change.zone, !SettingKind.isName(zone) {
                throw AdminError(.badRequest, "invalid", "a zone is \(SettingKind.name.allowed)")
            }
            if let label, try !AuditTrail.isPreview(request) {
                let message = try await self.label(label)
                if wishes.isEmpty {
                    return try Self.yes(OrderAnswer(message: message, epoch: node.currentLayout?.epoch ?? 0))
                }
            }
            return try await order(request, context, wishes: wishes)
        }
    }

    /// As many as a mesh may have.
    private static let removedMax = 4_096

    /// A majority of the voters is given up: the last way out, for who has read what it costs.
    func addRecovery(to layout: RouterGroup<AdminContext>) {
        layout.post("recover") { request, _ in
            let order = try await Self.body(NodeRemoval.self, of: request)
            guard let cluster = node.cluster else {
                throw AdminError(.conflict, "left", "this node takes no part in a mesh: ask another one")
            }
            let answer = await cluster.conduct.recover(isForced: order.force ?? false)
            let facts = await ClusterBoard(node: node).look(asksOthers: false).facts
            return try Self.yes(OrderAnswer(message: OrderText(facts: facts).recovery(answer), epoch: facts.epoch))
        }
    }

    private func order(
        _ request: Request,
        _ context: AdminContext,
        isForced: Bool = false,
        _ wish: @escaping @Sendable (NodeID) -> LayoutWish
    ) async throws -> Response {
        try await order(request, context, isForced: isForced, wishes: [wish])
    }

    private func order(
        _ request: Request,
        _ context: AdminContext,
        isForced: Bool = false,
        wishes: [@Sendable (NodeID) -> LayoutWish]
    ) async throws -> Response {
        let id = try await nodeID(context.parameters.require("name"))
        return try await order(request, context, isForced: isForced, wishes.map { $0(id) })
    }

    /// One after the other; none of them when only a preview is asked for.
    func order(
        _ request: Request,
        _ context: AdminContext,
        isForced: Bool,
        _ wishes: [LayoutWish]
    ) async throws -> Response {
        guard !isForced || context.role == .admin else {
            throw AdminError(.forbidden, "not_admin", "only an admin may use force: it can lose data")
        }
        if let preview = try await preview(request, wishes) { return preview }
        var sentences: [String] = []
        for wish in wishes {
            let facts = await ClusterBoard(node: node).look(asksOthers: false).facts
            let text = OrderText(facts: facts)
            // What force will cost is told also to whom has decided already.
            let answer = try await node.wish(wish, isForced: false)
            guard case .needsForce(let loss) = answer, isForced else {
                sentences.append(try text.answer(wish, answer))
                continue
            }
            let forced = try await node.wish(wish, isForced: true)
            sentences.append(try text.answer(wish, forced, loss: loss))
        }
        let epoch = node.currentLayout?.epoch ?? 0
        return try Self.yes(OrderAnswer(message: sentences.joined(separator: " "), epoch: epoch))
    }
}

/// What an operator is told of his order.
struct OrderText {
    let facts: ClusterFacts

    /// Throws when the order was refused.
    func answer(
        _ wish: LayoutWish,
        _ answer: LayoutConduct.WishAnswer,
        loss: WishLoss? = nil
    ) throws(AdminError) -> String {
        switch answer {
        case .decided(let notes):
            let lost = loss.map { ["This is lost:"] + $0.sentences } ?? []
            return ([begun(wish) + ": `meshd layout` shows how far it is."] + lost + notes).map(named)
                .joined(separator: " ")
        case .alreadySo: return "It is so already, or under way."
        case .undecided:
            return "It is proposed, and the voters do not answer yet: it goes on by itself when most of them do."
        case .needsForce(let loss):
            let reasons = loss.sentences.joined(separator: " ")
            throw AdminError(.conflict, "would_lose", named("\(reasons) With --force it is done all the same."))
        case .refused(let reason): throw AdminError(.conflict, "refused", named(reason))
        }
    }

    /// The same for a recovery.
    func recovery(_ answer: LayoutConduct.RecoveryAnswer) throws(AdminError) -> String {
        switch answer {
        case .begun(let without, let loss, let untold):
            var sentences = ["A new history of the layout begins without \(names(without))."] + Self.losses(loss)
            if !untold.isEmpty { sentences.append("\(names(untold)) did not take it up yet and will.") }
            let gone = names(without)
            sentences.append("\(gone) must not come back with what they had: start them on empty directories.")
            return named(sentences.joined(separator: " "))
        case .needsForce(let without, let loss):
            let sentences =
                ["\(names(without)) would be given up for good: most voters are gone, and the others begin anew."]
                + Self.losses(loss)
                + ["If they can come back, let them. With --force it is done."]
            throw AdminError(.conflict, "would_lose", named(sentences.joined(separator: " ")))
        case .refused(let reason): throw AdminError(.conflict, "refused", named(reason))
        }
    }

    private static func losses(_ loss: WishLoss) -> [String] {
        let objects = loss.isEmpty ? ["No object is lost: the others are enough to know them all."] : loss.sentences
        return objects + ["The latest changes of buckets, access keys and settings may be lost."]
    }

    private func names(_ nodes: [NodeID]) -> String { nodes.map(facts.name).joined(separator: ", ") }

    private func begun(_ wish: LayoutWish) -> String {
        switch wish {
        case .join(let id): "\(id) is let in"
        case .drain(let id): "\(id) gives all that it holds to others"
        case .resume(let id): "\(id) gets its share again"
        case .remove(let ids):
            ids.map(\.description).sorted().joined(separator: " and ")
                + (ids.count == 1 ? " loses its place" : " lose their places")
        case .replace(let id, let heir): "\(heir) takes over what \(id) held"
        case .weight(let id, let weight): "the weight of \(id) becomes \(weight)"
        case .zone(let id, let zone): "the zone of \(id) becomes \(zone)"
        case .copies(_, _, let wanted): "the bucket gets \(Self.copies(wanted))"
        case .move(_, _, let scope): "the bucket moves to \(Self.place(scope))"
        case .forget(let id): "what the former store of \(id) held is given up"
        }
    }

    private static func place(_ scope: Pool.Scope?) -> String {
        switch scope {
        case .nodes(let nodes): nodes.map(\.description).sorted().joined(separator: ", ")
        case .zones(let zones):
            (zones.count == 1 ? "the zone " : "the zones ") + zones.sorted().joined(separator: ", ")
        case nil: "the nodes of the whole mesh"
        }
    }

    private static func copies(_ count: Int) -> String { count == 1 ? "1 copy" : "\(count) copies" }

    /// People know nodes by their names.
    func named(_ text: String) -> String {
        facts.nodes.reduce(text) { $0.replacing($1.id.description, with: $1.name) }
    }
}
