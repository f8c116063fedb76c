import NIOCore
import Testing

@testable import Store

/// What changed waits for its followers, by the same transaction and over restarts.
@Suite struct OutboxTests {
    private static let feed = Feed(id: 7, bucket: BucketID(rawValue: 1), sinceMillis: 0, begunMillis: 0)

    private static func names(_ store: ObjectStore, _ feed: UInt64 = 7) async throws -> [String] {
        try await store.outbox(feed, after: nil, limit: 1_000).map(\.key.text)
    }

    private static func fillAll(_ store: ObjectStore, limit: Int = 3) async throws {
        while try await store.backfill(feed.id, limit: limit) {}
    }

    /// A store with a bucket that is followed.
    private static func followed(_ scratch: Scratch, _ versioning: Versioning) async throws -> (ObjectStore, BucketID) {
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", versioning)
        try await store.setFeeds([feed])
        try await fillAll(store)
        return (store, bucket)
    }

    @Test("every change of a followed key queues it once, until it is settled; others are not queued")
    func changes() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        let other = try await store.bucket("c", .off, id: 2)
        var feed = Self.feed
        feed = Feed(id: feed.id, bucket: bucket, prefix: Array("a/".utf8), sinceMillis: 0, begunMillis: 0)
        try await store.setFeeds([feed])
        try await Self.fillAll(store)
        try await store.put(bucket, Key("a/1"), [1])
        try await store.put(bucket, Key("a/1"), [2])
        try await store.put(bucket, Key("b/1"), [1])
        try await store.put(other, Key("a/2"), [1])
        let waiting = try await store.outbox(7, after: nil, limit: 10)
        #expect(waiting.map(\.key.text) == ["a/1"] && store.outboxCounts() == [7: 1])

        // Changed meanwhile: what was read is not all of it.
        try await store.put(bucket, Key("a/1"), [3])
        try await store.settle(waiting, of: 7)
        #expect(store.outboxCounts() == [7: 1])
        let again = try await store.outbox(7, after: nil, limit: 10)
        #expect(again[0].stamp > waiting[0].stamp && again[0].queuedMillis == waiting[0].queuedMillis)
        try await store.settle(again, of: 7)
        #expect(store.outboxCounts().isEmpty)

