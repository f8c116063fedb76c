import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// A holder that takes calls and never answers (a stopped process, a silent network) costs a moment, not a timeout: here
/// calls to it have none, so whoever waited for it would wait for ever.
@Suite(.serialized) struct StandstillTests {
    private static func draft(_ bucket: Bucket, _ key: String, _ size: Int, _ body: NewBody) -> Draft {
        Draft(
            bucket: bucket.id,
            key: Key(key),
            size: UInt64(size),
            etag: ETag(high: 1, low: 1),
            body: body,
            attributes: [],
            tags: []
        )
    }

    private static func put(_ bytes: [UInt8], _ key: String, _ bucket: Bucket, _ node: Coordinator) async throws {
        let sink = try node.makeBody(bucket.id, Key(key))
        var rest = ByteBuffer(bytes: bytes)
        while let chunk = rest.readSlice(length: min(rest.readableBytes, BlobWriter.chunkBytes)),
            chunk.readableBytes > 0
        {
            try await sink.append(chunk, observe: nil)
        }
        let outcome = try await node.commit(.put(draft(bucket, key, bytes.count, try await sink.finish()), .none))
        guard case .done = outcome else { Issue.record("a large put: \(outcome)"); return }
    }

    private static func get(_ key: String, _ bucket: Bucket, _ node: Coordinator) async throws -> [UInt8] {
        let found = try #require(try await node.find(bucket.id, Key(key), .current, body: true))
        let source = try await node.openBody(of: found.record)
        var read = ByteBuffer()
        while read.readableBytes < Int(found.record.size) {
            var piece = try await source.read(at: UInt64(read.readableBytes), limit: found.record.size)
            read.writeBuffer(&piece)
        }
        return Array(read.readableBytesView)
    }

    @Test("no request waits for a holder that stands still", .timeLimit(.minutes(3)))
    func standstill() async throws {
        let mesh = try await TestMesh(count: 3)
        let node = mesh.coordinators[0]
        func bucket(_ name: String) async throws -> Bucket {
            let id = BucketID.fresh(.random(in: 1 ... .max))
            let bucket = Bucket(id: id, name: name, createdMillis: 1, versioning: .off, settings: [])
            _ = try await node.commit(.createBucket(bucket))
            return bucket
        }
        let (used, empty) = (try await bucket("used"), try await bucket("empty"))
        let bytes = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        mesh.network.halt(mesh.nodes[1])
        let small = Self.draft(used, "a", 1, .inline(ByteBuffer(string: "a")))
        guard case .done = try await node.commit(.put(small, .absent)) else {
            Issue.record("a small put")
            return
        }
        try await Self.put(bytes, "large", used, node)
        let page = try await node.list(ListQuery(bucket: used.id, limit: 10))
        #expect(page.entries.count == 2)
        let read = try await Self.get("large", used, node)
        #expect(read == bytes)
        _ = try await node.commit(.delete(used.id, Key("no"), .none))
        guard case .done = try await node.commit(.deleteBucket(empty.id)) else {
            Issue.record("an empty bucket stays")
            return
        }
        await mesh.close()
    }

    @Test("bytes come from the next holder when the first one stands still", .timeLimit(.minutes(3)))
    func bytes() async throws {
        let mesh = try await TestMesh(count: 3)
        let id = BucketID.fresh(.random(in: 1 ... .max))
        let bucket = Bucket(id: id, name: "one", createdMillis: 1, versioning: .off, settings: [])
        _ = try await mesh.coordinators[0].commit(.createBucket(bucket))
        _ = try await mesh.coordinators[2].bucket(named: "one")
        let bytes = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 17 >> 2) }
        mesh.network.cut(mesh.nodes[2])
        try await Self.put(bytes, "large", bucket, mesh.coordinators[0])
        mesh.network.heal()
        // The third has to ask, and it asks the first one first.
        mesh.network.halt(mesh.nodes[0])
        let read = try await Self.get("large", bucket, mesh.coordinators[2])
        #expect(read == bytes)
        await mesh.close()
    }

    // MARK: The search for answers

    @Test("one that fails brings in the others, who are enough")
    func failure() async {
        let nodes = (1...3).map { NodeID(high: UInt64($0), low: 0) }
        let asked = Mutex<[NodeID]>([])
        let answers: [(node: NodeID, answer: Int)] = await gather(
            Array(nodes[..<2]),
            orElse: [nodes[2]],
            patienceMicros: 60_000_000,
            isEnough: { $0.count >= 2 }
        ) { node, done in
            asked.withLock { $0.append(node) }
            done(node == nodes[1] ? nil : 7)
        }
        #expect(answers.map(\.node) == [nodes[0], nodes[2]])
        #expect(asked.withLock { $0 } == nodes)
    }

    @Test("where all fail, nobody waits")
    func allFail() async {
        let nodes = (1...3).map { NodeID(high: UInt64($0), low: 0) }
        let answers: [(node: NodeID, answer: Int)] = await gather(
            Array(nodes[..<1]),
            orElse: Array(nodes[1...]),
            patienceMicros: 60_000_000,
            isEnough: { !$0.isEmpty }
        ) { _, done in done(nil) }
        #expect(answers.isEmpty)
    }
}
