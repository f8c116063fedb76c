package import Store
internal import Swim

/// A bucket whose number of copies was changed since it was made, or that was moved to a pool. A part of the layout,
/// because two holders of three and three of five need not meet: the step from one to another is decided, fenced and
/// synced like any other change of holders.
package struct BucketSpread: Sendable, Hashable {
    /// A layout travels with refusals and is looked up by every request: it stays small.
    package static let countMax = 1024

    /// Of the space of its objects.
    package let bucket: BucketID
    /// How many copies the bucket was made with, on nodes of the whole mesh: its row says so for ever, and it holds where
    /// the layout says nothing.
    package let base: Int
    package let now: Spread
    package let next: Spread

    package init(bucket: BucketID, base: Int, now: Spread, next: Spread) {
        self.bucket = bucket
        self.base = base
        self.now = now
        self.next = next
    }

    /// When the change is over; nil: it has what it was made with, and needs no mention.
    var settled: BucketSpread? {
        next == Spread(copies: base) ? nil : BucketSpread(bucket: bucket, base: base, now: next, next: next)
    }

    var span: CopySpan { CopySpan(now: now, next: next) }

    func moving(to next: Spread) -> BucketSpread { BucketSpread(bucket: bucket, base: base, now: now, next: next) }
}

extension Layout {
    /// How a bucket that was made with so many copies is spread.
    package func span(of bucket: BucketID, base: Int) -> CopySpan {
        guard !spreads.isEmpty, bucket.space != .system, let known = spread(of: bucket) else { return CopySpan(base) }
        return known.span
    }

    /// All spans that there are, when buckets were made with these numbers of copies.
    package func spans(bases: Set<Int>) -> Set<CopySpan> {
        Set(bases.map { CopySpan($0) }).union(spreads.map(\.span))
    }

    /// The holders of a key of a bucket that was made with so many copies.
    package func holders(of address: RowAddress, base: Int) -> HolderSet {
        holders(of: address.partition, copies: span(of: address.bucket, base: base))
    }

    /// Whether some bucket gets another number of copies, or moves to another pool.
    package var isChangingSpreads: Bool { spreads.contains(where: \.span.isChanging) }

    /// What is said of a bucket that was changed or moved.
    package func spread(of bucket: BucketID) -> BucketSpread? {
        let id = bucket.within(.object).rawValue
        var (low, high) = (0, spreads.count)
        while low < high {
            let middle = (low + high) / 2
            if spreads[middle].bucket.rawValue < id { low = middle + 1 } else { high = middle }
        }
        return low < spreads.count && spreads[low].bucket.rawValue == id ? spreads[low] : nil
    }

    /// The same layout as it is to be judged: buckets that were deleted for good want nothing any more.
    func without(_ gone: Set<BucketID>) -> Layout {
        guard spreads.contains(where: { gone.contains($0.bucket) }) else { return self }
        return with(spreads: spreads.filter { !gone.contains($0.bucket) })
    }

    /// The layout behind a stable one that says nothing any more of buckets that are gone, nor of pools that nobody is in;
    /// nil: there are none.
    func forgetting(_ gone: Set<BucketID>) -> Layout? {
        let left = without(gone)
        guard !isJoint, left.spreads.count < spreads.count else { return nil }
        return left.with(epoch: epoch + 1, spreads: left.spreads, pools: left.poolsInUse)
    }

    /// A layout in which the bucket is to have so many copies where it is; nil when too many buckets have others than they
    /// were made with.
    ///
    /// It is joint, with the same nodes before and after: what differs is how much of each list of slots counts. Where
    /// that is the same too, since there are no more nodes, the layout stays stable.
    /// - Parameter gone: buckets that were deleted for good and need no mention any more.
    package func changing(_ bucket: BucketID, base: Int, to wanted: Int, gone: Set<BucketID> = []) -> Layout? {
        changing(bucket, base: base, to: wanted, in: span(of: bucket, base: base).next.pool, pools, gone)
    }

