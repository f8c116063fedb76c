package import Store
package import Swim

/// What a bucket or a tenant has in the whole mesh: each version once, however many copies there are.
package struct MeshUsage: Hashable, Sendable {
    /// Versions of objects, delete markers included.
    package var versions: UInt64
    /// Of these and of parts of unfinished uploads.
    package var bytes: UInt64
    /// Every node that keeps some of it was asked and answered; else the rest is taken to be like what is known.
    package var isComplete: Bool

    package init(versions: UInt64 = 0, bytes: UInt64 = 0, isComplete: Bool = true) {
        self.versions = versions
        self.bytes = bytes
        self.isComplete = isComplete
    }

    package static func + (a: MeshUsage, b: MeshUsage) -> MeshUsage {
        var sum = a
        sum += b
        return sum
    }

    package static func += (a: inout MeshUsage, b: MeshUsage) {
        a.versions &+= b.versions
        a.bytes &+= b.bytes
        a.isComplete = a.isComplete && b.isComplete
    }
}

/// Makes of what single nodes have what the mesh has.
///
/// A node counts all rows that it keeps. Keys fall on partitions evenly, so what those that answer have together is to
/// what there is as the places that they hold are to all partitions. It is exact when all answer and all copies are where
/// they belong; while a layout changes, copies that are on their way or no longer needed count a little too much or too
/// little.
package enum UsageEstimate {
    /// Nothing is said of buckets of which no holder answers.
    /// - Parameter copies: how many a bucket has now.
    package static func totals(
        _ counts: [NodeID: [BucketID: Usage]],
        _ layout: Layout,
        of buckets: some Sequence<BucketID>,
        copies: (BucketID) -> Int
    ) -> [BucketID: MeshUsage] {
        var shares: [Int: [NodeID: Int]] = [:]
        var totals: [BucketID: MeshUsage] = [:]
        for bucket in buckets {
            let copies = copies(bucket)
            let share = shares[copies] ?? layout.keptPartitions(copies: copies)
            shares[copies] = share
            var (known, sum) = (0, Usage())
            for (node, count) in share {
                guard let buckets = counts[node] else { continue }
                known += count
                sum += buckets[bucket] ?? Usage()
            }
            guard known > 0 else { continue }
            totals[bucket] = MeshUsage(
                versions: scaled(sum.versions, known),
                bytes: scaled(sum.bytes + sum.partBytes, known),
                isComplete: share.keys.allSatisfy { counts[$0] != nil }
            )
        }
        return totals
    }

    private static func scaled(_ count: Int64, _ known: Int) -> UInt64 {
        let product = UInt64(max(0, count)).multipliedFullWidth(by: UInt64(Partition.count))
        // What is known is at least one partition of all, so this fits unless the count is absurd.
        guard product.high < UInt64(known) else { return .max }
        let (quotient, rest) = UInt64(known).dividingFullWidth(product)
        return rest * 2 >= UInt64(known) ? quotient + 1 : quotient
    }
}

extension Layout {
    /// For each node that keeps bytes, of how many partitions it does, in what is now.
    package func keptPartitions(copies: Int) -> [NodeID: Int] {
        var entries = [Int](repeating: 0, count: members.count)
        for number in 0..<Partition.count {
            for entry in current.keepers(Partition(number: UInt16(number)), copies: copies)
            where entry != SlotTable.none {
                entries[Int(entry)] += 1
            }
        }
        var kept: [NodeID: Int] = [:]
        for (index, count) in entries.enumerated() where count > 0 { kept[members[index].node, default: 0] += count }
        return kept
    }
}
