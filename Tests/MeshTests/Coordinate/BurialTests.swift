import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// What deleted buckets leave behind.
@Suite struct BurialTests {
    private func rows(_ store: ObjectStore, _ bucket: BucketID) async throws -> Int {
        var count = 0
        var next: WalkCursor?
        repeat {
            let all = Set((0..<Partition.count).map { Partition(number: UInt16($0)) })
            let page = try await store.walk(partitions: all, leaves: nil, after: next, limit: 4096)
            count += page.rows.count { $0.address.bucket.within(.object) == bucket }
            next = page.next
        } while next != nil
        return count
    }

    @Test("rows of a deleted bucket go from every node, and nothing brings them back")
    func spaceComesBack() async throws {
        let mesh = try await TestMesh(count: 3)
        let coordinator = mesh.coordinators[0]
        var buckets: [Bucket] = []
        for name in ["doomed", "kept"] {
            let bucket = Bucket(
                id: .fresh(.random(in: 1 ... .max)),
                name: name,
                createdMillis: 1,
                versioning: .off,
                settings: []
            )
            _ = try await coordinator.commit(.createBucket(bucket))
            for node in mesh.coordinators { _ = try await node.bucket(named: name) }
            buckets.append(bucket)
            for number in 0..<30 {
                let body = ByteBuffer(string: "body \(number)")
                let draft = Draft(
                    bucket: bucket.id,
                    key: Key("k\(number)"),
                    size: UInt64(body.readableBytes),
                    etag: ETag(high: 1, low: UInt64(number)),
                    body: .inline(body),
                    attributes: [],
                    tags: []
                )
                _ = try await coordinator.commit(.put(draft, .none))
            }
        }
        let doomed = buckets[0].id
        let stray = try await mesh.stores[0].row(
            RowAddress(doomed, Key("k3")),
            try #require(await coordinator.find(doomed, Key("k3"), .current, body: false)).record.stamp
        )
        // The third node is away while the bucket is deleted.
        for number in 0..<30 { _ = try await coordinator.commit(.delete(doomed, Key("k\(number)"), .none)) }
        mesh.network.cut(mesh.nodes[2])
        guard case .done = try await coordinator.commit(.deleteBucket(doomed)) else {
            Issue.record("the bucket is not empty")
            return
        }
        #expect(try await rows(mesh.stores[0], doomed) == 30, "tombstones")
        #expect(try await mesh.stores[0].closedBuckets() == [doomed])
        // Somebody who opened it for a deletion before this one is heard late.
        #expect(await !mesh.holders[0].setClosed(doomed, false))
        #expect(try await mesh.stores[0].closedBuckets() == [doomed])
        let live = try await coordinator.liveBuckets()
        #expect(live == [buckets[1].id])

        let burials = mesh.burials()
        for index in 0..<2 { try await burials[index].step() }
        #expect(try await mesh.stores[2].closedBuckets() == [], "it could not be told")
        mesh.network.heal()
        try await burials[0].step()
        #expect(try await mesh.stores[2].closedBuckets() == [doomed])
        try await burials[2].step()
        for _ in 0..<4000 where mesh.stores.contains(where: { $0.unpurgedBuckets > 0 }) {
            try await Task.sleep(for: .milliseconds(25))
        }
        for store in mesh.stores {
            #expect(try await rows(store, doomed) == 0)
            #expect(try await rows(store, buckets[1].id) == 30)
            // Somebody who was away has a row of it still.
            let late = await StoreDisk(store).merge([try #require(stray)], epoch: .max)
            #expect(late == [.superseded])
            #expect(try await rows(store, doomed) == 0)
        }
        await mesh.close()
    }

    @Test("a bucket whose deletion failed keeps everything, and opens again where nobody could say so")
    func notGone() async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = Bucket(
            id: .fresh(.random(in: 1 ... .max)),
            name: "full",
            createdMillis: 1,
            versioning: .off,
            settings: []
        )
        _ = try await mesh.coordinators[0].commit(.createBucket(bucket))
        let draft = Draft(
            bucket: bucket.id,
            key: Key("k"),
            size: 1,
            etag: ETag(high: 1, low: 1),
            body: .inline(ByteBuffer(string: "x")),
            attributes: [],
            tags: []
        )
        _ = try await mesh.coordinators[0].commit(.put(draft, .none))
        // Closed by somebody who opened it again and could not tell.
        for store in mesh.stores { try await store.setClosed([bucket.id], true) }
        for burial in mesh.burials() { try await burial.step() }
        for store in mesh.stores {
            #expect(try await rows(store, bucket.id) == 1)
            #expect(try await store.closedBuckets() == [])
        }
        await mesh.close()
    }
}

extension TestMesh {
    /// What gives back the space of deleted buckets, one for each node.
    fileprivate func burials() -> [Burial] {
        struct NoLine: RepairLine {
            func ask(_ node: NodeID, _ method: RepairMethod, _ payload: ByteBuffer) async throws(RepairFailure)
                -> ByteBuffer
            { throw .unreachable }

            func bytes(_ node: NodeID, _ name: RowName, from offset: UInt64, count: Int) async throws(RepairFailure)
                -> ByteBuffer
            { throw .unreachable }
        }
        return zip(nodes, zip(stores, coordinators)).map { node, side in
            let pace = Pace(limit: nil)
            let counters = RepairCounters()
            let epoch = layout.epoch
            let others = Set(nodes).subtracting([node])
            let around = RepairSurroundings(
                own: node,
                disk: StoreDisk(side.0),
                peers: RepairPeers(
                    line: NoLine(),
                    epoch: { epoch },
                    align: { _, _ in false },
                    pace: pace,
                    counters: counters
                ),
                book: LayoutBook(layout),
                wishes: EqualCopies(),
                alive: { others },
                settings: RepairSettings(),
                pace: pace,
                counters: counters
            )
            return Burial(around, side.1)
        }
    }
}
