/// What a node of a mesh cannot do, as a sentence that says which file, address or node.
package enum MeshError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file of the data directory is damaged, or cannot be read or written.
    case unusable(String)
    case cannotListen(String)
    /// The join token cannot be used: damaged, expired, or of another mesh.
    case badToken(String)
    /// No address of the token let this node in before the token expired.
    case notAdmitted(String)
    /// No member has this name or id, or several have.
    case unknownNode(String)
    case unreachable(String)
    /// The mesh would refuse this decree: signature, sequence or epoch.
    case badDecree(String)
    case stopped

    package var description: String {
        switch self {
        case .unusable(let reason), .cannotListen(let reason), .badToken(let reason), .notAdmitted(let reason),
            .unknownNode(let reason), .unreachable(let reason), .badDecree(let reason):
            reason
        case .stopped: "the node is stopped"
        }
    }
}
