/// The transactional outbox: a key of a bucket that somebody follows is queued by the transaction that changes it. So
/// what is acknowledged is queued wherever it is held, and a crash forgets neither or both.
extension IndexWriter {
    /// Queues the key of a row that comes into the index, for all who follow its bucket.
    func enqueue(_ record: Record) throws {
        guard !pending.feeds.isEmpty, record.bucket.space == .object else { return }
        for kept in pending.feeds.values where kept.feed.covers(record) && kept.feed.wants(record) {
            try enqueue(kept.feed.id, OutboxEntry(record))
        }
    }

    /// Queues the key of a row that a store alone takes away now.
    func enqueueRemoval(of record: Record, _ deletion: [UInt8]) throws {
        try enqueueChange(of: record, changedMillis: nowMillis, deletion)
    }

    /// Queues the key of a row whose tags a store alone changes in place.
    func enqueueRetag(of record: Record) throws { try enqueueChange(of: record, changedMillis: 0, []) }

    /// Behind the row itself, which is on the wire perhaps: in a mesh the change would be a row of its own.
    private func enqueueChange(of record: Record, changedMillis: UInt64, _ deletion: [UInt8]) throws {
        guard !pending.feeds.isEmpty, record.bucket.space == .object else { return }
        let entry = OutboxEntry(
            key: record.key,
            stamp: record.stamp.successor,
            changedMillis: changedMillis,
            deletion: deletion
        )
        for kept in pending.feeds.values where kept.feed.covers(record) { try enqueue(kept.feed.id, entry) }
    }

    /// Queues a key, or once more one that waits already.
    private func enqueue(_ feed: UInt64, _ fresh: OutboxEntry) throws {
        let waiting = try entry(feed, fresh.key)
        let entry = fresh.merged(into: waiting, sequence: pending.counters.sequence + 1, nowMillis: nowMillis)
        let before = rows.changes
        try rows.putEntry.bind(1, Int64(bitPattern: feed)).bind(2, entry.key.bytes)
            .bind(3, SmallRows.encode(entry, feed: feed)).run()
        if waiting == nil, rows.changes > before { pending.outbox[feed, default: 0] += 1 }
    }

    /// Nil also when the bytes are damaged: the key is queued anew then.
    private func entry(_ feed: UInt64, _ key: Key) throws -> OutboxEntry? {
        rows.entry.bind(1, Int64(bitPattern: feed)).bind(2, key.bytes)
        defer { rows.entry.reset() }
        guard try rows.entry.step() else { return nil }
        return try? SmallRows.entry(feed, key, rows.entry.blob(0))
    }

    /// Takes away what was settled, if it did not change meanwhile.
    func settle(_ feed: UInt64, _ entries: [OutboxEntry]) throws {
        for settled in entries {
            guard let waiting = try entry(feed, settled.key), waiting.sequence == settled.sequence else { continue }
            try remove(feed, settled.key)
        }
    }

    /// Takes away what another holder has settled: keys that have no newer row here.
    func settle(_ feed: UInt64, upTo entries: [OutboxEntry]) throws {
        for settled in entries {
            guard let waiting = try entry(feed, settled.key), settled.covers(waiting) else { continue }
            try remove(feed, settled.key)
        }
    }

    /// Takes in what another holder has queued. How many of them were not known here; nil: nobody follows that here.
    /// - Parameter isAsked: also what waits here is queued once more: somebody may have sent it already, and is about to
    ///   settle it.
    func take(_ feed: UInt64, _ entries: [OutboxEntry], isAsked: Bool) throws -> Int? {
        guard pending.feeds[feed] != nil else { return nil }
        var fresh = 0
        for offered in entries {
            let waiting = try entry(feed, offered.key)
            if !isAsked, let waiting, waiting.covers(offered) { continue }
            // Who asks later may have the slower clock.
            let askedMicros = isAsked ? max(offered.askedMicros, (waiting?.askedMicros ?? 0) + 1) : offered.askedMicros
            try enqueue(feed, offered.asked(askedMicros))
            fresh += 1
        }
        return fresh
    }

    private func remove(_ feed: UInt64, _ key: Key) throws {
        let before = rows.changes
        try rows.deleteEntry.bind(1, Int64(bitPattern: feed)).bind(2, key.bytes).run()
        if rows.changes > before { pending.outbox[feed, default: 0] -= 1 }
    }

    // MARK: Feeds

    /// Rows that are looked at for each key that is queued, on average: the committer has other work.
    private static let rowsPerKeyMost = 8

    /// These are all the feeds that there are. A new one, and one of a new round, begins with what is there.
    func setFeeds(_ feeds: [Feed]) throws {
        let wanted = Dictionary(feeds.map { ($0.id, $0) }) { $1 }
        for id in pending.feeds.keys where wanted[id] == nil {
            try rows.deleteFeed.bind(1, Int64(bitPattern: id)).run()
            pending.feeds[id] = nil
        }
        for (id, feed) in wanted where pending.feeds[id]?.feed != feed {
            try keep(KeptFeed(feed: feed, filled: .start))
        }
    }

    private func keep(_ kept: KeptFeed) throws {
        try rows.putFeed.bind(1, Int64(bitPattern: kept.feed.id)).bind(2, SmallRows.encode(kept)).run()
        pending.feeds[kept.feed.id] = kept
    }

    /// Queues the next keys that were there before the feed was, so many at most. False: no more.
    func fill(_ id: UInt64, limit: Int) throws -> Bool {
        guard var kept = pending.feeds[id], let filled = kept.filled else { return false }
        let feed = kept.feed
        var from = feed.prefix
        if case .behind(let key) = filled { from = key.bytes + [0] }
        // Only the newest row of a key says anything, and it comes first. Of a key with very many the rest is passed over
        // by the next call, which begins behind it.
        var newest: [Record] = []
        var isMore = false
        var seen = 0
        try versions.each(of: feed.bucket, from: from, prefix: feed.prefix) { row in
            seen += 1
            let isNext = row.record.key != newest.last?.key
            isMore = isNext ? newest.count == limit : seen > limit * Self.rowsPerKeyMost
            if isNext, !isMore { newest.append(row.record) }
            return !isMore
        }
        for record in newest where feed.wants(record) { try enqueue(id, OutboxEntry(record)) }
        kept.filled = isMore ? newest.last.map { .behind($0.key) } : nil
        try keep(kept)
        return isMore
    }

    /// Drops entries of a feed that is gone, or that cannot be read: a feed that is there is filled again then.
    func drop(_ keys: [Key], of feed: UInt64) throws {
        for key in keys { try remove(feed, key) }
        guard var kept = pending.feeds[feed], !keys.isEmpty else { return }
        kept.filled = .start
        try keep(kept)
    }
}
