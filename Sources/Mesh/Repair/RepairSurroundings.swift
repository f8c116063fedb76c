package import Store
internal import Swim

/// What every part of repair stands on: this node's disk, the others, the layout, and the common budget.
struct RepairSurroundings: Sendable {
    let own: NodeID
    let disk: any RepairDisk
    var peers: RepairPeers
    let book: LayoutBook
    let wishes: any CopyWishes
    /// The other nodes that would answer now.
    let alive: @Sendable () -> Set<NodeID>
    let settings: RepairSettings
    let pace: Pace
    let counters: RepairCounters
    let sources = BodySources()
    let movement = Movement()

    /// The same for what no pause and no budget may keep waiting: how far others are, keys, grants and settings,
    /// and bytes that a client waits for.
    var unpaced: RepairSurroundings {
        var around = self
        around.peers.pace = nil
        return around
    }

    /// Whether the node is to have rows under this address, now or when the change under way is over.
    func isHolder(_ node: NodeID, _ address: RowAddress) -> Bool {
        let layout = book.current
        // Every node has all of the small state.
        if address.bucket.space == .system { return true }
        return holders(of: address, layout).contains(node)
    }

    func holders(of address: RowAddress, _ layout: Layout) -> HolderSet {
        layout.holders(of: address, base: wishes.copies(of: address.bucket))
    }

    /// Where buckets are and are to be, each way once.
    func spans(_ layout: Layout) -> Set<CopySpan> { layout.spans(bases: wishes.copiesInUse) }

    /// Partitions of which two nodes are to hold the same rows, but for buckets that want fewer copies than others, or are
    /// elsewhere.
    func shared(_ layout: Layout, with peer: NodeID) -> [Partition] {
        let spans = spans(layout)
        return (0..<Partition.all).map { Partition(number: UInt16($0)) }.filter { partition in
            if partition == .system { return true }
            return spans.contains { span in
                let holders = layout.holders(of: partition, copies: span)
                return holders.contains(own) && holders.contains(peer)
            }
        }
    }
}

/// How many copies buckets were made with; the layout knows of those that were changed since.
package protocol CopyWishes: Sendable {
    func copies(of bucket: BucketID) -> Int
    /// All numbers that some bucket was made with, or a new one would be.
    var copiesInUse: Set<Int> { get }
    /// Buckets that were deleted for good.
    var goneBuckets: Set<BucketID> { get }
}

extension CopyWishes {
    package var goneBuckets: Set<BucketID> { [] }
}

/// The same for all buckets.
package struct EqualCopies: CopyWishes {
    private let copies: Int

    package init(_ copies: Int = Layout.copiesDefault) { self.copies = copies }

    package func copies(of bucket: BucketID) -> Int { copies }
    package var copiesInUse: Set<Int> { [copies] }
}

/// What this node is in a layout, and wants to be.
package struct OwnPlace: Sendable {
    package let storeID: UInt64
    package let zone: String
    /// `LayoutMember.weight` of its disk, or what its operator set.
    package let weight: @Sendable () -> UInt32

    package init(storeID: UInt64, zone: String, weight: @escaping @Sendable () -> UInt32) {
        self.storeID = storeID
        self.zone = zone
        self.weight = weight
    }
}
