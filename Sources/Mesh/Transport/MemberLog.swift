package import Swim

/// Which lines the log gets about members: one for each change of status, with the name where it can be had in time.
///
/// Scripts read these lines. A newcomer's waits a little for its description, since a name is worth more than a moment;
/// bad news never waits. Many versions of one member that stays alive are no news at all.
package struct MemberLog: Sendable {
    /// One line of the log: who is what now.
    package struct Line: Sendable, Equatable {
        package let id: NodeID
        package let status: Status
    }

    private static let waitingMax = 65_536

    private let waitMicros: Micros
    private var shown: [NodeID: Status] = [:]
    /// In the order of their deadlines.
    private var waiting: [(id: NodeID, until: Micros)] = []
    /// Those whose line had to do without their name: it is written again when the name comes.
    private var unnamed: Set<NodeID> = []

    package init(waitMicros: Micros) { self.waitMicros = waitMicros }

    /// The same for the log of events.
    package static func draft(_ status: Status, name: String, isSelf: Bool) -> EventDraft {
        let severity: MeshEvent.Severity =
            switch status {
            case .alive, .left: .note
            case .suspect: .warning
            case .dead, .expelled: .error
            }
        return EventDraft(.member, severity, "\(name) is \(status)", about: isSelf ? nil : name)
    }

    /// Those whose status is known already, from an earlier life.
    package mutating func remember(_ id: NodeID, _ status: Status) { shown[id] = status }

    /// A member became what it was not; the lines that are due by that.
    package mutating func change(_ id: NodeID, to status: Status, isNamed: Bool, at now: Micros) -> [Line] {
        let place = waiting.firstIndex { $0.id == id }
        guard status == .alive else {
            // Who came and went before its name was known gets one line, about the end.
            if let place { waiting.remove(at: place) }
            return show(id, status)
        }
        guard shown[id] != .alive, place == nil else { return [] }
        if isNamed || waiting.count >= Self.waitingMax { return show(id, .alive) }
        waiting.append((id, now + waitMicros))
        return []
    }

    /// The name is known now.
    package mutating func name(_ id: NodeID) -> [Line] {
        if let place = waiting.firstIndex(where: { $0.id == id }) {
            waiting.remove(at: place)
            return show(id, .alive)
        }
        guard unnamed.remove(id) != nil, shown[id] == .alive else { return [] }
        return [Line(id: id, status: .alive)]
    }

    /// The lines of newcomers whose names did not come in time.
    package mutating func advance(to now: Micros) -> [Line] {
        var lines: [Line] = []
        while let first = waiting.first, first.until <= now {
            waiting.removeFirst()
            unnamed.insert(first.id)
            lines += show(first.id, .alive)
        }
        return lines
    }

    /// The membership forgot the member.
    package mutating func forget(_ id: NodeID) {
        shown[id] = nil
        unnamed.remove(id)
        waiting.removeAll { $0.id == id }
    }

    private mutating func show(_ id: NodeID, _ status: Status) -> [Line] {
        guard shown[id] != status else { return [] }
        shown[id] = status
        return [Line(id: id, status: status)]
    }
}