        // Deleted where nothing is left of it, and tagged in place.
        _ = try await store.commit(.delete(bucket, Key("a/1"), .none))
        #expect(try await Self.names(store) == ["a/1"])
        try await store.settle(try await store.outbox(7, after: nil, limit: 10), of: 7)
        try await store.put(bucket, Key("a/3"), [1])
        try await store.settle(try await store.outbox(7, after: nil, limit: 10), of: 7)
        _ = try await store.commit(.setTags(bucket, Key("a/3"), .current, [1]))
        #expect(try await Self.names(store) == ["a/3"])
        _ = try await store.commit(.delete(bucket, Key("a/4"), .none))
        #expect(try await Self.names(store) == ["a/3"])
        await store.close()
    }

    @Test("a version that is deleted or restored queues its key")
    func versions() async throws {
        let scratch = Scratch()
        let (store, bucket) = try await Self.followed(scratch, .on)
        try await store.put(bucket, Key("k"), [1])
        guard case .done(let first?, _) = try await store.put(bucket, Key("k"), [2]) else {
            Issue.record("not written")
            return
        }
        try await store.settle(try await store.outbox(7, after: nil, limit: 10), of: 7)
        _ = try await store.commit(.setTags(bucket, Key("k"), .stamp(first.stamp), [1]))
        // As old as before; a removal is as new as it is. Both are behind the row itself.
        let retagged = try #require(try await store.outbox(7, after: nil, limit: 10).first)
        #expect(retagged.changedMillis == 0 && retagged.stamp > first.stamp)
        _ = try await store.commit(.deleteVersion(bucket, Key("k"), .stamp(first.stamp), .none))
        let removed = try #require(try await store.outbox(7, after: nil, limit: 10).first)
        #expect(removed.changedMillis >= first.changedMillis && removed.stamp > first.stamp)
        #expect(try await Self.names(store) == ["k"])
        try await store.settle(try await store.outbox(7, after: nil, limit: 10), of: 7)
        _ = try await store.commit(.delete(bucket, Key("k"), .none))
        #expect(try await Self.names(store) == ["k"])
        await store.close()
    }

    @Test("what was there before the feed is queued page by page, over a restart, and once more in a new round")
    func filling() async throws {
        let scratch = Scratch()
        var store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        for index in 0..<10 { try await store.put(bucket, Key("k\(index)"), [1]) }
        try await store.setFeeds([Self.feed])
        #expect(store.backfillingFeeds() == [7])
        #expect(try await store.backfill(7, limit: 4))
        #expect(try await Self.names(store).count == 4)
        await store.close()

        store = try scratch.open(.tight)
        #expect(store.outboxCounts() == [7: 4] && store.backfillingFeeds() == [7])
        try await Self.fillAll(store)
        #expect(try await Self.names(store) == (0..<10).map { "k\($0)" } && store.backfillingFeeds().isEmpty)
        let third = try await store.outbox(7, after: Key("k2"), limit: 3)
        #expect(third.map(\.key.text) == ["k3", "k4", "k5"])
        try await store.settle(try await store.outbox(7, after: nil, limit: 100), of: 7)
        // The same feeds again change nothing; a new round begins anew.
        try await store.setFeeds([Self.feed])
        #expect(store.backfillingFeeds().isEmpty)
        try await store.setFeeds([Feed(id: 7, bucket: bucket, sinceMillis: 0, begunMillis: 0, round: 1)])
        try await Self.fillAll(store)
        #expect(try await Self.names(store).count == 10)
        await store.close()
    }

    @Test("a feed of what comes from now on gets nothing that is older, whenever that comes here")
    func onlyNew() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await store.put(bucket, Key("old"), [1])
        let begun = Clock.wallMillis() + 1
        try await store.setFeeds([Feed(id: 7, bucket: bucket, sinceMillis: begun, begunMillis: begun)])
        try await Self.fillAll(store)
        #expect(try await Self.names(store).isEmpty)
        try await Task.sleep(for: .milliseconds(5))
        try await store.put(bucket, Key("new"), [1])
        #expect(try await Self.names(store) == ["new"])
        // As copies come that are brought together later: a row says itself how old it is.
        let later = Feed(id: 8, bucket: bucket, sinceMillis: 0, begunMillis: .max)
        try await store.setFeeds([Feed(id: 7, bucket: bucket, sinceMillis: .max, begunMillis: .max), later])
        try await store.put(bucket, Key("late"), [1])
        #expect(try await Self.names(store) == ["new"])
        #expect(try await Self.names(store, 8) == ["late"])
        await store.close()
    }

    @Test("what another holder settled goes, unless there is something newer here; what it hands over is taken once")
    func others() async throws {
        let scratch = Scratch()
        let (store, bucket) = try await Self.followed(scratch, .off)
        try await store.put(bucket, Key("k"), [1])
        let first = try await store.outbox(7, after: nil, limit: 10)
        try await store.put(bucket, Key("k"), [2])
        try await store.settleUpTo(first, of: 7)
        #expect(try await Self.names(store) == ["k"])
        let second = try await store.outbox(7, after: nil, limit: 10)
        #expect(try await store.take(first + second, into: 7) == 0)
        try await store.settleUpTo(second, of: 7)
        #expect(try await Self.names(store).isEmpty)
        #expect(try await store.take(second, into: 7) == 1)
        #expect(try await store.take(second, into: 8) == nil)
        #expect(try await Self.names(store) == ["k"] && store.outboxCounts() == [7: 1])
        await store.close()
    }

    @Test("what is asked for once more is neither what waits already nor settled with it")
    func asked() async throws {
        let scratch = Scratch()
        let (store, bucket) = try await Self.followed(scratch, .off)
        try await store.put(bucket, Key("k"), [1])
        let first = try await store.outbox(7, after: nil, limit: 10)
        let again = first.map {
            OutboxEntry(key: $0.key, stamp: $0.stamp, changedMillis: $0.changedMillis, askedMicros: 5)
        }
        #expect(try await store.queueAgain(again, into: 7))
        #expect(store.outboxCounts() == [7: 1])
        // Who was sending it when it was asked for.
        try await store.settle(first, of: 7)
        try await store.settleUpTo(first, of: 7)
        let second = try await store.outbox(7, after: nil, limit: 10)
        #expect(second.map(\.askedMicros) == [5])
        #expect(try await store.take(first, into: 7) == 0)
        // It says what waits already; its sequence is another one.
        #expect(try await store.queueAgain(again, into: 7))
        try await store.settle(second, of: 7)
        #expect(try await Self.names(store) == ["k"])
        try await store.settleUpTo(second, of: 7)
        let third = try await store.outbox(7, after: nil, limit: 10)
        #expect(third.map(\.askedMicros) == [6], "whoever asks later is above what waits, whatever his clock says")
        try await store.settleUpTo(third, of: 7)
        #expect(try await Self.names(store).isEmpty)
        #expect(try await store.take(third, into: 7) == 1)
        #expect(try await !store.queueAgain(again, into: 8))
        await store.close()
    }

    @Test("what waits for a feed that is gone is dropped little by little")
    func gone() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await store.setFeeds([Self.feed])
        for index in 0..<10 { try await store.put(bucket, Key("k\(index)"), [1]) }
        try await store.setFeeds([])
        try await store.put(bucket, Key("later"), [1])
        #expect(store.outboxCounts() == [7: 10])
        #expect(try await store.trimOutbox(limit: 4) && store.outboxCounts() == [7: 6])
        while try await store.trimOutbox(limit: 4) {}
        #expect(store.outboxCounts().isEmpty)
        await store.close()
    }

    @Test("an entry that cannot be read is dropped, and its feed is filled again")
    func damaged() async throws {
        let scratch = Scratch()
        var store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await store.setFeeds([Self.feed])
        try await Self.fillAll(store)
        for index in 0..<4 { try await store.put(bucket, Key("k\(index)"), [1]) }
        await store.close()
        try Database(scratch.directory + "/index.sqlite", .create)
            .execute("UPDATE outbox SET data = zeroblob(44) WHERE key = CAST('k2' AS BLOB)")

        store = try scratch.open(.tight)
        #expect(try await Self.names(store) == ["k0", "k1", "k3"])
        #expect(store.backfillingFeeds() == [7] && store.statistics().corruptions == 1)
        try await Self.fillAll(store)
        #expect(try await Self.names(store) == ["k0", "k1", "k2", "k3"])
        await store.close()
    }
}