    /// A layout in which the bucket moves to these nodes, or to the whole mesh (`scope` is nil). Nil when none of them may
    /// hold anything, when too many buckets have others than they were made with, or when there are too many pools.
    package func moving(
        _ bucket: BucketID,
        base: Int,
        to scope: Pool.Scope?,
        gone: Set<BucketID> = []
    ) -> Layout? {
        let wanted = span(of: bucket, base: base).next.copies
        guard let scope else { return changing(bucket, base: base, to: wanted, in: .whole, pools, gone) }
        let known = pools.first { $0.scope == scope }
        if let known, known.next != nil || !isJoint {
            return changing(bucket, base: base, to: wanted, in: known.id, pools, gone)
        }
        let taken = Set(pools.map(\.id.rawValue))
        guard let number = known?.id.rawValue ?? (1...UInt8.max).first(where: { !taken.contains($0) }),
            known != nil || pools.count < Pool.countMax,
            let table = Pool.table(
                of: scope,
                members,
                eligible: eligible,
                previous: nil,
                base: known?.current
            )
        else { return nil }
        let id = PoolID(rawValue: number)
        let pool = Pool(id: id, scope: scope, current: known?.current, next: table)
        return changing(bucket, base: base, to: wanted, in: id, pools.filter { $0.id != id } + [pool], gone)
    }

    private func changing(
        _ bucket: BucketID,
        base: Int,
        to wanted: Int,
        in pool: PoolID,
        _ pools: [Pool],
        _ gone: Set<BucketID>
    ) -> Layout? {
        let id = bucket.within(.object)
        let before = span(of: id, base: base)
        let after = Spread(copies: wanted, pool: pool)
        let isStill =
            !isJoint && before.now.pool == pool && table(of: pool).hasSamePlaces(before.now.copies, wanted)
        let entry = BucketSpread(bucket: id, base: base, now: isStill ? after : before.now, next: after)
        var list = spreads.filter { $0.bucket != id && !gone.contains($0.bucket) }
        if entry.now != Spread(copies: base) || entry.next != Spread(copies: base) { list.append(entry) }
        guard list.count <= BucketSpread.countMax else { return nil }
        list.sort { $0.bucket.rawValue < $1.bucket.rawValue }
        guard !isStill else { return with(epoch: epoch + 1, spreads: list, pools: pools) }
        return with(
            epoch: epoch + 1,
            origin: isJoint ? origin : epoch,
            next: target,
            fences: fencesOfObjects(epoch + 1),
            spreads: list,
            pools: pools.map { $0.with(next: $0.target) }.sorted { $0.id.rawValue < $1.id.rawValue }
        )
    }

    /// Whether each bucket begins where it ended. Mentions that are missing are of buckets that are gone, or have what
    /// they were made with.
    func spreadsFollow(_ former: Layout) -> Bool {
        // At the end of a change nothing else happens, so every spread that was moved to is here.
        let isEnd = former.isJoint && !isJoint
        guard !isEnd || spreads == former.spreads.compactMap(\.settled) else { return false }
        return spreads.allSatisfy { entry in
            let known = former.spread(of: entry.bucket)
            guard known.map({ $0.base == entry.base }) ?? true else { return false }
            let base = Spread(copies: entry.base)
            let now = known?.now ?? base
            if isJoint { return entry.now == now }
            guard entry.now == entry.next else { return false }
            if former.isJoint { return entry.now == known?.next ?? base }
            return now.pool == entry.now.pool
                && table(of: now.pool).hasSamePlaces(now.copies, entry.now.copies)
        }
    }
}

extension SlotTable {
    /// Whether two numbers of copies mean the same places of every list.
    func hasSamePlaces(_ a: Int, _ b: Int) -> Bool {
        min(a, copiesMax) == min(b, copiesMax) && (!hasWitness || (a > 1) == (b > 1))
    }
}
