/// Buckets that are gone for good: no row of theirs is taken any more, and those that are here are taken away, a few at a
/// time.
///
/// Which buckets these are is decided above (a bucket's name was given up by its register); here it is remembered for ever,
/// eight bytes each, since a node that was away may bring such rows at any time.
struct Burials: Sendable {
    /// Rows in one transaction: about two milliseconds of the committer.
    private static let rowsPerStep = 256
    private static let stepsPerRound = 16

    /// By the ids of their objects' space.
    var gone: Set<BucketID> = []
    /// Those that may have rows here.
    var unpurged: Set<BucketID> = []

    func isGone(_ bucket: BucketID) -> Bool {
        !gone.isEmpty && bucket.space != .system && gone.contains(bucket.within(.object))
    }

    /// True when there is more to do.
    static func purge(_ around: Housekeeper.Surroundings, _ isStopping: Flag) -> Bool {
        for _ in 0..<stepsPerRound {
            guard !isStopping.value, around.published.read({ !$0.burials.unpurged.isEmpty }) else { return false }
            // A store that fails is tried again in the next round.
            do { try around.committer.upkeep { try $0.purge(rowsPerStep) } } catch { return false }
        }
        return true
    }
}

extension IndexWriter {
    /// The bucket will never be again.
    func bury(_ bucket: BucketID) throws {
        let bucket = bucket.within(.object)
        guard bucket.space == .object, pending.burials.gone.insert(bucket).inserted else { return }
        try rows.putGone.bind(1, bucket.column).run()
        try rows.deleteClosed.bind(1, bucket.column).run()
        pending.closed.remove(bucket)
        pending.burials.unpurged.insert(bucket)
    }

    /// Takes away some rows of a bucket that is gone.
    func purge(_ limit: Int) throws {
        guard let bucket = pending.burials.unpurged.first else { return }
        var some: [RecordRow] = []
        for space in [Space.object, .upload, .part] where some.count < limit {
            try versions.each(of: bucket.within(space), prefix: []) { row in
                some.append(row)
                return some.count < limit
            }
        }
        for row in some {
            try erase(row)
            if row.record.isNull, !row.record.kind.isChange, hasNulls {
                try forgetNull(row.record.bucket, row.record.key)
            }
        }
        guard some.count < limit else { return }
        try forgetInstances { $0.bucket.space != .system && $0.bucket.within(.object) == bucket }
        pending.burials.unpurged.remove(bucket)
    }
}

extension ObjectStore {
    /// Buckets that take no writes because somebody deletes them, or did.
    package func closedBuckets() async throws -> [BucketID] { try await run { Array($0.pending.closed) } }

    /// The buckets are gone for good: what is here of them goes, and nothing of them is taken any more. Durable.
    package func bury(_ buckets: [BucketID]) async throws {
        try await run { writer in for bucket in buckets { try writer.bury(bucket) } }
    }

    /// All that are gone for good.
    package var buried: Set<BucketID> { engine.published.read { $0.burials.gone } }

    /// Buckets that are gone and whose rows are not all taken away yet.
    package var unpurgedBuckets: Int { engine.published.read { $0.burials.unpurged.count } }
}
