import Synchronization

/// How much a store has of one bucket.
package struct Usage: Hashable, Sendable {
    /// Versions of objects, delete markers included.
    package var versions: Int64
    /// The sum of their sizes: what clients wrote, without what the disk adds.
    package var bytes: Int64

    package init(versions: Int64 = 0, bytes: Int64 = 0) {
        self.versions = versions
        self.bytes = bytes
    }

    package var isEmpty: Bool { self == Usage() }

    package static func += (a: inout Usage, b: Usage) {
        a.versions += b.versions
        a.bytes += b.bytes
    }
}

/// What each bucket has, as of the last commit, for those who ask without a look at the disk.
final class UsageBook: Sendable {
    private let state: Mutex<[BucketID: Usage]>

    init(_ usage: [BucketID: Usage]) { state = Mutex(usage) }

    /// What a transaction changed.
    func publish(_ changes: [BucketID: Usage]) {
        state.withLock { $0.add(changes) }
    }

    func all() -> [BucketID: Usage] { state.withLock { $0 } }
}

extension [BucketID: Usage] {
    /// Buckets that have nothing are not mentioned.
    mutating func add(_ changes: [BucketID: Usage]) {
        for (bucket, change) in changes {
            var usage = self[bucket] ?? Usage()
            usage += change
            self[bucket] = usage.isEmpty ? nil : usage
        }
    }

    var sum: Usage { values.reduce(into: Usage()) { $0 += $1 } }
}

extension ObjectStore {
    /// How much this store has of each bucket that has anything; costs a short lock.
    package func usage() -> [BucketID: Usage] { engine.usage.all() }
}
