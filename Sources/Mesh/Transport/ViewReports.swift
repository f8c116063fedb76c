/// Who holds the same view as this node: the JSON of `meshd agree --json`. A local question: each ping and ack carries
/// the sender's view digest.
package struct AgreeReport: Codable, Sendable, Equatable {
    /// Those who were last heard with one view.
    package struct Group: Codable, Sendable, Equatable {
        /// 16 hexadecimal digits; empty for those from whom no digest was heard yet.
        package var viewDigest: String
        package var names: [String]
        /// The age of the oldest word in the group.
        package var heardMillisAgo: UInt64
    }

    package var seenFrom: String
    package var viewDigest: String
    /// Present members with this node's view, and all present ones; this node is among both.
    package var agreeing: Int
    package var present: Int
    /// The largest first; this node is in its own group.
    package var groups: [Group]
}

/// One member in one node's view, as nodes tell it to each other.
package struct ViewLine: Codable, Sendable, Equatable {
    package var id: String
    package var name: String
    package var address: String
    package var state: MemberLine.State
    package var generation: UInt64
    package var incarnation: UInt32
    package var flaps: Double
    package var reach: String
}

/// The view of one node.
package struct ViewReport: Codable, Sendable, Equatable {
    package var name: String
    package var id: String
    package var epoch: UInt32
    package var viewDigest: String
    package var lines: [ViewLine]
}

/// Where the views of two nodes differ: the JSON of `meshd diff A B --json`.
package struct DiffReport: Codable, Sendable, Equatable {
    /// A member that the two hold differently, or that one does not know.
    package struct Difference: Codable, Sendable, Equatable {
        package var id: String
        package var name: String
        /// What each holds; nil where it does not know the member.
        package var a: ViewLine?
        package var b: ViewLine?
    }

    package var a: String
    package var b: String
    package var viewDigestA: String
    package var viewDigestB: String
    package var differences: [Difference]

    /// Compares what two nodes hold; a suspect counts as alive, as it does in the digest.
    package init(_ a: ViewReport, _ b: ViewReport) {
        self.a = a.name
        self.b = b.name
        viewDigestA = a.viewDigest
        viewDigestB = b.viewDigest
        var linesA: [String: ViewLine] = [:]
        var linesB: [String: ViewLine] = [:]
        for line in a.lines { linesA[line.id] = line }
        for line in b.lines { linesB[line.id] = line }
        let ids = Set(linesA.keys).union(linesB.keys).sorted()
        differences = ids.compactMap { id in
            let (lineA, lineB) = (linesA[id], linesB[id])
            guard Self.facts(lineA) != Self.facts(lineB) else { return nil }
            return Difference(id: id, name: lineA?.name ?? lineB?.name ?? id, a: lineA, b: lineB)
        }
    }

    private static func facts(_ line: ViewLine?) -> [String] {
        guard let line else { return [] }
        let isPresent = line.state == .alive || line.state == .suspect || line.state == .unstable
        return [isPresent ? "present" : line.state.rawValue, "\(line.generation).\(line.incarnation)", line.address]
    }
}

/// What a probe found: the JSON of `meshd probe NODE --json`.
package struct ProbeReport: Codable, Sendable, Equatable {
    /// One way to a member.
    package struct Path: Codable, Sendable, Equatable {
        package var isAnswered: Bool
        package var micros: Int64?

        package init(micros: Int64?) {
            isAnswered = micros != nil
            self.micros = micros
        }
    }

    package var from: String
    /// The node that was asked to try in this node's place; nil for the straight way.
    package var via: String?
    package var to: String
    package var address: String
    /// A small datagram, a datagram of the largest size that the mesh sends, and a request on a control stream.
    package var datagram: Path
    package var fullDatagram: Path
    package var stream: Path
    package var datagramBytes: Int
}

/// The key epochs that this node holds and those that its peers were last heard to use: `meshd keys --json`.
package struct EpochsReport: Codable, Sendable, Equatable {
    /// One key epoch; never its secret.
    package struct Epoch: Codable, Sendable, Equatable {
        package var epoch: UInt32
        /// `sending`, `held` (accepted, not yet used for sending) or `retired`.
        package var use: String
        /// Unix time in milliseconds.
        package var sinceMillis: UInt64
    }

    /// What another member was last heard to use.
    package struct Peer: Codable, Sendable, Equatable {
        package var name: String
        package var id: String
        /// The epoch of its newest datagram or stream; nil when nothing was heard in this life of the node.
        package var epoch: UInt32?
    }

    package var meshID: String
    package var adminPublicKey: String
    package var newest: UInt32
    package var sending: UInt32
    /// The newest epoch that a decree announced; larger than `newest` while this node waits for the key.
    package var announced: UInt32
    package var epochs: [Epoch]
    package var peers: [Peer]
    package var decrees: [DecreeLine]
}

/// One decree of the mesh's administrator.
package struct DecreeLine: Codable, Sendable, Equatable {
    package var sequence: UInt64
    /// `expel` or `rotate`.
    package var kind: String
    package var subject: String?
    package var newEpoch: UInt32
    package var reason: String
}
