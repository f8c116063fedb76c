package import Swim
internal import Synchronization

/// What repair did since the start.
package final class RepairCounters: Sendable {
    /// Rows that came, and rows that were brought to others, by any road.
    package let rowsPulled = Counter()
    package let rowsPushed = Counter()
    package let bodiesFetched = Counter()
    package let bodyBytesFetched = Counter()
    /// Bodies whose bytes did not fit their ETag, or that nobody could give.
    package let bodiesRefused = Counter()
    package let bodiesUnobtainable = Counter()
    package let hintsDelivered = Counter()
    package let readRepairs = Counter()
    /// Offered while the queue was full, or while the same repair was under way.
    package let readRepairsDropped = Counter()
    package let comparisons = Counter()
    package let comparisonsEqual = Counter()
    /// Comparisons that ended early: a peer that did not answer, a layout that changed.
    package let comparisonsBroken = Counter()
    package let surplusDropped = Counter()
    /// Deleted buckets whose space this node gave back.
    package let bucketsBuried = Counter()
    /// Tombstones and removals that went from this node, and rounds in which this node listed some.
    package let tombstonesCollected = Counter()
    package let collections = Counter()
    /// Payload of all questions and answers, both ways.
    package let bytesAsked = Counter()
    package let bytesAnswered = Counter()

    package init() {}

    /// By the names that reports and metrics use.
    package var values: [String: UInt64] {
        [
            "rows_pulled": rowsPulled.value, "rows_pushed": rowsPushed.value, "bodies_fetched": bodiesFetched.value,
            "body_bytes_fetched": bodyBytesFetched.value, "bodies_refused": bodiesRefused.value,
            "bodies_unobtainable": bodiesUnobtainable.value, "hints_delivered": hintsDelivered.value,
            "read_repairs": readRepairs.value, "read_repairs_dropped": readRepairsDropped.value,
            "comparisons": comparisons.value, "comparisons_equal": comparisonsEqual.value,
            "comparisons_broken": comparisonsBroken.value, "surplus_dropped": surplusDropped.value,
            "buckets_buried": bucketsBuried.value, "tombstones_collected": tombstonesCollected.value,
            "collections": collections.value,
            "bytes_asked": bytesAsked.value, "bytes_answered": bytesAnswered.value,
        ]
    }
}

/// The last comparison with each peer.
package final class ComparisonLog: Sendable {
    package struct Entry: Sendable {
        package var atMillis: UInt64
        package var leavesDifferent: Int
        package var rowsPulled: Int
        package var rowsPushed: Int
        package var bytes: UInt64
        /// Why it ended early; nil: it did not.
        package var failure: RepairFailure?
    }

    private let entries = Mutex<[NodeID: Entry]>([:])

    package init() {}

    package func note(_ peer: NodeID, _ entry: Entry) { entries.withLock { $0[peer] = entry } }

    package var all: [NodeID: Entry] { entries.withLock { $0 } }

    /// Forgets those who are no peers any more.
    package func keep(_ peers: Set<NodeID>) {
        entries.withLock { entries in entries = entries.filter { peers.contains($0.key) } }
    }
}
