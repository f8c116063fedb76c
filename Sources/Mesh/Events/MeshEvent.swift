/// One thing that a node noticed or that somebody did: for people who ask later what happened.
///
/// It travels and is kept as JSON, whose names are a contract with scripts. It never holds a secret.
package struct MeshEvent: Codable, Sendable, Equatable {
    package enum Severity: String, Codable, Sendable, CaseIterable, Comparable {
        case note, warning, error

        package static func < (a: Severity, b: Severity) -> Bool {
            (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
        }
    }

    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// What membership believes of a node.
        case member
        /// A change of the layout.
        case layout
        /// What repair found or cannot do.
        case repair
        /// Checksums.
        case scrub
        case disk
        /// Epochs of the mesh's keys, and the administrator's decrees.
        case keys
        /// Starts and stops of the node itself.
        case node
        /// A change that somebody made, with its outcome.
        case audit
        /// Who tried to come in.
        case signIn = "sign-in"
        /// How many events were left out.
        case suppressed
        /// Of a version that knows more kinds.
        case other

        package init(from decoder: any Decoder) throws {
            self = Kind(rawValue: try decoder.singleValueContainer().decode(String.self)) ?? .other
        }
    }

    /// Counts the events of one node.
    package var sequence: UInt64
    package var millis: UInt64
    /// Who noticed it: 32 hexadecimal digits, and its name.
    package var nodeID: String
    package var node: String
    package var severity: Severity
    package var kind: Kind
    package var message: String
    /// The name of the node that it is about, when that is another one.
    package var about: String?
    /// Of a change or a sign-in: who, from where, what, and how it ended.
    package var who: String?
    package var from: String?
    package var action: String?
    package var outcome: String?

    /// Where it stands among the events of all nodes.
    package var place: EventPlace { EventPlace(millis: millis, nodeID: nodeID, sequence: sequence) }
}

/// An event that was not written down yet.
package struct EventDraft: Sendable, Equatable {
    /// Bytes of a text; more is cut off.
    static let messageBytesMax = 1_024
    static let wordBytesMax = 256

    package var severity: MeshEvent.Severity
    package var kind: MeshEvent.Kind
    package var message: String
    package var about: String?
    package var who: String?
    package var from: String?
    package var action: String?
    package var outcome: String?

    package init(_ kind: MeshEvent.Kind, _ severity: MeshEvent.Severity, _ message: String, about: String? = nil) {
        self.kind = kind
        self.severity = severity
        self.message = message
        self.about = about
    }

    /// Names come from others: what a terminal would obey goes, and what is too long is cut.
    func event(sequence: UInt64, millis: UInt64, nodeID: String, node: String) -> MeshEvent {
        func plain(_ text: String?) -> String? { text.map { PlainText.of($0, scalarsMax: Self.wordBytesMax) } }
        return MeshEvent(
            sequence: sequence,
            millis: millis,
            nodeID: nodeID,
            node: PlainText.of(node, scalarsMax: Self.wordBytesMax),
            severity: severity,
            kind: kind,
            message: PlainText.of(message, scalarsMax: Self.messageBytesMax),
            about: plain(about),
            who: plain(who),
            from: plain(from),
            action: plain(action),
            outcome: plain(outcome)
        )
    }
}

/// The order of events of many nodes: by time, and in one order everywhere where times are the same.
package struct EventPlace: Sendable, Hashable, Comparable, LosslessStringConvertible {
    package let millis: UInt64
    package let nodeID: String
    package let sequence: UInt64

    package init(millis: UInt64, nodeID: String, sequence: UInt64) {
        self.millis = millis
        self.nodeID = nodeID
        self.sequence = sequence
    }

    /// `MILLIS-NODE-SEQUENCE`, as pages are asked for.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let millis = UInt64(parts[0]), let sequence = UInt64(parts[2]),
            parts[1].utf8.count <= 32, parts[1].allSatisfy(\.isHexDigit)
        else { return nil }
        self.init(millis: millis, nodeID: String(parts[1]), sequence: sequence)
    }

    package var description: String { "\(millis)-\(nodeID)-\(sequence)" }

    package static func < (a: EventPlace, b: EventPlace) -> Bool {
        (a.millis, a.nodeID, a.sequence) < (b.millis, b.nodeID, b.sequence)
    }
}
