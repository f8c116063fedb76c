import Mesh
import NIOHTTP1
import Swim
import Testing

@testable import meshd

/// What people call a node and note about it.
@Suite struct LabelTests {
    @Test("labels come back whole, and nothing else is one")
    func codec() throws {
        let node = NodeID(high: 7, low: 9)
        let labels = [
            NodeLabel(node: node), NodeLabel(node: node, name: "cellar"),
            NodeLabel(node: node, metadata: ["rack": "3", "owner": "Ada, of the second floor", "å": "ö=ü"]),
        ]
        for label in labels {
            let bytes = label.encoded
            #expect(NodeLabel(encoded: bytes) == label)
            for count in 0..<bytes.count {
                if let cut = NodeLabel(encoded: Array(bytes.prefix(count))) { #expect(cut.encoded.count == count) }
            }
            #expect(NodeLabel(encoded: bytes + [9, 0, 0]) == nil)
        }
        #expect(NodeLabel.objection(to: ["": "x"]) != nil && NodeLabel.objection(to: ["x": ""]) != nil)
        #expect(NodeLabel.objection(to: ["x": "a\nb"]) != nil && NodeLabel.objection(to: ["x": "a b"]) == nil)
        let many = Dictionary(uniqueKeysWithValues: (0...NodeLabel.metadataMax).map { ("\($0)", "x") })
        #expect(NodeLabel.objection(to: many) != nil)
    }

    @Test("a node is called otherwise and noted about, in one call or two, and back")
    func calls() async throws {
        try await LiveNode.run { node in
            let client = try node.client()
            func change(_ change: NodeChange, _ name: String) async throws -> OrderAnswer {
                let body = try JSON.bytes(change)
                return try await client.call(.PATCH, "cluster/nodes/\(name)", body: body, as: OrderAnswer.self)
            }
            func named(_ name: String) async throws -> ClusterNode {
                for _ in 0..<100 {
                    let known = try await client.call(.GET, "cluster/nodes", as: ClusterNodes.self).nodes[0]
                    if known.name == name { return known }
                    try await Task.sleep(for: .milliseconds(100))
                }
                throw CommandFailure("it is not called \(name)")
            }
            let before = try await client.call(.GET, "cluster/nodes", as: ClusterNodes.self).nodes[0]
            let notes = ["rack": "3", "owner": "<b>Ada</b>"]
            _ = try await change(NodeChange(name: "cellar", metadata: notes), before.id)
            #expect(try await named("cellar").metadata == notes)
            #expect(try await client.call(.GET, "status", as: StatusAnswer.self).name == "cellar")
            _ = try await change(NodeChange(metadata: [:]), "cellar")
            #expect(try await named("cellar").metadata == nil)
            _ = try await change(NodeChange(name: ""), before.id)
            _ = try await named(before.name)
            for bad in [NodeChange(name: "two words"), NodeChange(metadata: ["": "x"]), NodeChange()] {
                await #expect(throws: (any Error).self) { try await change(bad, before.id) }
            }
        }
    }
}
