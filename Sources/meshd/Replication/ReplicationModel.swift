import Mesh

/// The values of `/api/v1/replication`.

struct RuleAnswer: Codable, Sendable {
    /// What one node says of it.
    struct Node: Codable, Sendable {
        var name: String
        /// Keys that wait on its disk.
        var queued: Int
        var objectsSent: UInt64
        var bytesSent: UInt64
        var deletesSent: UInt64
        var skipped: UInt64
        var failures: UInt64
    }

    struct Failure: Codable, Sendable {
        var at: String
        var node: String
        /// Nil: no single key is at fault.
        var key: String?
        var message: String
    }

    /// `unknown`: some nodes do not say how far they are, and the others have nothing left.
    enum State: String, Codable, Sendable {
        case caughtUp = "caught-up"
        case working, filling, waiting, failing, paused, unknown
    }

    var id: String
    var created: String
    var bucket: String
    var prefix: String
    var endpoint: String
    var region: String
    var targetBucket: String
    var targetPrefix: String
    /// The id of the key that the target knows; its secret is never told.
    var accessKey: String
    /// Whether a certificate of its own is trusted at the target.
    var hasCertificate: Bool
    /// Seconds between two passes; 0: continuous.
    var intervalSeconds: Int
    var deletes: Bool
    var metadata: Bool
    var existing: Bool
    var paused: Bool

    var state: State
    /// How it is, in words.
    var sentence: String
    /// Changes that are still to be sent, about: each waits with every holder of its key.
    var queued: Int
    /// How long the oldest of them waits; nil: none does, or it is not known.
    var lagSeconds: UInt64?
    /// Keys that failed for themselves and are tried again.
    var troubles: Int
    var objectsSent: UInt64
    var bytesSent: UInt64
    var deletesSent: UInt64
    /// Changes for which the target needed nothing.
    var skipped: UInt64
    var failures: UInt64
    /// When something was sent last.
    var lastSent: String?
    var lastFailure: Failure?
    var nodes: [Node]
    /// Members that did not say how far they are.
    var unanswered: [String]
}

struct RulesAnswer: Codable, Sendable {
    var rules: [RuleAnswer]
}

/// What is left out is as `ReplicationRule` has it by itself; the region is `Target.regionDefault`.
struct NewRule: Codable, Sendable {
    var bucket: String
    var prefix: String?
    var endpoint: String
    var region: String?
    /// By default named like the bucket.
    var targetBucket: String?
    var targetPrefix: String?
    var accessKey: String
    var secretKey: String
    /// PEM: whom to trust at the target instead of the system's authorities.
    var certificate: String?
    var intervalSeconds: Int?
    var deletes: Bool?
    var metadata: Bool?
    var existing: Bool?
    /// Takes the rule without a look at the target.
    var unchecked: Bool?
}

/// What is left out stays.
struct RuleChange: Codable, Sendable {
    var intervalSeconds: Int?
    var deletes: Bool?
    var metadata: Bool?
    var paused: Bool?
    var accessKey: String?
    var secretKey: String?
    var certificate: String?
}
