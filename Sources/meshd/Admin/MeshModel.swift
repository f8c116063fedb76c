import Mesh

/// The values of the mesh calls of the admin API that Mesh itself has no use for.

/// Whom to ask, through whom, and who is to ask; names or ids.
struct ProbeOrder: Codable, Sendable {
    var to: String
    var via: String?
    var from: String?
}

/// A decree that the admin key signed and the secret of the epoch that it begins, as hexadecimal digits.
struct NewDecree: Codable, Sendable {
    var decree: String
    var secret: String?
}

struct DecreesAnswer: Codable, Sendable {
    var decrees: [DecreeLine]
}

/// What a join token is made of beside the admin key. It holds the secret of the mesh.
struct TokenMaterial: Codable, Sendable {
    var adminPublicKey: String
    var epoch: UInt32
    var secret: String
    /// Where this node can be reached.
    var addresses: [String]
}

/// `cluster/packages`, POST: the node that a package is for.
struct NewPackage: Codable, Sendable {
    var name: String
    var zone: String?
    /// `deb`, `tar.gz` or `sh`.
    var format: String?
    /// How long its token lets nodes in, such as `24h`.
    var expires: String?
    /// Where the new node knocks.
    var addresses: [String]?
    /// A token that was made with the admin key elsewhere, instead of expires and addresses.
    var token: String?
}

/// What `meshd expel` and `meshd keys rotate` answer.
struct DecreeAnswer: Codable, Sendable {
    var sequence: UInt64
    var kind: String
    var node: String?
    var epoch: UInt32
}

struct LeaveAnswer: Codable, Sendable {
    /// The name of the node that left.
    var left: String
}

struct DiagnosesAnswer: Codable, Sendable {
    var diagnoses: [Diagnosis]
}

/// `mesh/doctor/all`
struct AllDiagnosesAnswer: Codable, Sendable {
    struct NodeDiagnoses: Codable, Sendable {
        var node: String
        var diagnoses: [Diagnosis]
        /// Why it said nothing.
        var silence: String?
    }

    var nodes: [NodeDiagnoses]
}

/// A node that answered on the local network.
struct FoundNode: Codable, Sendable {
    var name: String
    var id: String
    var version: String
    var address: String
    /// Where it can be invited.
    var admin: String
    var freeBytes: UInt64
    var latencyMicros: Int64
}

struct FoundNodes: Codable, Sendable {
    var nodes: [FoundNode]
}
