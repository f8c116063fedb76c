import Hummingbird
import Logging
import Mesh

/// Enlarging the mesh as one act that succeeds or leaves no trace.
extension AdminFace {
    func addActivation(to api: RouterGroup<AdminContext>) {
        let activation = api.group("cluster/activation")
        activation.get { _, _ in try Self.yes(ActivationState(activation: node.activation.answer)) }
        activation.post { request, context in
            let order = try await Self.body(ActivationOrder.self, of: request)
            let answer = try await node.activation.begin(order, on: node)
            Logger(label: "meshd").notice(
                "an activation begins",
                metadata: ["nodes": "\(answer.nodes.map(\.name).joined(separator: ", "))", "from": "\(context.from)"]
            )
            return try Self.yes(ActivationState(activation: answer), status: .accepted)
        }
        activation.post("cancel") { _, context in
            let answer = try node.activation.cancel()
            Logger(label: "meshd").notice("an activation is cancelled", metadata: ["from": "\(context.from)"])
            return try Self.yes(ActivationState(activation: answer))
        }
    }
}
