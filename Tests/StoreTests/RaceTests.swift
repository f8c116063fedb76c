import NIOCore
import Synchronization
import Testing

@testable import Store

/// What many at once may see of one key.
@Suite struct RaceTests {
    private static let racers = 50

    @Test("each round of racing swaps by If-Match has exactly one winner, and the losers are shown it")
    func swaps() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        for versioning in [Versioning.off, .on, .suspended] {
            let bucket = try await store.bucket("b\(versioning)", versioning, id: UInt64(versioning.rawValue) + 1)
            let key = Key("k")
            try await store.put(bucket, key, [0])
            for round in 0..<15 {
                let head = try #require(try await store.find(bucket, key, .current, body: false))
                let condition = Precondition.isOne(of: [head.record.etag])
                let outcomes = try await race { racer in
                    try await store.put(bucket, key, [UInt8(racer), UInt8(round), 1], condition)
                }
                let winners = outcomes.compactMap(\.record)
                #expect(winners.count == 1, "round \(round)")
                for case .preconditionFailed(let current) in outcomes {
                    #expect(current?.stamp == winners.first?.stamp, "round \(round)")
                }
                let found = try await store.find(bucket, key, .current, body: true)
                #expect(found?.record.stamp == winners.first?.stamp, "round \(round)")
            }
            let deleted = try await race { _ in try await store.commit(.delete(bucket, key, .present)) }
            #expect(deleted.count { $0.name == "done" } == 1)
        }
        await store.close()
    }

    @Test("writes without a condition are all acknowledged, and the largest stamp is the current version")
    func blindWrites() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .on)
        let key = Key("k")
        let outcomes = try await race { try await store.put(bucket, key, [UInt8($0)]) }
        let stamps = outcomes.compactMap { $0.record?.stamp }
        #expect(Set(stamps).count == Self.racers)
        let page = try await store.listVersions(VersionsQuery(bucket: bucket, limit: 1000))
        #expect(page.entries.count == Self.racers)
        #expect(try await store.find(bucket, key, .current, body: false)?.record.stamp == stamps.max())
        await store.close()
    }

    @Test("one upload is completed once, however many ask for it")
    func completions() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .on)
        let id = UploadID(high: 7, low: 8)
        let upload = Upload(
            id: id,
            bucket: bucket,
            key: Key("k"),
            initiatedMillis: 1,
            attributes: [],
            tags: []
        )
        _ = try await store.commit(.createUpload(upload))
        let blob = try await store.blob([1, 2, 3])
        let etag = ETag(high: 1, low: 1)
        let part = Part(number: 1, blob: blob, size: 3, etag: etag, modifiedMillis: 1, attributes: [])
        _ = try await store.commit(.putPart(id, part))
        let refs = [PartRef(number: 1, blob: blob, size: 3, attributes: [])]
        let outcomes = try await race { _ in
            try await store.commit(.completeUpload(id, parts: refs, size: 3, etag: etag, attributes: [], .none))
        }
        #expect(outcomes.count { $0.name == "done" } == 1)
        #expect(outcomes.count { $0.name == "noSuchUpload" } == Self.racers - 1)
        await store.close()
    }

    private func race(_ run: @escaping @Sendable (Int) async throws -> Outcome) async throws -> [Outcome] {
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            for racer in 0..<Self.racers { group.addTask { try await run(racer) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    // MARK: Reads beside writes

    /// What readers of one key may not fall behind: the last acknowledged write, and what any reader has seen.
    final class Floor: Sendable {
        private let value = Atomic<UInt64>(0)
        let isDone = Flag()

        var now: UInt64 { value.load(ordering: .sequentiallyConsistent) }
        func raise(_ to: UInt64) { value.max(to, ordering: .sequentiallyConsistent) }
    }

    @Test("no read is older than a write acknowledged, or a read ended, before it began", arguments: Depth.seeds(3))
    func freshReads(seed: UInt64) async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", seed % 2 == 0 ? .off : .on)
        // More keys than shards of hot records would make neighbours; these few are read hot most of the time.
        let floors = (0..<4).map { _ in Floor() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, floor) in floors.enumerated() {
                let key = Key("k\(number)")
                group.addTask {
                    var random = Seeded(seed &* 100 &+ UInt64(number))
                    for count in UInt64(1)...250 {
                        try await Self.write(count, store, bucket, key, &random)
                        floor.raise(count)
                    }
                    floor.isDone.value = true
                }
                for reader in 0..<3 {
                    group.addTask {
                        while !floor.isDone.value {
                            let least = floor.now
                            let seen = try await Self.read(store, bucket, key, openly: reader == 0)
                            #expect(seen >= least, "seed \(seed), key \(number): \(seen) was read after \(least)")
                            floor.raise(seen)
                            await Task.yield()
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        await store.close()
    }

    /// The counter goes up by plain writes, conditional ones, and changes of tags; never down.
    private static func write(
        _ count: UInt64,
        _ store: ObjectStore,
        _ bucket: BucketID,
        _ key: Key,
        _ random: inout Seeded
    ) async throws {
        let bytes = withUnsafeBytes(of: count) { [UInt8]($0) }
        switch random.below(6) {
        case 0: try await store.put(bucket, key, bytes, .isNot([]))
        case 1:
            try await store.put(bucket, key, bytes)
            _ = try await store.commit(.setTags(bucket, key, .current, bytes))
        default: try await store.put(bucket, key, bytes)
        }
    }

    private static func read(
        _ store: ObjectStore,
        _ bucket: BucketID,
        _ key: Key,
        openly: Bool
    ) async throws -> UInt64 {
        let bytes: [UInt8]
        if openly {
            bytes = try await store.open(bucket, key, .current)?.body.all() ?? []
        } else {
            let found = try await store.find(bucket, key, .current, body: true)
            bytes = found?.inlineBody.map { [UInt8](buffer: $0) } ?? []
        }
        return bytes.count == 8 ? bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) } : 0
    }
}
