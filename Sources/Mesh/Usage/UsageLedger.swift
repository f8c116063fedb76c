package import Store
internal import Synchronization

/// What every bucket and tenant has, as of a look some seconds ago, and what this node took in since.
package final class UsageLedger: Sendable {
    private struct Sums {
        var buckets: [BucketID: BucketUsage] = [:]
        var tenants: [String: BucketUsage] = [:]

        mutating func add(_ usage: BucketUsage, _ bucket: Bucket) {
            buckets[bucket.id, default: BucketUsage()] += usage
            guard let tenant = BucketName.tenant(of: bucket.name) else { return }
            tenants[tenant, default: BucketUsage()] += usage
        }
    }

    private struct State {
        var looked = Sums()
        /// Acknowledged here: before the look began that is under way, and behind that.
        var takenBefore = Sums()
        var taken = Sums()
        var lookedMillis: UInt64?

        func sum(_ part: (Sums) -> BucketUsage?) -> BucketUsage {
            var usage = BucketUsage(isComplete: lookedMillis != nil)
            for sums in [looked, takenBefore, taken] {
                if let more = part(sums) { usage += more }
            }
            return usage
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// What a bucket has, about.
    package func usage(of bucket: BucketID) -> BucketUsage {
        state.withLock { $0.sum { $0.buckets[bucket] } }
    }

    /// What all buckets of a tenant have together.
    package func usage(ofTenant tenant: String) -> BucketUsage {
        state.withLock { $0.sum { $0.tenants[tenant] } }
    }

    /// This node took in an object.
    package func took(_ bytes: UInt64, into bucket: Bucket) {
        state.withLock { $0.taken.add(BucketUsage(objects: 1, bytes: bytes), bucket) }
    }

    /// A look begins: what is taken in from here on may be in it or not, and counts beside it until the next one.
    package func begin() {
        state.withLock { state in
            state.takenBefore = state.taken
            state.taken = Sums()
        }
    }

    /// - Parameter buckets: all that there are.
    package func end(_ totals: [BucketID: BucketUsage], _ buckets: [Bucket], nowMillis: UInt64) {
        var sums = Sums()
        for bucket in buckets {
            if let usage = totals[bucket.id] { sums.add(usage, bucket) }
        }
        state.withLock { [sums] state in
            state.looked = sums
            state.takenBefore = Sums()
            state.lookedMillis = nowMillis
        }
    }

    /// When the last look ended, in milliseconds since 1970; nil: there was none.
    package var lookedMillis: UInt64? { state.withLock { $0.lookedMillis } }
}

/// What one node has, as it tells another one: so many buckets at a time.
package struct UsagePage: Codable, Sendable, Equatable {
    package static let entriesMax = 8_000

    package struct Entry: Codable, Sendable, Equatable {
        package var bucket: UInt64
        package var versions: Int64
        package var bytes: Int64
    }

    package var entries: [Entry]
    /// Ask for those behind this one; nil: that is all.
    package var next: UInt64?

    /// - Parameter after: buckets with higher ids; nil: from the first on.
    package init(_ usage: [BucketID: Usage], after: UInt64?, limit: Int = UsagePage.entriesMax) {
        let behind = usage.filter { id, _ in after.map { id.rawValue > $0 } ?? true }
            .sorted { $0.key.rawValue < $1.key.rawValue }
        entries = behind.prefix(limit).map { id, usage in
            Entry(bucket: id.rawValue, versions: usage.versions, bytes: usage.bytes)
        }
        next = behind.count > limit ? entries.last?.bucket : nil
    }

    package var usage: [BucketID: Usage] {
        Dictionary(entries.map { (BucketID(rawValue: $0.bucket), Usage(versions: $0.versions, bytes: $0.bytes)) }) {
            $1
        }
    }
}
