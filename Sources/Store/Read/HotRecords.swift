import NIOCore
import Synchronization

/// The newest versions of keys that were looked at lately, with their small bodies where those were read too: a look
/// that finds its key here needs no thread but its own. A look at stamps alone (the second opinion of a read, the
/// question before a deletion) keeps the record without its body.
///
/// The newest version is also the newest row of its key: no change is above it, so it is all that a holder is asked for.
///
/// What is kept was verified when it was read, and is never older than what any reader has seen: before a commit the
/// keys that it changes are taken out and their shards closed to newcomers; they open again when the commit has ended,
/// and a reader whose look at the index began before that brings its finding too late (`ticket`).
final class HotRecords: Sendable {
    /// Bodies above this are left to the page cache: a hop is cheap beside them. Their records are kept.
    static let bodyBytesMax = 4096
    /// In all shards together.
    static let bytesMax = 16 << 20
    /// What an entry costs beside its bytes, roughly.
    private static let overheadBytes = 400
    private static let shardCount = 128
    private static let shardBytesMax = bytesMax / shardCount

    /// Which state of its shard a reader saw before it looked at the index.
    struct Ticket: Sendable {
        fileprivate let epoch: UInt64
    }

    private struct Name: Hashable {
        let bucket: BucketID
        let key: Key
    }

    private struct Entry {
        let name: Name
        let found: Found
        let bytes: Int

        /// Whether it answers a look that wants a small body: it has it, or there is none in the index.
        var answersBody: Bool { found.record.body != .inline || found.inlineBody != nil }
    }

    private struct Shard {
        var places: [Name: Int] = [:]
        var entries: [Entry] = []
        var bytes = 0
        var epoch: UInt64 = 0
        /// Commits under way that change keys of this shard.
        var commits = 0
        var dice: UInt64 = 0x9E37_79B9_7F4A_7C15

        mutating func remove(_ name: Name) {
            guard let place = places.removeValue(forKey: name) else { return }
            bytes -= entries[place].bytes
            let last = entries.removeLast()
            if place < entries.count {
                entries[place] = last
                places[last.name] = place
            }
        }

        /// Random eviction needs no bookkeeping on a hit and comes close to least-recently-used.
        mutating func evict() {
            dice ^= dice << 13
            dice ^= dice >> 7
            dice ^= dice << 17
            remove(entries[Int(dice % UInt64(entries.count))].name)
        }
    }

    private final class Box: Sendable {
        let shard = Mutex(Shard())
    }

    private let boxes = (0..<shardCount).map { _ in Box() }

    /// The newest version of a key, if it is here. `body`: not if it has a small body that is missing here.
    func find(_ bucket: BucketID, _ key: Key, body: Bool) -> Found? {
        let name = Name(bucket: bucket, key: key)
        return box(name).shard.withLock { shard in
            guard let place = shard.places[name] else { return nil }
            let entry = shard.entries[place]
            return !body || entry.answersBody ? entry.found : nil
        }
    }

    /// To be taken before the look at the index whose finding is to be kept.
    func ticket(_ bucket: BucketID, _ key: Key) -> Ticket {
        Ticket(epoch: box(Name(bucket: bucket, key: key)).shard.withLock { $0.epoch })
    }

    /// Keeps the newest version of a key, unless a commit came since the ticket; delete markers are not kept. A body that
    /// is too long is left out. A record without its body gives way to one with it, never the other way round.
    func keep(_ found: Found, _ ticket: Ticket) {
        guard found.isCurrent, found.record.kind == .object else { return }
        var found = found
        if let body = found.inlineBody, body.readableBytes > Self.bodyBytesMax { found.inlineBody = nil }
        let name = Name(bucket: found.record.bucket, key: found.record.key)
        let bodyBytes = found.inlineBody?.readableBytes ?? 0
        let bytes =
            Self.overheadBytes + bodyBytes + name.key.bytes.count + found.record.attributes.count
            + found.record.tags.count
        // Rows of uploads may carry a list of ten thousand parts.
        guard bytes <= Self.shardBytesMax else { return }
        let entry = Entry(name: name, found: found, bytes: bytes)
        box(name).shard.withLock { shard in
            guard shard.commits == 0, shard.epoch == ticket.epoch else { return }
            if let known = shard.places[name] {
                guard entry.answersBody, !shard.entries[known].answersBody else { return }
                shard.remove(name)
            }
            while shard.bytes + bytes > Self.shardBytesMax, !shard.entries.isEmpty { shard.evict() }
            shard.places[name] = shard.entries.count
            shard.entries.append(entry)
            shard.bytes += bytes
        }
    }

    // MARK: Around a commit

    /// Before the commit becomes visible: what it changes is gone from here and cannot come back.
    func beginCommit(_ keys: [(BucketID, Key)]) {
        for (bucket, key) in keys {
            let name = Name(bucket: bucket, key: key)
            box(name).shard.withLock { shard in
                shard.remove(name)
                shard.epoch += 1
                shard.commits += 1
            }
        }
    }

    /// After it, however it ended.
    func endCommit(_ keys: [(BucketID, Key)]) {
        for (bucket, key) in keys {
            box(Name(bucket: bucket, key: key)).shard.withLock { shard in
                shard.epoch += 1
                shard.commits -= 1
            }
        }
    }

    private func box(_ name: Name) -> Box {
        let hash = name.key.bytes.withUnsafeBytes { Checksum.of($0, seed: name.bucket.rawValue) }
        return boxes[Int(hash % UInt64(Self.shardCount))]
    }
}
