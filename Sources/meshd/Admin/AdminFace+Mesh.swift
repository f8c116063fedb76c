import Foundation
import Hummingbird
import Mesh
import Swim

/// Who is in the mesh, why this node thinks so, and what its operator orders.
extension AdminFace {
    func addMesh(to api: RouterGroup<AdminContext>) {
        let mesh = api.group("mesh")
        mesh.get("members") { _, _ in try await Self.yes(node.mesh().report()) }
        mesh.get("members/:name") { _, context in
            let id = try await node.mesh().find(Self.reference(context.parameters.require("name")))
            guard let line = try await node.mesh().report().members.first(where: { $0.id == id.description }) else {
                throw AdminError(.notFound, "no_such_node", "the member was forgotten while you asked")
            }
            return try Self.yes(line)
        }
        mesh.get("why/:name") { _, context in
            try await Self.yes(node.mesh().why(Self.reference(context.parameters.require("name"))))
        }
        mesh.get("agree") { _, _ in try await Self.yes(node.mesh().agree()) }
        mesh.get("diff") { request, _ in
            let query = request.uri.queryParameters
            let (a, b) = try (Self.reference(query.require("a")), Self.reference(query.require("b")))
            return try await Self.yes(node.mesh().diff(a, b))
        }
        mesh.post("probe") { request, _ in
            let order = try await Self.body(ProbeOrder.self, of: request)
            guard order.via == nil || order.from == nil else {
                throw AdminError(.badRequest, "invalid", "a probe goes via a node or starts from one, not both")
            }
            let to = try Self.reference(order.to)
            let (via, from) = try (order.via.map(Self.reference), order.from.map(Self.reference))
            return try await Self.yes(node.mesh().probe(to, via: via, from: from))
        }
        mesh.get("keys") { _, _ in try await Self.yes(node.mesh().epochs()) }
        mesh.get("decrees") { _, _ in try await Self.yes(DecreesAnswer(decrees: node.mesh().epochs().decrees)) }
        mesh.post("decrees") { request, _ in
            let new = try await Self.body(NewDecree.self, of: request)
            guard let bytes = Hex.decode(new.decree.utf8), let decree = Decree(bytes) else {
                throw AdminError(.badRequest, "bad_decree", "this is no decree in hexadecimal digits")
            }
            let secret = try new.secret.map { text in
                guard let bytes = Hex.decode(text.utf8), bytes.count == 32 else {
                    throw AdminError(.badRequest, "bad_secret", "the secret of an epoch is 64 hexadecimal digits")
                }
                return Secret(bytes: bytes)
            }
            try await node.mesh().decree(decree, secret: secret)
            return try Self.yes(Nothing())
        }
        mesh.post("leave") { _, _ in
            try await node.leaveMesh()
            return try Self.yes(LeaveAnswer(left: node.name))
        }
        mesh.get("doctor") { _, _ in try await Self.yes(DiagnosesAnswer(diagnoses: node.diagnose())) }
        mesh.get("doctor/all") { _, _ in try await Self.yes(diagnoseAll()) }
        mesh.get("token-material") { _, _ in try await Self.yes(material()) }
    }

    /// A name or the beginning of an id: short, and whatever else it is, it only has to fit a member's.
    private static func reference(_ text: String) throws -> NodeRef {
        guard (1...255).contains(text.utf8.count) else {
            throw AdminError(.badRequest, "invalid", "a node is named by its name or the first digits of its id")
        }
        return NodeRef(text.removingPercentEncoding ?? text)
    }

    func material() async throws -> TokenMaterial {
        let material = try await node.mesh().tokenMaterial()
        return TokenMaterial(
            adminPublicKey: Hex.encode(material.adminPublicKey),
            epoch: material.epoch,
            secret: Hex.encode(material.secret.revealedBytes),
            addresses: material.addresses
        )
    }

    /// What each node says of the ways to others; those that are away, too.
    private func diagnoseAll() async throws -> AllDiagnosesAnswer {
        let facts = await ClusterBoard(node: node).look(asksOthers: false).facts
        let known = facts.nodes.filter { $0.isMember || $0.isReachable }
        let answers = await node.ask(.diagnose, of: known.map(\.id))
        return AllDiagnosesAnswer(
            nodes: known.map { known in
                var line = AllDiagnosesAnswer.NodeDiagnoses(node: known.name, diagnoses: [])
                switch answers[known.id] {
                case .diagnoses(let found): line.diagnoses = found
                case .refused(let reason): line.silence = reason
                default: line.silence = "its answer is not understood"
                }
                return line
            }
        )
    }
}
