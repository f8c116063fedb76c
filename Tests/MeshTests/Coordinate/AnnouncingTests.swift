import Store
import Swim
import Testing

@testable import Mesh

/// Small state: what a client was told on one node holds on the others.
@Suite(.serialized) struct AnnouncingTests {
    private static func bucket(_ name: String) -> Bucket {
        let id = BucketID.fresh(.random(in: 1 ... .max))
        return Bucket(id: id, name: name, createdMillis: 1, versioning: .off, settings: [])
    }

    /// Whether a change holds on all nodes when it is acknowledged; where the disk took longer than the second that a
    /// change waits for others, soon after.
    private static func inForce(
        _ change: () async throws -> Void,
        everywhere holds: () -> Bool
    ) async throws -> Bool {
        let took = try await ContinuousClock().measure { try await change() }
        if took > .milliseconds(900) {
            for _ in 0..<600 where !holds() { try await Task.sleep(for: .milliseconds(100)) }
        }
        return holds()
    }

    @Test("a bucket's setting is in force on every node when it is acknowledged", .timeLimit(.minutes(10)))
    func everywhere() async throws {
        // Four nodes, of which three decide: one only has a copy.
        let mesh = try await TestMesh(count: 4)
        let bucket = Self.bucket("photos")
        var isInForce = try await Self.inForce {
            _ = try await mesh.coordinators[3].commit(.createBucket(bucket))
        } everywhere: {
            mesh.stores.allSatisfy { $0.bucket(named: "photos") != nil }
        }
        #expect(isInForce)
        for (turn, versioning) in [Versioning.on, .suspended, .on].enumerated() {
            isInForce = try await Self.inForce {
                _ = try await mesh.coordinators[turn].commit(.setVersioning(bucket.id, versioning))
            } everywhere: {
                mesh.stores.allSatisfy { $0.bucket(named: "photos")?.versioning == versioning }
            }
            #expect(isInForce)
        }
        let keys = mesh.stores.map { AccessKeys(store: $0) }
        for (store, keys) in zip(mesh.stores, keys) { store.onSystemChange { keys.heed($0) } }
        let key = AccessKey(id: "announced", secret: Secret("0123456789abcdef0123"), createdMillis: 1)
        isInForce = try await Self.inForce {
            try await AccessKeys(store: mesh.stores[3], coordinator: mesh.coordinators[3]).add(key)
        } everywhere: {
            keys.allSatisfy { $0.lookup("announced") != nil }
        }
        #expect(isInForce)
        await mesh.close()
    }

    @Test(
        "a node that stands still costs a change its bound, and one that is cut off nothing",
        .timeLimit(.minutes(10))
    )
    func bounded() async throws {
        let mesh = try await TestMesh(count: 4)
        let bucket = Self.bucket("photos")
        _ = try await mesh.coordinators[0].commit(.createBucket(bucket))
        let voters = mesh.layout.voters.everyone
        let learner = try #require(mesh.nodes.firstIndex { !voters.contains($0) })
        let decider = try #require(mesh.nodes.firstIndex { voters.contains($0) })
        mesh.network.halt(mesh.nodes[learner])
        let clock = ContinuousClock()
        let took = try await clock.measure {
            _ = try await mesh.coordinators[decider].commit(.setVersioning(bucket.id, .on))
        }
        // The bound is a second; the rest is for a machine that is busy with other tests.
        #expect(took >= .milliseconds(900) && took < .seconds(20))
        #expect(mesh.stores[learner].bucket(named: "photos")?.versioning == .off)
        mesh.network.heal()
        mesh.network.cut(mesh.nodes[learner])
        let outcome = try await mesh.coordinators[decider].commit(.setVersioning(bucket.id, .suspended))
        if case .done = outcome {} else { Issue.record("\(outcome)") }
        await mesh.close()
    }

    @Test("a node that was removed coordinates nothing, and says why")
    func removed() async throws {
        let mesh = try await TestMesh(count: 3)
        let bucket = Self.bucket("photos")
        _ = try await mesh.coordinators[0].commit(.createBucket(bucket))
        let layout = try #require(mesh.layout.removing([mesh.nodes[2]])?.settledSuccessor)
        #expect(layout.outsiders == [mesh.nodes[2]])
        let outsider = Coordinator(
            store: mesh.stores[2],
            holders: TestHolders(own: mesh.nodes[2], network: mesh.network),
            book: LayoutBook(layout),
            metrics: QuorumMetrics()
        )
        await #expect(throws: CoordinatorError.notMember) { _ = try await outsider.bucket(named: "photos") }
        await #expect(throws: CoordinatorError.notMember) {
            _ = try await outsider.list(ListQuery(bucket: bucket.id, limit: 10))
        }
        await #expect(throws: CoordinatorError.notMember) {
            _ = try await outsider.commit(.setVersioning(bucket.id, .on))
        }
        // Drained is something else: it holds nothing, and coordinates like all others.
        let drained = try #require(mesh.layout.draining([mesh.nodes[2]])?.settledSuccessor)
        #expect(drained.outsiders.isEmpty && !drained.hasRemoved(mesh.nodes[2], storeID: mesh.stores[2].storeID))
        // And it is a member again when it is let in.
        let back = try #require(
            layout.adding([
                LayoutMember(
                    node: mesh.nodes[2],
                    storeID: mesh.stores[2].storeID,
                    memberSince: 0,
                    zone: "",
                    weight: 10
                )
            ])
        )
        #expect(back.outsiders.isEmpty && !back.hasRemoved(mesh.nodes[2], storeID: mesh.stores[2].storeID))
        await mesh.close()
    }
}
