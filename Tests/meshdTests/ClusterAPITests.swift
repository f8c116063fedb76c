import ArgumentParser
import Foundation
import NIOHTTP1
import Store
import Swim
import Testing

@testable import Mesh
@testable import meshd

/// The cluster calls of a node that is alone, and what they say for people.
@Suite(.serialized) struct ClusterAPITests {
    @Test("a node alone is a healthy mesh of one, and says so on every call")
    func alone() async throws {
        try await LiveNode.run { live in
            let client = try live.client()
            let status = try await client.call(.GET, "cluster/status", as: ClusterAnswer.self)
            #expect(!status.enabled && status.mode == "standalone" && status.health == "healthy")
            #expect(status.nodes.map(\.name) == ["n1"] && status.features["replication"] == true)
            let health = try await client.call(.GET, "cluster/health", as: ClusterHealth.self)
            #expect(health.sentence == "healthy: one node holds everything" && health.findings.isEmpty)
            let nodes = try await client.call(.GET, "cluster/nodes", as: ClusterNodes.self)
            #expect(nodes.nodes.count == 1 && nodes.nodes[0].role == "holder" && nodes.nodes[0].share == 1)
            #expect(nodes.nodes[0].condition?.isReady == true)
            let machine = try #require(nodes.nodes[0].condition?.machine)
            #expect((machine.residentBytes ?? 0) > 1 << 20 && (machine.cores ?? 0) > 0 && machine.load != nil)
            #expect((machine.memoryBytes ?? 0) > machine.memoryFreeBytes ?? .max)
            let shown = try await client.call(.GET, "cluster/nodes/n1", as: ClusterNode.self)
            #expect(shown.id == live.node.identity.id.description)
            let layout = try await client.call(.GET, "cluster/layout", as: LayoutAnswer.self)
            #expect(layout.layout.epoch == 1 && !layout.layout.isChanging && layout.movement == nil)
            #expect(MovementText.layout(layout).hasPrefix("epoch 1, stable"))
            let ring = try await client.call(.GET, "cluster/ring", as: LayoutReport.self)
            #expect(ring.members.map(\.name) == ["n1"] && MovementText.ring(ring).contains("100.0 %"))
            #expect(try await client.call(.GET, "cluster/movements", as: MovementsAnswer.self).movements.isEmpty)
            let repair = try await client.call(.GET, "cluster/repair", as: RepairAnswer.self)
            #expect(repair.silent.isEmpty && !MovementText.repair(repair, at: 0).isEmpty)
            #expect(try await client.call(.GET, "cluster/metrics", as: ClusterMetrics.self).nodes.count == 1)
            let own = try await client.call(.GET, "status", as: StatusAnswer.self)
            #expect(own.ready && own.cluster.level == .healthy && own.mode == "standalone")
        }
    }

    @Test("where a key is: one holder that has it, or has never heard of it")
    func whereAlone() async throws {
        try await LiveNode.run { live in
            let client = try live.client()
            let new = try JSON.bytes(NewBucket(name: "photos"))
            _ = try await client.call(.POST, "buckets", body: new, as: BucketAnswer.self)
            let path = "cluster/where?bucket=photos&key=a%2Fb%20c%252F"
            let report = try await client.call(.GET, path, as: WhereReport.self)
            #expect(report.key == "a/b c%2F" && report.holders.map(\.name) == ["n1"] && report.newest == nil)
            for wrong in ["where", "where?bucket=photos", "where?bucket=nothing&key=k", "nodes/nobody"] {
                await #expect(throws: CommandFailure.self, "\(wrong)") {
                    _ = try await client.call(.GET, "cluster/" + wrong, as: WhereReport.self)
                }
            }
        }
    }

    @Test("the health comes first, each trouble with its advice")
    func healthText() {
        let health = ClusterHealth(
            level: .degraded,
            sentence: "degraded: attic is dead",
            findings: [
                .init("holder-dead", .warning, ["attic"], "attic is dead\u{1B}[2J", advice: "start it again"),
                .init("hints", .note, ["attic"], "412 objects wait for attic"),
            ]
        )
        let lines = ClusterText.health(health).split(separator: "\n")
        #expect(lines.count == 4 && lines[0] == "degraded: attic is dead" && lines[2] == "      start it again")
        #expect(lines[3] == "  note: 412 objects wait for attic" && !lines[1].contains("\u{1B}"))
    }

    @Test("where a key is reads as one line and one row for each holder")
    func whereText() {
        var attic = WhereReport.Holder(name: "attic", id: "a", zone: "", role: .current)
        attic.silence = "timed out"
        var cellar = WhereReport.Holder(name: "cellar", id: "c", zone: "z", role: .both)
        cellar.rows = [.init(stamp: "02", millis: 1, kind: "object", size: 2_048, hasBytes: true)]
        cellar.hintsFor = ["attic"]
        let report = WhereReport(
            bucket: "photos",
            key: "a/b",
            partition: 17,
            epoch: 4,
            copiesWanted: 3,
            holders: [attic, cellar]
        )
        let lines = ClusterText.holders(report).split(separator: "\n").map(String.init)
        #expect(lines[0] == "photos/a/b  partition 17  epoch 4  wants 3 copies")
        #expect(lines[1].contains("attic did not answer") && lines[3].hasSuffix("timed out"))
        #expect(lines[4].contains("2.0KiB") && lines[4].hasSuffix("keeps a hint for attic"))
    }

    @Test("the object of `where` is cut at its first slash")
    func objects() throws {
        let command = try #require(try Meshd.parseAsRoot(["where", "b/a/c d"]) as? WhereCommand)
        let (bucket, key) = try command.parts()
        #expect(bucket == "b" && key == "a/c d")
    }
}

/// What an operator is told of his orders.
@Suite struct OrderTextTests {
    private let attic = NodeID(high: 1, low: 0)

    private var text: OrderText {
        var facts = ClusterFacts(ownID: attic, nowMillis: 0)
        facts.nodes = [ClusterFacts.Node(id: attic, name: "attic")]
        return OrderText(facts: facts)
    }

    @Test("what is begun, what it costs and what is refused is said with names, not with ids")
    func sentences() throws {
        let loss = WishLoss(node: attic, lost: [3: 12], doubtful: [:])
        let begun = try text.answer(.drain(attic), .decided(notes: ["Buckets will have 2 copies."]))
        #expect(begun.hasPrefix("attic gives all that it holds to others: `meshd layout`"))
        #expect(begun.hasSuffix(" Buckets will have 2 copies."))
        let forced = try text.answer(.remove([attic]), .decided(notes: []), loss: loss)
        #expect(forced.contains("This is lost: Buckets with 3 copies lose everything in 12 of 1024 partitions"))
        #expect(try text.answer(.drain(attic), .undecided).hasPrefix("It is proposed"))
        #expect(try text.answer(.resume(attic), .alreadySo) == "It is so already, or under way.")
        let refused = #expect(throws: AdminError.self) {
            _ = try text.answer(.drain(attic), .refused("\(attic) is the last node that holds anything."))
        }
        #expect(refused?.fault.message == "attic is the last node that holds anything.")
        let costly = #expect(throws: AdminError.self) { _ = try text.answer(.remove([attic]), .needsForce(loss)) }
        #expect(costly?.fault.code == "would_lose" && costly?.fault.message.contains("--force") == true)
    }
}
