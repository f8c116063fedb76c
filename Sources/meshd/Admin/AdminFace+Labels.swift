import Hummingbird
import Mesh
import Swim

/// Names and notes of nodes.
extension AdminFace {
    /// A change of what a node is called, or of what is noted about it.
    struct Labelling: Sendable {
        let node: NodeID
        let name: String?
        let metadata: [String: String]?
    }

    /// Nil: nothing of the kind is asked for. Throws when it cannot be.
    func labelling(_ change: NodeChange, _ context: AdminContext) async throws -> Labelling? {
        guard change.name != nil || change.metadata != nil else { return nil }
        let id = try await nodeID(context.parameters.require("name"))
        if let name = change.name, !name.isEmpty {
            guard SettingKind.isName(name) else {
                throw AdminError(.badRequest, "invalid", "a name is \(SettingKind.name.allowed)")
            }
            let facts = await ClusterBoard(node: node).look(asksOthers: false).facts
            if let other = facts.nodes.first(where: { $0.name == name && $0.id != id }) {
                throw AdminError(.conflict, "name_taken", "another node is called \(name): \(other.id)")
            }
        }
        if let objection = change.metadata.flatMap(NodeLabel.objection) {
            throw AdminError(.badRequest, "invalid", objection)
        }
        return Labelling(node: id, name: change.name, metadata: change.metadata)
    }

    /// In one sentence what is so now.
    func label(_ change: Labelling) async throws -> String {
        func apply(_ label: inout NodeLabel) {
            if let wanted = change.name { label.name = wanted.isEmpty ? nil : wanted }
            if let metadata = change.metadata { label.metadata = metadata }
        }
        var label = NodeLabel(node: change.node)
        do {
            // Of two who change different things at once neither is lost.
            label = try await node.labels.update(label.registerName) { apply(&$0) }
        } catch RegisterError.missing {
            apply(&label)
            try await node.labels.add(label)
        }
        guard change.name != nil else { return "It is noted." }
        return label.name.map { "The node is called \($0): the others hear it in a moment." }
            ?? "The node is called as it is configured."
    }
}
