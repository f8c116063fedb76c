package import Store
internal import Synchronization

/// What every bucket and tenant has, as of a look some seconds ago, and what this node took in since.
package final class UsageLedger: Sendable {
    private struct Sums {
        var buckets: [BucketID: MeshUsage] = [:]
        var tenants: [String: MeshUsage] = [:]

        mutating func add(_ other: Sums) {
            buckets.merge(other.buckets) { $0 + $1 }
            tenants.merge(other.tenants) { $0 + $1 }
        }

        mutating func add(_ usage: MeshUsage, _ bucket: Bucket) {
            buckets[bucket.id, default: MeshUsage()] += usage
            guard let tenant = BucketName.tenant(of: bucket.name) else { return }
            tenants[tenant, default: MeshUsage()] += usage
        }
    }

    private struct State {
        var looked = Sums()
        /// Acknowledged here: before the look began that is under way, and behind that.
        var takenBefore = Sums()
        var taken = Sums()
        var lookedMillis: UInt64?
        /// That keep objects.
        var nodes = 1
        /// All of them answered.
        var isComplete = false

        /// - Parameter takers: how many nodes are thought to have taken in as much as this one did.
        func sum(takers: Int, _ part: (Sums) -> MeshUsage?) -> MeshUsage {
            var usage = part(looked) ?? MeshUsage()
            usage.isComplete = usage.isComplete && isComplete
            for more in [takenBefore, taken].compactMap(part) {
                usage += MeshUsage(versions: more.versions &* UInt64(takers), bytes: more.bytes &* UInt64(takers))
            }
            return usage
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// What a bucket has, about.
    /// - Parameter isAtMost: as if all nodes had taken in as much as this one since the look.
    package func usage(of bucket: BucketID, isAtMost: Bool = false) -> MeshUsage {
        state.withLock { state in state.sum(takers: isAtMost ? state.nodes : 1) { $0.buckets[bucket] } }
    }

    /// What all buckets of a tenant have together.
    package func usage(ofTenant tenant: String, isAtMost: Bool = false) -> MeshUsage {
        state.withLock { state in state.sum(takers: isAtMost ? state.nodes : 1) { $0.tenants[tenant] } }
    }

    /// This node took in so much.
    package func took(_ more: MeshUsage, into bucket: Bucket) { state.withLock { $0.taken.add(more, bucket) } }

    /// A look begins: what is taken in from here on may be in it or not, and counts beside it until the next one.
    package func begin() {
        state.withLock { state in
            state.takenBefore.add(state.taken)
            state.taken = Sums()
        }
    }

    /// - Parameters:
    ///   - totals: what those have that answered.
    ///   - buckets: all that there are.
    ///   - nodes: how many keep objects.
    ///   - isComplete: all of them answered. Of buckets of which nobody did, what was known before stays.
    package func end(
        _ totals: [BucketID: MeshUsage],
        _ buckets: [Bucket],
        nodes: Int,
        isComplete: Bool,
        nowMillis: UInt64
    ) {
        state.withLock { state in
            var sums = Sums()
            for bucket in buckets {
                let known = totals[bucket.id] ?? (isComplete ? nil : state.looked.buckets[bucket.id])
                if let known { sums.add(known, bucket) }
            }
            state.looked = sums
            state.takenBefore = Sums()
            state.nodes = nodes
            state.isComplete = isComplete
            state.lookedMillis = nowMillis
        }
    }

    /// When the last look ended, in milliseconds since 1970; nil: there was none.
    package var lookedMillis: UInt64? { state.withLock { $0.lookedMillis } }
}
