import Mesh
import NIOHTTP1
import Testing

@testable import meshd

/// The history and the previews of a real node.
@Suite struct HistoryAPITests {
    @Test("a history is there from the start, of this node and of all, and odd spans are refused")
    func history() async throws {
        try await LiveNode.run { live in
            let client = try live.client()
            for query in ["", "?span=24h", "?span=1h&of=all"] {
                let answer = try await client.call(.GET, "metrics/history" + query, as: HistoryAnswer.self)
                #expect(answer.of == ["n1"] && answer.silent.isEmpty)
                #expect(answer.seconds == (query == "?span=24h" ? 60 : 10))
            }
            for query in ["?span=2h", "?of=none"] {
                await #expect(throws: CommandFailure.self) {
                    _ = try await client.call(.GET, "metrics/history" + query, as: HistoryAnswer.self)
                }
            }
        }
    }

    @Test("a dry run tells what would be and changes nothing, and a refused order is refused in it too")
    func previews() async throws {
        try await LiveNode.run { live in
            let client = try live.client()
            let epoch = live.node.currentLayout?.epoch
            let weight = try JSON.bytes(NodeChange(weight: 7, zone: "attic"))
            let path = "cluster/nodes/n1"
            let preview = try await client.call(
                .PATCH,
                path + "?dry-run=true",
                body: weight,
                as: OrderPreview.self
            )
            #expect(preview.changes && preview.moves.isEmpty && !preview.needsForce)
            #expect(live.node.currentLayout?.epoch == epoch)
            let resumed = try await client.call(.POST, path + "/resume?dry-run=true", as: OrderPreview.self)
            #expect(!resumed.changes)
            await #expect(throws: CommandFailure.self) {
                _ = try await client.call(.POST, path + "/drain?dry-run=true", as: OrderPreview.self)
            }
            let audits = try await client.call(.GET, "events?kind=audit", as: EventsAnswer.self)
            #expect(audits.events.isEmpty)
        }
    }
}
