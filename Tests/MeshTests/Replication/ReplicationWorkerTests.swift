import Foundation
import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// One worker over a real store, with a target and other holders that the test plays.
@Suite struct ReplicationWorkerTests {
    /// What a target has, and what it answers instead.
    private final class FakeTarget: ReplicationTarget {
        struct State {
            var objects: [String: (bytes: [UInt8], origin: ReplicationOrigin)] = [:]
            var puts: [String] = []
            var deletes: [String] = []
            var looks = 0
            var failure: ReplicationFailure?
            /// Once, in the middle of a PUT.
            var meanwhile: (@Sendable () async -> Void)?
        }

        let state = Mutex(State())

        private func fail() throws(ReplicationFailure) {
            if let failure = state.withLock({ $0.failure }) { throw failure }
        }

        func place() async throws(ReplicationFailure) -> String? {
            try fail()
            return "there/b"
        }

        func look(_ key: String) async throws(ReplicationFailure) -> TargetObject? {
            try fail()
            return state.withLock { state in
                state.looks += 1
                return state.objects[key].map {
                    TargetObject(size: UInt64($0.bytes.count), etag: "", origin: $0.origin, tagsCount: 0, headers: [:])
                }
            }
        }

        func put(_ object: OutgoingObject) async throws(ReplicationFailure) {
            try fail()
            let bytes: ByteBuffer
            do { bytes = object.size == 0 ? ByteBuffer() : try await object.read(0, object.size) } catch {
                throw .source("\(error)")
            }
            state.withLock {
                $0.objects[object.key] = (Array(bytes.readableBytesView), object.origin)
                $0.puts.append(object.key)
            }
            let meanwhile = state.withLock { state in
                defer { state.meanwhile = nil }
                return state.meanwhile
            }
            await meanwhile?()
        }

        func delete(_ key: String, _ origin: ReplicationOrigin) async throws(ReplicationFailure) {
            try fail()
            state.withLock {
                $0.objects[key] = nil
                $0.deletes.append(key)
            }
        }
    }

    private static let own = NodeID(high: 0, low: 1)
    private static let other = NodeID(high: 0, low: 2)

    /// A worker at a rule for the bucket `b`, on a store of its own.
    private final class Bench: Sendable {
        let store: ObjectStore
        let worker: ReplicationWorker
        let target = FakeTarget()
        let told: Told
        private let path: String

        final class Told: Sendable {
            let notices = Mutex<[(NodeID, OutboxMethod, [String])]>([])
            let answer = Mutex<OutboxAnswer?>(OutboxAnswer(isDone: true))

            var settled: [String] { notices.withLock { $0.filter { $0.1 == .settled }.flatMap(\.2) }.sorted() }
            var handed: [String] { notices.withLock { $0.filter { $0.1 == .handed }.flatMap(\.2) }.sorted() }
        }

        init(keepers: [NodeID], settings: ReplicationCourse.Settings = .init()) async throws {
            path = NSTemporaryDirectory() + "worker-" + UUID().uuidString
            store = try ObjectStore.open(path, settings: StoreSettings())
            let bucket = Bucket(
                id: BucketID(rawValue: 5),
                name: "b",
                createdMillis: 1,
                versioning: .off,
                settings: []
            )
            _ = try await store.commit(.createBucket(bucket))
            let coordinator = Coordinator(store: store)
            let rules = ReplicationRules(store: store, coordinator: coordinator)
            let rule = ReplicationRuleTests.rule { rule in
                (rule.prefix, rule.schedule, rule.isPaused, rule.round) = ("", .continuous, false, 0)
                (rule.copiesDeletes, rule.copiesExisting, rule.target.prefix) = (true, true, "")
            }
            try await rules.add(rule)
            try await store.setFeeds([rule.feed])
            let (target, told) = (target, Told())
            self.told = told
            worker = ReplicationWorker(
                rule,
                ReplicationSurroundings(
                    store: store,
                    coordinator: coordinator,
                    rules: rules,
                    layout: {
                        LayoutSight(
                            own: ReplicationWorkerTests.own,
                            isSole: false,
                            keepers: { _ in keepers },
                            everyone: { _ in keepers },
                            isUsable: { _ in true }
                        )
                    },
                    place: { _ in "here/b" },
                    makeTarget: { _ in target },
                    tell: { node, method, notice in
                        told.notices.withLock { $0.append((node, method, notice.entries.map(\.key.text))) }
                        return told.answer.withLock { $0 }
                    }
                ),
                settings: settings
            )
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func put(_ key: String, _ bytes: [UInt8]) async throws {
            let draft = Draft(
                bucket: BucketID(rawValue: 5),
                key: Key(key),
                size: UInt64(bytes.count),
                etag: ETag(high: 1, low: UInt64(bytes.count)),
                body: .inline(ByteBuffer(bytes: bytes)),
                attributes: [],
                tags: []
            )
            _ = try await store.commit(.put(draft, .none))
        }

        func delete(_ key: String) async throws {
            _ = try await store.commit(.delete(BucketID(rawValue: 5), Key(key), .none))
        }

        /// Lets it work until that is so.
        func work(until isSo: @Sendable () -> Bool) async throws {
            let task = Task { await worker.run() }
            for _ in 0..<500 where !isSo() { try await Task.sleep(for: .milliseconds(10)) }
            task.cancel()
            await task.value
            #expect(isSo())
        }

        var waiting: Int { store.outboxCounts().values.reduce(0, +) }
    }

