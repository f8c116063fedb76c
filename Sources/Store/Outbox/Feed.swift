/// A subscriber to the changes of a bucket, whose keys wait in the outbox until it has settled them.
package struct Feed: Hashable, Sendable {
    package let id: UInt64
    package let bucket: BucketID
    /// Keys that begin otherwise are of no concern to it; empty: all are.
    package let prefix: [UInt8]
    /// What is there already is queued too when it was written at this time or later: milliseconds since 1970, 0 for all.
    package let sinceMillis: UInt64
    /// When the subscription began. A key that was deleted before is not queued for being gone.
    package let begunMillis: UInt64
    /// With another number than before, what is there is queued once more.
    package let round: UInt32

    package init(
        id: UInt64,
        bucket: BucketID,
        prefix: [UInt8] = [],
        sinceMillis: UInt64,
        begunMillis: UInt64,
        round: UInt32 = 0
    ) {
        self.id = id
        self.bucket = bucket
        self.prefix = prefix
        self.sinceMillis = sinceMillis
        self.begunMillis = begunMillis
        self.round = round
    }

    /// Whether a row is new enough to be queued: rows come here late, too, when copies are brought together.
    package func wants(_ record: Record) -> Bool {
        record.changedMillis >= (record.kind.isDeletion ? max(sinceMillis, begunMillis) : sinceMillis)
    }

    package func covers(_ record: Record) -> Bool {
        record.bucket == bucket && record.key.bytes.starts(with: prefix)
    }
}

/// A feed as the index keeps it.
struct KeptFeed: Sendable {
    var feed: Feed
    /// Up to where what was there has been queued; nil: all of it.
    var filled: Filling?

    enum Filling: Sendable, Equatable {
        case start
        case behind(Key)
    }
}

/// A key that changed and waits for a feed. There is one for each key: what counts is how the key is when it is settled.
package struct OutboxEntry: Hashable, Sendable {
    /// Never empty.
    package let key: Key
    /// Of the newest row of the key that was queued.
    package let stamp: Stamp
    /// When that row was written, wherever it was and whenever it came here: milliseconds since 1970. 0 where only tags
    /// changed: the object is as old as before.
    package let changedMillis: UInt64
    /// What a row that deletes the key carries; empty for any other.
    package let deletion: [UInt8]
    /// When somebody asked last that the key is sent though no row of it changed: microseconds since 1970, 0: nobody did.
    /// Who settles an entry has settled what was asked up to then, as it has settled rows up to `stamp`. By the clock of the
    /// node that was asked, and above what waits already.
    package private(set) var askedMicros: UInt64
    /// The transaction that queued it last: whoever settles it settles what that one saw. Of this store alone.
    package let sequence: UInt64
    /// When it was queued here first: milliseconds since 1970.
    package let queuedMillis: UInt64

    package init(
        key: Key,
        stamp: Stamp,
        changedMillis: UInt64,
        deletion: [UInt8] = [],
        askedMicros: UInt64 = 0,
        sequence: UInt64 = 0,
        queuedMillis: UInt64 = 0
    ) {
        self.key = key
        self.stamp = stamp
        self.changedMillis = changedMillis
        self.deletion = deletion
        self.askedMicros = askedMicros
        self.sequence = sequence
        self.queuedMillis = queuedMillis
    }

    /// For a row of the index.
    package init(_ record: Record, askedMicros: UInt64 = 0) {
        self.init(
            key: record.key,
            stamp: record.stamp,
            changedMillis: record.kind == .retag ? 0 : record.changedMillis,
            deletion: record.kind.isDeletion ? record.attributes : [],
            askedMicros: askedMicros
        )
    }

    /// Whether it says at least what another one does.
    package func covers(_ other: OutboxEntry) -> Bool { stamp >= other.stamp && askedMicros >= other.askedMicros }

    /// The same, asked for at another time.
    func asked(_ micros: UInt64) -> OutboxEntry {
        var entry = self
        entry.askedMicros = micros
        return entry
    }

    /// What waits when something more is queued under the key of one that waits already: it keeps its place in time, and of
    /// both rows what the newer one says.
    package func merged(into waiting: OutboxEntry?, sequence: UInt64, nowMillis: UInt64) -> OutboxEntry {
        let newer = waiting.flatMap { $0.stamp > stamp ? $0 : nil } ?? self
        return OutboxEntry(
            key: key,
            stamp: newer.stamp,
            changedMillis: newer.changedMillis,
            deletion: newer.deletion,
            askedMicros: max(askedMicros, waiting?.askedMicros ?? 0),
            sequence: sequence,
            queuedMillis: waiting?.queuedMillis ?? nowMillis
        )
    }
}

extension Record.Kind {
    var isDeletion: Bool { self == .tombstone || self == .deleteMarker }
}
