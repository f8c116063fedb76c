internal import Swim

/// What a node of a mesh cannot do, as a sentence that says which file, address or node.
package enum MeshError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file of the data directory is damaged, or cannot be read or written.
    case unusable(String)
    /// The mesh port or address cannot be used: taken, not this machine's, or no address that others could reach.
    case cannotListen(String)
    /// The join token cannot be used: damaged, expired, or of another mesh.
    case badToken(String)
    /// No address of the token let this node in before the token expired.
    case notAdmitted(String)
    /// No member has this name or id, or several have.
    case unknownNode(String)
    /// What is asked for makes no sense, whoever is asked.
    case invalid(String)
    /// A member, or a name server, gave no answer.
    case unreachable(String)
    /// The mesh would refuse this decree: signature, sequence or epoch.
    case badDecree(String)
    /// The node takes no part in a mesh: not yet, or no more.
    case stopped

    static func noAnswer(from peer: NodeID, waitMicros: Micros) -> MeshError {
        .unreachable("no answer from \(peer) within \(waitMicros / 1_000) ms")
    }

    package var description: String {
        switch self {
        case .unusable(let reason), .cannotListen(let reason), .badToken(let reason), .notAdmitted(let reason),
            .unknownNode(let reason), .invalid(let reason), .unreachable(let reason), .badDecree(let reason):
            reason
        case .stopped: "the node is stopped"
        }
    }
}
