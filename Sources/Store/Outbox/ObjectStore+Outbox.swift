/// What followers of buckets ask of this store: keys that changed wait here until they are settled.
extension ObjectStore {
    /// These are all the feeds that there are: what waits for others is dropped little by little (`trimOutbox`). Durable.
    package func setFeeds(_ feeds: [Feed]) async throws {
        let known = Set(engine.outbox.feeds().map(\.feed))
        guard known != Set(feeds) else { return }
        try await run { try $0.setFeeds(feeds) }
    }

    /// How many keys wait for each feed.
    package func outboxCounts() -> [UInt64: Int] { engine.outbox.counts() }

    /// Feeds for which what was there before them is still being queued.
    package func backfillingFeeds() -> Set<UInt64> {
        Set(engine.outbox.feeds().filter { $0.filled != nil }.map(\.feed.id))
    }

    /// Queues the next keys that were there before the feed, so many at most. False: that is all.
    package func backfill(_ feed: UInt64, limit: Int) async throws -> Bool {
        try await run { try $0.fill(feed, limit: limit) }
    }

    /// The next keys that wait for a feed, in the order of their bytes.
    ///
    /// What cannot be read is dropped, and the feed is filled again: then nothing is missing.
    package func outbox(_ feed: UInt64, after: Key?, limit: Int) async throws -> [OutboxEntry] {
        let metrics = engine.metrics
        let (found, damaged) = try await engine.readers.read { reader in
            try metrics.noting { try reader.outbox(feed, after: after, limit: limit) }
        }
        if !damaged.isEmpty {
            metrics.corruptions.add(UInt64(damaged.count))
            try await run { try $0.drop(damaged, of: feed) }
        }
        return found
    }

    /// Takes away entries that were read here and are settled. A key that changed meanwhile stays.
    package func settle(_ entries: [OutboxEntry], of feed: UInt64) async throws {
        guard !entries.isEmpty else { return }
        try await run { try $0.settle(feed, entries) }
    }

    /// Takes away keys that another holder has settled up to these stamps.
    package func settleUpTo(_ entries: [OutboxEntry], of feed: UInt64) async throws {
        guard !entries.isEmpty, engine.outbox.counts()[feed] != nil else { return }
        try await run { try $0.settle(feed, upTo: entries) }
    }

    /// Takes in keys that wait with another holder; how many of them did not wait here. Nil: nobody follows that here.
    package func take(_ entries: [OutboxEntry], into feed: UInt64) async throws -> Int? {
        try await run { try $0.take(feed, entries, isAsked: false) }
    }

    /// Queues keys once more, also those that wait here already. False: nobody follows that here.
    package func queueAgain(_ entries: [OutboxEntry], into feed: UInt64) async throws -> Bool {
        try await run { try $0.take(feed, entries, isAsked: true) } != nil
    }

    /// Drops some of what waits for feeds that are gone. False: nothing does any more.
    package func trimOutbox(limit: Int) async throws -> Bool {
        let feeds = Set(engine.outbox.feeds().map(\.feed.id))
        guard let gone = engine.outbox.counts().keys.first(where: { !feeds.contains($0) }) else { return false }
        let found = try await engine.readers.read { try $0.outbox(gone, after: nil, limit: limit) }
        try await run { try $0.drop(found.entries.map(\.key) + found.damaged, of: gone) }
        return true
    }
}

extension IndexReader {
    func outbox(
        _ feed: UInt64,
        after: Key?,
        limit: Int
    ) throws -> (entries: [OutboxEntry], damaged: [Key]) {
        try begin()
        let statement = try database.prepare(
            "SELECT key, data FROM outbox WHERE feed = ?1 AND key > ?2 ORDER BY key LIMIT ?3"
        )
        // No key is empty, so all are behind the empty one.
        statement.bind(1, Int64(bitPattern: feed)).bind(2, after?.bytes ?? []).bind(3, Int64(limit))
        var entries: [OutboxEntry] = []
        var damaged: [Key] = []
        while try statement.step() {
            let key = Key([UInt8](statement.blob(0)))
            if let entry = try? SmallRows.entry(feed, key, statement.blob(1)) {
                entries.append(entry)
            } else {
                damaged.append(key)
            }
        }
        return (entries, damaged)
    }
}
