/// Why a call between nodes has no answer. Whether it was served is known only where a case says so.
package enum LinkFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no connection and none could be opened lately: it was not served.
    case notConnected
    /// The time is over; it may have been served, or be so later.
    case timedOut
    /// The connection ended while the answer was awaited; it may have been served.
    case closed
    /// Too much waits for this peer already: it was not served.
    case overloaded
    /// The peer, or this node, was put out of the mesh.
    case expelled
    /// The peer speaks these versions of the link protocol, none of which is spoken here: it was not served.
    case incompatible(ClosedRange<UInt8>)
    /// More than `Links.payloadBytesMax`: it was not served.
    case tooLong
    /// The peer has nobody for this method.
    case unserved
    /// The peer, or this node, lost its place in the mesh: it was not served.
    case outside

    /// The label of metrics.
    package var kind: String { Self.kinds[index] }

    static let kinds = [
        "not_connected", "timed_out", "closed", "overloaded", "expelled", "incompatible", "too_long", "unserved",
        "outside",
    ]

    var index: Int {
        switch self {
        case .notConnected: 0
        case .timedOut: 1
        case .closed: 2
        case .overloaded: 3
        case .expelled: 4
        case .incompatible: 5
        case .tooLong: 6
        case .unserved: 7
        case .outside: 8
        }
    }

    package var description: String {
        switch self {
        case .notConnected: "there is no connection to the node"
        case .timedOut: "the node did not answer in time"
        case .closed: "the connection to the node broke off"
        case .overloaded: "too many requests wait for the node"
        case .expelled: "the node was expelled"
        case .incompatible(let theirs):
            "the node speaks versions \(theirs.lowerBound) to \(theirs.upperBound) of the link protocol, none of which "
                + "is spoken here: upgrade the older of the two"
        case .tooLong: "the request is longer than a link carries"
        case .unserved: "the node does not know this kind of request"
        case .outside: "the node, or this one, was removed from the mesh"
        }
    }
}
