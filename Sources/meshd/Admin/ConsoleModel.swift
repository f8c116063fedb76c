/// The values of the calls that the console brought into the admin API.

/// `session`, POST: an access key with its secret, or the admin token of the node that is asked.
struct SignIn: Codable, Sendable {
    var accessKey: String?
    var secretKey: String?
    var token: String?
}

/// Who is signed in.
struct SessionAnswer: Codable, Sendable {
    /// `accessKey` or `token`.
    var kind: String
    /// The access key's id, or the node whose token it was.
    var name: String
    var role: String
    /// Whose the access key is; nil: of no tenant.
    var tenant: String?
    var tenantAdmin: Bool
    /// Whether it may make buckets, whatever its role.
    var createBuckets: Bool
    /// Unix seconds.
    var endsAt: UInt64
    /// To be repeated in the header `x-meshd-change` with every change.
    var changeMark: String
    /// The node that answers, and what it runs.
    var node: String
    var version: String
}

/// One page of a bucket.
struct ObjectsAnswer: Codable, Sendable {
    struct Line: Codable, Sendable {
        var key: String
        var size: UInt64
        /// Milliseconds since 1970.
        var millis: UInt64
        var etag: String
    }

    /// Beginnings that several keys share, up to the next slash.
    var folders: [String]
    var objects: [Line]
    /// Where the next page begins; nothing on the last one.
    var next: String?
}

/// What was written.
struct ObjectAnswer: Codable, Sendable {
    var key: String
    var size: UInt64
    var etag: String
}
