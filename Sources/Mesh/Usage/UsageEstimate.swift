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
    /// Copies of versions on nodes that are not to keep any of it: they go by themselves.
    package var surplusCopies: UInt64

    package init(versions: UInt64 = 0, bytes: UInt64 = 0, isComplete: Bool = true, surplusCopies: UInt64 = 0) {
        self.surplusCopies = surplusCopies
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
        a.surplusCopies &+= b.surplusCopies
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
    /// - Parameter spread: where a bucket's copies are now.
    package static func totals(
        _ counts: [NodeID: [BucketID: Usage]],
        _ layout: Layout,
        of buckets: some Sequence<BucketID>,
        spread: (BucketID) -> Spread
    ) -> [BucketID: MeshUsage] {
        var shares: [Spread: [NodeID: Int]] = [:]
        var totals: [BucketID: MeshUsage] = [:]
        for bucket in buckets {
            let spread = spread(bucket)
            let share = shares[spread] ?? layout.keptPartitions(of: spread)
            shares[spread] = share
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
                isComplete: share.keys.allSatisfy { counts[$0] != nil },
                surplusCopies: layout.isJoint ? 0 : surplus(of: bucket, counts, layout, keepers: share)
            )
        }
        return totals
    }

    /// What nodes have of a bucket that are to keep none of it.
    private static func surplus(
        of bucket: BucketID,
        _ counts: [NodeID: [BucketID: Usage]],
        _ layout: Layout,
        keepers: [NodeID: Int]
    ) -> UInt64 {
        counts.filter { keepers[$0.key] == nil && !layout.isWitness($0.key) }.reduce(0) { sum, count in
            sum &+ UInt64(max(0, count.value[bucket]?.versions ?? 0))
        }
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
    package func keptPartitions(of spread: Spread) -> [NodeID: Int] {
        let table = table(of: spread.pool)
        var entries = [Int](repeating: 0, count: members.count)
        for number in 0..<Partition.count {
            for entry in table.keepers(Partition(number: UInt16(number)), copies: spread.copies)
            where entry != SlotTable.none {
                entries[Int(entry)] += 1
            }
        }
        var kept: [NodeID: Int] = [:]
        for (index, count) in entries.enumerated() where count > 0 { kept[members[index].node, default: 0] += count }
        return kept
    }

    /// All nodes that keep bytes of anything, in what is now.
    package var keepers: Set<NodeID> {
        poolIDs.reduce(into: []) { keepers, pool in
            keepers.formUnion(keptPartitions(of: Spread(copies: SlotTable.widthMax, pool: pool)).keys)
        }
    }
}
