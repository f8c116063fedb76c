/// What this node holds true of a member.
package enum Status: UInt8, Sendable, CaseIterable {
    case alive
    /// Accused at its newest version; dead when it does not refute in time.
    case suspect
    case dead
    /// Gone on purpose, by its own signed word.
    case left
    /// Put out by a decree of the operator; no version of it comes back.
    case expelled

    /// Whether the member still takes part: it is probed, gossiped to and counted.
    package var isPresent: Bool { self == .alive || self == .suspect }

    /// From the wire. Nobody's word makes an outcast but the operator's, so that status does not travel.
    package init?(wire byte: UInt8) {
        guard let status = Status(rawValue: byte), status != .expelled else { return nil }
        self = status
    }
}

/// One line of the member list, as a value for readers: what is agreed (`status`) beside what only this node measures.
package struct Member: Sendable {
    /// How the newest answer came, if one came.
    package enum Reach: UInt8, Sendable {
        case unknown, direct
        /// Only a relay got through: the path between the two is broken, the member is not.
        case relay
        /// Only the stream got through: datagrams are lost or blocked.
        case stream
        case none
    }

    package let record: Record
    package let status: Status
    /// Whether work should be sent there: present, and neither unstable nor on probation after a death.
    package let isUsable: Bool
    /// When the status last changed, on this node's clock; for a member that was always alive, when it was met.
    package let since: Micros
    /// Evidence of this node's own unanswered questions, in decades.
    package let phi: Double
    /// The sum of all evidence that this node knows of.
    package let accusedPhi: Double
    package let accusers: [NodeID]
    /// The decayed count of refutations.
    package let flaps: Double
    package let reach: Reach
    /// The smoothed round trip, zero before the first answer.
    package let roundTripMicros: Micros
    /// The smoothed share of unanswered questions.
    package let loss: Double
    /// The member's own word about its health, 0 is well.
    package let health: Int
    /// The view digest that came with the newest message from the member itself, and when on this node's clock; so
    /// whether all agree is a question that each node answers from what it heard.
    package let viewDigest: UInt64?
    package let heardAt: Micros?
    /// Since when this node knows the identity, through all its lives and, from a snapshot, through this node's own.
    package let knownSince: Micros
}

/// How many other present members hold the view that this node holds, as far as they were heard.
package struct Agreement: Sendable, Equatable {
    package var agreeing = 0
    package var differing = 0
    /// Heard last before this node's own view changed.
    package var outdated = 0
    package var unheard = 0

    package init() {}
}

/// What changed in this node's view. The raw changes are for the log and for routing; work is placed by `usable`.
package enum MemberEvent: Sendable, Equatable {
    /// A status or a version is new. `from` is nothing when the member was not known.
    case changed(NodeID, from: Status?, to: Status, version: Version)
    /// The damped view: whether work should be sent there.
    case usable(NodeID, Bool)
    /// This node answered an accusation with a new version of itself.
    case refuted(Version)
    /// A member described itself anew; the bytes match the hash that it signed.
    case described(NodeID, metaVersion: UInt32, [UInt8])
    /// A tombstone ran out and nothing of the member is left.
    case forgotten(NodeID)
    /// The last word of a graceful leave has gone out; the driver may stop.
    case departed
    /// The operator decreed something that this node did not know; a driver forgets the keys of whom it expels.
    case decreed(Decree)
    /// This node itself is expelled: it passes the decree on, says `departed` and falls silent for ever.
    case expelled(Decree)
    /// Most questions of this node go unanswered, so it condemns nobody; false when answers come again.
    case isolated(Bool)
}
