package import Swim

/// What a node knows of the whole mesh at one moment, gathered for judgement: members, holders, what each said of
/// itself.
package struct ClusterFacts: Sendable {
    /// One node: of the layout, of the member list, or of both.
    package struct Node: Sendable {
        package var id: NodeID
        package var name: String
        package var zone = ""
        package var weight: UInt32 = 0
        /// What the membership says; nil when it never heard of the node.
        package var state: MemberLine.State?
        package var sinceMillis: UInt64 = 0
        /// Its place in the layout; nil when it has none.
        package var place: LayoutMember.State?
        /// It lost its place by an order, and gets none by itself.
        package var isRemoved = false
        /// Its former store is gone, and this one is being filled in its place.
        package var isRefilled = false
        /// Its own words; nil when it did not answer.
        package var condition: NodeCondition?

        package init(id: NodeID, name: String) {
            self.id = id
            self.name = name
        }

        package var isMember: Bool { place != nil }

        /// Whether it is to hold a share.
        package var isHolder: Bool { place == .active && weight > 0 }

        /// Whether requests to it have a chance: accused ones included, those who are gone or failed not.
        package var isReachable: Bool {
            guard condition?.failure == nil else { return false }
            switch state {
            case .alive, .suspect, .unstable: return true
            case .dead, .left, .expelled, nil: return false
            }
        }
    }

    /// A change of the layout that is under way.
    package struct Movement: Sendable {
        /// In words: `cellar joins`.
        package var what: String
        /// Shares of partitions that have come to where they are to be.
        package var doneShares = 0
        package var allShares = 0
        package var doneBytes: UInt64 = 0
        /// 0 while nobody has counted.
        package var allBytes: UInt64 = 0
        package var bytesPerSecond: UInt64 = 0
        package var isPaused = false
        /// Names of those who are needed to go on and do not answer.
        package var waitsFor: [String] = []

        package init(what: String) { self.what = what }

        /// 0 to 1.
        package var share: Double {
            if allBytes > 0 { return min(1, Double(doneBytes) / Double(allBytes)) }
            return allShares == 0 ? 0 : Double(doneShares) / Double(allShares)
        }

        /// Seconds to the end at the rate of the moment; nil while nothing moves.
        package var secondsLeft: UInt64? {
            guard bytesPerSecond > 0, !isPaused, allBytes >= doneBytes else { return nil }
            return (allBytes - doneBytes) / bytesPerSecond
        }
    }

    /// A bucket that has its own number of copies.
    package struct Special: Sendable {
        package var name: String
        package var wants: Int
        package var has: Int
        /// It is on chosen nodes or in chosen zones: nodes elsewhere do not help.
        package var isPooled: Bool

        package init(name: String, wants: Int, has: Int, isPooled: Bool = false) {
            self.isPooled = isPooled
            self.name = name
            self.wants = wants
            self.has = has
        }
    }

    /// Buckets that were moved to some of the nodes, or are on their way, in one number of copies.
    package struct Pooled: Sendable {
        package var buckets: Int
        /// By partition.
        package var holders: [HolderSet]

        package init(buckets: Int, holders: [HolderSet]) {
            self.buckets = buckets
            self.holders = holders
        }
    }

    package var ownID: NodeID
    package var nowMillis: UInt64
    /// The layout epoch that this node goes by; 0 before it has a layout.
    package var epoch: UInt64 = 0
    /// The layout is joint.
    package var isChanging = false
    package var copiesWanted = Layout.copiesDefault
    package var nodes: [Node] = []
    /// Buckets that want another number of copies than others, and how many there are nodes for.
    package var specialBuckets: [Special] = []
    /// By partition, the one of small state last, at `copiesWanted` copies.
    package var holders: [HolderSet] = []
    package var pooled: [Pooled] = []
    package var movement: Movement?
    /// Most questions of this node go unanswered.
    package var isIsolated = false

    package init(ownID: NodeID, nowMillis: UInt64) {
        self.ownID = ownID
        self.nowMillis = nowMillis
    }

    /// Those who have a place in the layout.
    package var members: [Node] { nodes.filter(\.isMember) }

    package func name(of id: NodeID) -> String {
        nodes.first { $0.id == id }?.name ?? String(id.description.prefix(8))
    }

    /// The same for an id as text, as conditions carry them.
    package func name(ofID text: String) -> String {
        nodes.first { $0.id.description == text }?.name ?? String(text.prefix(8))
    }
}
