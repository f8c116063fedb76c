package import Store

/// Copies that a bucket has, and those that it is to have when the change under way is over.
package struct CopySpan: Sendable, Hashable {
    package let now: Int
    package let next: Int

    package init(now: Int, next: Int) {
        self.now = now
        self.next = next
    }

    package init(_ copies: Int) { self.init(now: copies, next: copies) }

    package var isChanging: Bool { now != next }
    package var most: Int { max(now, next) }
}

/// A bucket whose number of copies was changed since it was made. A part of the layout, because two holders of three
/// and three of five need not meet: the step from one number to another is decided, fenced and synced like any other
/// change of holders.
package struct BucketCopies: Sendable, Hashable {
    /// A layout travels with refusals and is looked up by every request: it stays small.
    package static let countMax = 1024

    /// Of the space of its objects.
    package let bucket: BucketID
    /// What the bucket was made with: its row says so for ever, and it holds where the layout says nothing.
    package let base: Int
    package let now: Int
    package let next: Int

    package init(bucket: BucketID, base: Int, now: Int, next: Int) {
        self.bucket = bucket
        self.base = base
        self.now = now
        self.next = next
    }

    /// When the change is over; nil: it has what it was made with, and needs no mention.
    var settled: BucketCopies? {
        next == base ? nil : BucketCopies(bucket: bucket, base: base, now: next, next: next)
    }
}

extension Layout {
    /// The copies of a bucket that was made with so many.
    package func span(of bucket: BucketID, base: Int) -> CopySpan {
        guard !copies.isEmpty, bucket.space != .system, let known = copies(of: bucket) else { return CopySpan(base) }
        return CopySpan(now: known.now, next: known.next)
    }

    /// All spans that there are, when buckets were made with these numbers of copies.
    package func spans(bases: Set<Int>) -> Set<CopySpan> {
        Set(bases.map { CopySpan($0) }).union(copies.map { CopySpan(now: $0.now, next: $0.next) })
    }

    /// The holders of a key of a bucket that was made with so many copies.
    package func holders(of address: RowAddress, base: Int) -> HolderSet {
        holders(of: address.partition, copies: span(of: address.bucket, base: base))
    }

    /// Whether some bucket gets another number of copies.
    package var isChangingCopies: Bool { copies.contains { $0.now != $0.next } }

    func copies(of bucket: BucketID) -> BucketCopies? {
        let id = bucket.within(.object).rawValue
        var (low, high) = (0, copies.count)
        while low < high {
            let middle = (low + high) / 2
            if copies[middle].bucket.rawValue < id { low = middle + 1 } else { high = middle }
        }
        return low < copies.count && copies[low].bucket.rawValue == id ? copies[low] : nil
    }

    /// A layout in which the bucket is to have so many copies; nil when too many buckets have other numbers than they
    /// were made with.
    ///
    /// It is joint, with the same nodes before and after: what differs is how much of each list of slots counts. Where
    /// that is the same too, since there are no more nodes, the layout stays stable.
    /// - Parameter gone: buckets that were deleted for good and need no mention any more.
    package func changing(_ bucket: BucketID, base: Int, to wanted: Int, gone: Set<BucketID> = []) -> Layout? {
        let id = bucket.within(.object)
        let before = span(of: id, base: base)
        let isStill = !isJoint && current.hasSamePlaces(before.now, wanted)
        let entry = BucketCopies(bucket: id, base: base, now: isStill ? wanted : before.now, next: wanted)
        var list = copies.filter { $0.bucket != id && !gone.contains($0.bucket) }
        if entry.now != base || entry.next != base { list.append(entry) }
        guard list.count <= BucketCopies.countMax else { return nil }
        list.sort { $0.bucket.rawValue < $1.bucket.rawValue }
        let epoch = epoch + 1
        return Layout(
            epoch: epoch,
            lineage: lineage,
            origin: isJoint || isStill ? origin : self.epoch,
            settled: settled,
            members: members,
            current: current,
            next: isStill ? nil : target,
            fences: isStill
                ? fences
                : (0..<Partition.all).map { $0 == Int(Partition.system.number) ? fences[$0] : epoch },
            departed: departed,
            copies: list
        )
    }

    /// Whether each bucket begins where it ended. Mentions that are missing are of buckets that are gone, or have what
    /// they were made with.
    func copiesFollow(_ former: Layout) -> Bool {
        // At the end of a change nothing else happens, so every number that was moved to is here.
        let isEnd = former.isJoint && !isJoint
        guard !isEnd || copies == former.copies.compactMap(\.settled) else { return false }
        return copies.allSatisfy { entry in
            let known = former.copies(of: entry.bucket)
            guard known.map({ $0.base == entry.base }) ?? true else { return false }
            let now = known?.now ?? entry.base
            if isJoint { return entry.now == now }
            guard entry.now == entry.next else { return false }
            return former.isJoint
                ? entry.now == known?.next ?? entry.base : current.hasSamePlaces(now, entry.now)
        }
    }
}

extension SlotTable {
    /// Whether two numbers of copies mean the same places of every list.
    func hasSamePlaces(_ a: Int, _ b: Int) -> Bool {
        min(a, copiesMax) == min(b, copiesMax) && (!hasWitness || (a > 1) == (b > 1))
    }
}
