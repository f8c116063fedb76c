package import Store
package import Swim

/// What an operator can ask of the layout.
package enum LayoutWish: Sendable, Hashable {
    /// Lets a store in that was removed before; others come in by themselves.
    case join(NodeID)
    /// Gives its share away and stays a member without one.
    case drain(NodeID)
    case resume(NodeID)
    /// They give their shares away and go, in one step; a dead one goes at once, and the others make the missing copies.
    case remove(Set<NodeID>)
    /// Another node takes over the places of this one.
    case replace(NodeID, by: NodeID)
    /// The share relative to the others'.
    case weight(NodeID, UInt32)
    case zone(NodeID, String)
    /// A bucket that was made with `base` copies gets another number of them.
    case copies(BucketID, base: Int, wanted: Int)
    /// A bucket that was made with `base` copies moves to these nodes; nil: to the whole mesh.
    case move(BucketID, base: Int, to: Pool.Scope?)
    /// Gives up what the former store of a node held, when nobody else can tell any more what that was.
    case forget(NodeID)
}

extension LayoutWish {
    var isMove: Bool {
        if case .move = self { true } else { false }
    }
}

/// What a node says of itself, and whether it is there.
package struct StorePresence: Sendable, Hashable {
    package var node: NodeID
    package var storeID: UInt64
    package var zone: String
    /// 0: it wants to hold nothing.
    package var weight: UInt32
    package var isAlive: Bool

    package init(node: NodeID, storeID: UInt64, zone: String, weight: UInt32, isAlive: Bool) {
        self.node = node
        self.storeID = storeID
        self.zone = zone
        self.weight = weight
        self.isAlive = isAlive
    }

    var newcomer: LayoutMember {
        LayoutMember(node: node, storeID: storeID, memberSince: 0, zone: zone, weight: weight)
    }
}

/// What is known beside the layout when a wish is judged.
package struct LayoutSurroundings: Sendable {
    package var presence: [NodeID: StorePresence]
    /// With how many copies the buckets that exist were made; what nobody wants cannot be lost. The layout knows of those
    /// that have others by now.
    package var copiesInUse: [Int]
    /// The highest time word that this node's store ever gave out.
    package var lastTime: UInt64
    /// All members have said which tombstones may go, and there are some: the highest time word among them.
    package var spent: UInt64?
    /// Buckets that were deleted for good.
    package var goneBuckets: Set<BucketID>

    package init(
        presence: [NodeID: StorePresence] = [:],
        copiesInUse: [Int] = [Layout.copiesDefault],
        lastTime: UInt64 = 0,
        spent: UInt64? = nil,
        goneBuckets: Set<BucketID> = []
    ) {
        self.goneBuckets = goneBuckets
        self.presence = presence
        self.copiesInUse = copiesInUse
        self.lastTime = lastTime
        self.spent = spent
    }

    /// The store that the layout means is there.
    func isAlive(_ member: LayoutMember) -> Bool {
        guard let seen = presence[member.node] else { return false }
        return seen.isAlive && seen.storeID == member.storeID
    }
}

/// What a wish comes to.
package enum WishVerdict: Sendable, Hashable {
    /// The layout to propose; `notes` are sentences about what will be different.
    case propose(Layout, notes: [String])
    /// Nothing to do: it is so, or under way.
    case alreadySo
    /// Only with force, and this is what it would cost.
    case needsForce(WishLoss)
    /// A sentence: why not.
    case refused(String)
}

/// What goes when the places of a dead node are given up, in shares of all keys.
package struct WishLoss: Sendable, Hashable {
    package var node: NodeID
    /// Partitions of which no other holder is alive, for each way in which buckets are spread.
    package var lost: [Spread: Int]
    /// Partitions of which some other holders are alive, but too few to know the latest writes.
    package var doubtful: [Spread: Int]

    package var isEmpty: Bool { lost.values.allSatisfy { $0 == 0 } && doubtful.values.allSatisfy { $0 == 0 } }

    /// What goes with both at most: a partition that both hold counts twice.
    static func + (a: WishLoss, b: WishLoss) -> WishLoss {
        var sum = a
        sum.lost.merge(b.lost) { min(Partition.count, $0 + $1) }
        sum.doubtful.merge(b.doubtful) { min(Partition.count, $0 + $1) }
        return sum
    }

    /// One sentence for each thing that goes.
    package var sentences: [String] {
        let total = 1024
        func share(_ count: Int) -> String {
            "\(count) of \(total) partitions (\(count * 100 / total) % of their keys)"
        }
        func buckets(_ spread: Spread) -> String {
            let copies = "\(spread.copies) \(spread.copies == 1 ? "copy" : "copies")"
            return spread.pool == .whole ? "Buckets with \(copies)" : "Buckets with \(copies) on chosen nodes"
        }
        return lost.sorted { $0.key < $1.key }.filter { $0.value > 0 }.map { spread, count in
            "\(buckets(spread)) lose everything in \(share(count)): no other holder is alive."
        }
            + doubtful.sorted { $0.key < $1.key }.filter { $0.value > 0 }.map { spread, count in
                "\(buckets(spread)) may lose their latest writes in \(share(count)): "
                    + "too few holders are alive to know them."
            }
    }
}
