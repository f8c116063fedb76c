import Mesh

/// The values of the cluster calls of the admin API that Mesh itself has no use for.

/// `cluster/status`: the mesh as one thing.
struct ClusterAnswer: Codable, Sendable {
    struct Member: Codable, Sendable {
        var id: String
        var name: String
        var zone: String
        var state: String
        var s3: String
    }

    /// More than one node takes part.
    var enabled: Bool
    /// `standalone`, `ha` (two nodes that hold data) or `scaleout`.
    var mode: String
    var nodes: [Member]
    /// `healthy`, `degraded` or `impaired`.
    var health: String
    var sentence: String
    var findings: [ClusterHealth.Finding]
    var score: HealthScore
    /// The layout epoch that this node goes by; 0 before it has a layout.
    var epoch: UInt64
    var features: [String: Bool]
}

/// One node, with its place in the layout and what it says of itself.
struct ClusterNode: Codable, Sendable {
    var id: String
    var name: String
    var zone: String
    /// `alive`, `suspect`, `unstable`, `dead`, `left`, `expelled`; `unknown` before it was ever heard.
    var state: String
    var sinceMillis: UInt64
    /// `holder`, `draining`, `leaving`, or `outside` without a place in the layout.
    var role: String
    var weight: UInt32
    /// Of all keys, 0 to 1: what it holds now, and when nothing moves any more.
    var share: Double
    var nextShare: Double
    var address: String
    var s3: String
    var admin: String
    var version: String
    var capacityBytes: UInt64
    var freeBytes: UInt64
    /// Its own words; nothing when it did not answer.
    var condition: NodeCondition?
    /// What people noted of it; nil: nothing.
    var metadata: [String: String]?
}

struct ClusterNodes: Codable, Sendable {
    var epoch: UInt64
    var nodes: [ClusterNode]
}

/// `cluster/nodes/remove`
struct NodesRemoval: Codable, Sendable {
    /// Names, or the first digits of ids.
    var nodes: [String]
    var force: Bool?
}

/// `cluster/nodes/NAME/remove` and `forget`.
struct NodeRemoval: Codable, Sendable {
    /// Also when copies are lost by it.
    var force: Bool?
}

/// `cluster/nodes/NAME/replace`.
struct NodeReplacement: Codable, Sendable {
    /// The node that takes over.
    var with: String
    /// Also when copies are lost by it.
    var force: Bool?
}

/// `cluster/nodes/NAME`, PATCH: what is not given stays.
struct NodeChange: Codable, Sendable {
    var weight: UInt32?
    var zone: String?
    /// Empty: as it is configured.
    var name: String?
    /// In place of all that was noted.
    var metadata: [String: String]?
}

/// `cluster/layout/bandwidth`.
struct BandwidthChange: Codable, Sendable {
    /// 0: as fast as it goes.
    var bytesPerSecond: UInt64
}

/// What became of an order to the mesh.
struct OrderAnswer: Codable, Sendable {
    /// One line for people.
    var message: String
    /// The layout epoch after it.
    var epoch: UInt64
}

/// `cluster/metrics`: what each node that answers says of itself.
struct ClusterMetrics: Codable, Sendable {
    var nodes: [NodeCondition]
}

/// `cluster/repair`: what repair does on each node.
struct RepairAnswer: Codable, Sendable {
    struct NodeReport: Codable, Sendable {
        var name: String
        var id: String
        var report: RepairReport
    }

    var nodes: [NodeReport]
    /// Members that did not answer.
    var silent: [String]
}

/// A change of the layout that is under way.
struct MovementAnswer: Codable, Sendable {
    struct Arrival: Codable, Sendable {
        var name: String
        var movement: RepairReport.Movement
    }

    /// In words: `cellar joins`.
    var what: String
    var epoch: UInt64
    /// 0 to 1.
    var share: Double
    var doneShares: Int
    var allShares: Int
    var doneBytes: UInt64
    var allBytes: UInt64
    var bytesPerSecond: UInt64
    var secondsLeft: UInt64?
    var isPaused: Bool
    /// Names of those who are needed to go on and do not answer.
    var waitsFor: [String]
    /// What each node has fetched of it, and has to fetch.
    var nodes: [Arrival]
}

struct MovementsAnswer: Codable, Sendable {
    var movements: [MovementAnswer]
}

/// `cluster/layout`.
struct LayoutAnswer: Codable, Sendable {
    var layout: LayoutReport
    /// Nothing while nothing moves.
    var movement: MovementAnswer?
}