    @Test("what is settled is told to all other holders, and deletions are sent of what is there only")
    func settles() async throws {
        let bench = try await Bench(keepers: [Self.own, Self.other])
        for index in 0..<5 { try await bench.put("k\(index)", [UInt8(index)]) }
        try await bench.work { bench.waiting == 0 && bench.told.settled.count == 5 }
        #expect(bench.told.settled == (0..<5).map { "k\($0)" } && bench.told.handed.isEmpty)
        #expect(bench.target.state.withLock { $0.objects["k3"]?.bytes } == [3])
        #expect(bench.target.state.withLock { $0.objects["k3"]?.origin.path } == ["here/b"])
        try await bench.delete("k3")
        try await bench.put("gone at once", [1])
        try await bench.delete("gone at once")
        try await bench.work { bench.waiting == 0 && bench.told.settled.count == 7 }
        #expect(bench.target.state.withLock { $0.deletes } == ["k3"])
        #expect(bench.worker.report.deletesSent == 1 && bench.worker.report.skipped == 1)
        await bench.store.close()
    }

    @Test("an object that changes while it is sent is sent again")
    func changes() async throws {
        let bench = try await Bench(keepers: [Self.own])
        try await bench.put("k", [1])
        bench.target.state.withLock { $0.meanwhile = { try? await bench.put("k", [2]) } }
        try await bench.work { bench.waiting == 0 }
        #expect(bench.target.state.withLock { $0.objects["k"]?.bytes } == [2])
        bench.target.state.withLock { $0.meanwhile = { try? await bench.delete("k") } }
        try await bench.put("k", [3])
        try await bench.work { bench.waiting == 0 }
        #expect(bench.target.state.withLock { $0.objects["k"] } == nil)
        await bench.store.close()
    }

    @Test(
        "keys of which another one is the first holder are not sent; told of once they waited, and kept until he is done"
    )
    func hands() async throws {
        var settings = ReplicationCourse.Settings()
        settings.handMillis = 200
        let bench = try await Bench(keepers: [Self.other, Self.own], settings: settings)
        for index in 0..<3 { try await bench.put("k\(index)", [1]) }
        try await bench.work { bench.told.handed.count >= 3 }
        #expect(bench.told.handed.prefix(3).contains("k0") && bench.target.state.withLock { $0.puts.isEmpty })
        #expect(bench.waiting == 3 && bench.told.settled.isEmpty)
        await bench.store.close()
        // Whoever has no place there any more gives them away, but not to somebody who does not take them.
        let stray = try await Bench(keepers: [Self.other], settings: settings)
        stray.told.answer.withLock { $0 = OutboxAnswer(isDone: false) }
        try await stray.put("k", [1])
        try await stray.work { stray.told.handed.count >= 1 }
        #expect(stray.waiting == 1)
        stray.told.answer.withLock { $0 = OutboxAnswer(isDone: true, fresh: 1) }
        try await stray.work { stray.waiting == 0 }
        #expect(stray.target.state.withLock { $0.puts.isEmpty })
        await stray.store.close()
    }

    @Test("a target that fails keeps everything waiting, one object that it refuses only itself")
    func fails() async throws {
        var settings = ReplicationCourse.Settings()
        settings.restMillis = 50
        let bench = try await Bench(keepers: [Self.own], settings: settings)
        bench.target.state.withLock { $0.failure = .unreachable("x") }
        try await bench.put("a", [1])
        try await bench.work { bench.worker.report.failures >= 2 }
        #expect(bench.waiting == 1 && bench.worker.report.troubles == 0)
        #expect(bench.worker.report.lastFailure?.sentence.contains("cannot be reached") == true)
        bench.target.state.withLock { $0.failure = nil }
        try await bench.work { bench.waiting == 0 }
        // The target has something newer, or had it before: that is settled.
        bench.target.state.withLock { $0.failure = .superseded }
        try await bench.put("b", [1])
        bench.worker.hurry()
        try await bench.work { bench.waiting == 0 || bench.worker.report.restUntilMillis != nil }
        bench.target.state.withLock { $0.failure = nil }
        bench.worker.hurry()
        try await bench.work { bench.waiting == 0 }
        await bench.store.close()
    }
}
