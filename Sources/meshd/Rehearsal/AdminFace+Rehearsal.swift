import Hummingbird
import Logging
import Mesh

/// "Pull the plug": one node plays dead, and the others prove that nothing fails.
extension AdminFace {
    func addRehearsal(to api: RouterGroup<AdminContext>) {
        let rehearsal = api.group("cluster/rehearsal")
        rehearsal.get { _, _ in try Self.yes(RehearsalState(rehearsal: node.rehearsals.report)) }
        rehearsal.post { request, context in
            let order = try await Self.body(RehearsalOrder.self, of: request)
            let report = try await node.rehearsals.begin(order, nodeID(order.node), on: node)
            Logger(label: "meshd").notice(
                "a rehearsal begins",
                metadata: ["node": "\(report.node)", "seconds": "\(report.seconds)", "from": "\(context.from)"]
            )
            return try Self.yes(RehearsalState(rehearsal: report), status: .accepted)
        }
    }
}
