import Mesh

/// The values of the admin API, as both its server and the command line know them; docs/openapi.yaml describes them.

/// What every answer is wrapped in.
struct Envelope<Value: Codable & Sendable>: Codable, Sendable {
    var success: Bool
    var data: Value?
    var error: Fault?
}

/// Why a call failed: a code for programs, a sentence for people.
struct Fault: Codable, Sendable {
    var code: String
    var message: String
    /// What was wrong with which part of the request, where that can be told.
    var fields: [FieldFault]?
}

/// What is wrong with one part of a request.
struct FieldFault: Codable, Hashable, Sendable {
    /// Its place: `copies`, `nodes[1].code`.
    var field: String
    var message: String
}

/// An answer that says nothing but yes.
struct Nothing: Codable, Sendable {}

struct StatusAnswer: Codable, Sendable {
    struct Storage: Codable, Sendable {
        var buckets: Int
        var versions: UInt64
        var logicalBytes: UInt64
        var segmentBytes: UInt64
        var deadBytes: UInt64
        var indexBytes: UInt64
        var freeBytes: UInt64
        var readOnly: Bool
        var corruptions: UInt64
    }

    var name: String
    var node: String
    var zone: String
    var version: String
    /// `standalone`, `ha` or `scaleout`.
    var mode: String
    /// Of this node's own store: `healthy`, `read-only`, `damaged` or `failed`.
    var health: String
    /// S3 requests are served.
    var ready: Bool
    var uptimeSeconds: UInt64
    var s3: String
    var admin: String
    /// Where other nodes connect; empty while nobody can.
    var mesh: String
    /// Members of the mesh that take part, this node included.
    var present: Int
    var storage: Storage
    var accessKeys: Int
    /// Of the whole mesh, as this node sees it.
    var cluster: ClusterHealth
}

struct BucketAnswer: Codable, Sendable {
    var name: String
    var created: String
    /// `off`, `enabled` or `suspended`.
    var versioning: String
    /// Copies that it wants of each object, and how many of them there are nodes for now.
    var copies: Int
    var copiesHeld: Int
    /// Nil in what an older build says.
    var usage: UsageAnswer?
    var quota: QuotaAnswer?
    /// Nil: it is of no tenant.
    var tenant: String?
    /// Where it is, or is moving to; nil: on nodes of the whole mesh.
    var place: BucketPlace?
    /// It goes to other nodes; nil where it is as it was made.
    var moving: Bool?
}

/// Chosen nodes, or all of some zones: one of the two is there.
struct BucketPlace: Codable, Sendable, Equatable {
    /// By name.
    var nodes: [String]?
    var zones: [String]?
}

/// `buckets/NAME/move`: one of the three.
struct BucketMove: Codable, Sendable {
    /// By name or id.
    var nodes: [String]?
    var zones: [String]?
    /// Back to nodes of the whole mesh.
    var everywhere: Bool?
}

/// What is there, about.
struct UsageAnswer: Codable, Sendable, Equatable {
    /// Versions of objects, delete markers included.
    var objects: UInt64
    var bytes: UInt64
    /// False: some node did not answer, and the rest is taken to be like what is known.
    var complete: Bool
    /// Copies on nodes that are to have none of it any more: they go when all new holders were seen to have them. Nil: none.
    var oldCopies: UInt64?

    init(_ usage: MeshUsage) {
        (objects, bytes, complete) = (usage.versions, usage.bytes, usage.isComplete)
        oldCopies = usage.surplusCopies > 0 ? usage.surplusCopies : nil
    }
}

/// `buckets/NAME/quota`, and what a bucket is shown with; nil: no limit.
struct QuotaAnswer: Codable, Sendable, Equatable {
    var bytes: UInt64?
    var objects: UInt64?
}

struct BucketsAnswer: Codable, Sendable {
    var buckets: [BucketAnswer]
}

struct NewBucket: Codable, Sendable {
    var name: String
    var versioning: String?
    /// 1, 2, 3 or 5; by default 3.
    var copies: Int?
    /// Whose it is to be; only for who has no tenant.
    var tenant: String?
}

/// `buckets/NAME/copies`
struct CopiesChange: Codable, Sendable {
    /// 1, 2, 3 or 5.
    var copies: Int
}

struct VersioningChange: Codable, Sendable {
    var versioning: String
}

struct KeyAnswer: Codable, Sendable {
    static let noRole = "none"

    struct BucketGrant: Codable, Sendable {
        var bucket: String
        /// Of `read`, `write`, `owner`.
        var rights: [String]
    }

    var id: String
    var created: String
    var disabled: Bool
    var admin: Bool
    /// `admin`, `operator`, `viewer` or `none`; builds without roles do not say it.
    var role: String?
    var createBuckets: Bool
    /// Nil: of no tenant.
    var tenant: String?
    var tenantAdmin: Bool?
    var grants: [BucketGrant]
    /// Only in the answer to the creation of a key.
    var secret: String?
}

struct KeysAnswer: Codable, Sendable {
    var keys: [KeyAnswer]
}

/// A new key: with an id and a secret it is imported, else both are made.
struct NewKey: Codable, Sendable {
    var id: String?
    var secret: String?
    var admin: Bool?
    /// As in the answer; `admin` is the older way to say one of them.
    var role: String?
    var createBuckets: Bool?
    /// Whose it is to be; a tenant's admin need not say.
    var tenant: String?
    var tenantAdmin: Bool?
}

struct KeyChange: Codable, Sendable {
    var disabled: Bool?
    var admin: Bool?
    var role: String?
    var createBuckets: Bool?
    var tenantAdmin: Bool?
}

struct GrantChange: Codable, Sendable {
    var bucket: String
    var rights: [String]
}

struct ConfigAnswer: Codable, Sendable {
    struct Entry: Codable, Sendable {
        var name: String
        var value: String
        var from: String
        var `default`: String
        var allowed: String
        var variable: String
        var purpose: String
    }

    var settings: [Entry]

    init(_ settings: Settings) {
        self.settings = settings.entries.map { entry in
            Entry(
                name: entry.setting.name,
                value: entry.text,
                from: entry.origin.description,
                default: entry.setting.fallback,
                allowed: entry.setting.kind.allowed,
                variable: entry.setting.variable,
                purpose: entry.setting.purpose
            )
        }
    }
}

/// `DIR/endpoints.json`: where this node really listens.
struct Endpoints: Codable, Hashable, Sendable {
    var s3: String
    var admin: String
    /// Empty while nobody listens for other nodes.
    var mesh: String
    var pid: Int32
    /// The certificate of an admin port with TLS, DER in base64, so that this machine's commands know it.
    var adminCertificate: String?
}
