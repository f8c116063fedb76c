internal import NIOCore
package import Swim
internal import Synchronization

/// Which members there are and how they are, as far as this node believes: a value for those who choose whom to ask
/// or where to put things.
package struct Presence: Sendable {
    package struct Peer: Sendable, Equatable {
        package let id: NodeID
        package let status: Status
        /// The damped view: whether work should be sent there. False for who comes and goes too often.
        package let isUsable: Bool
        package let endpoint: Endpoint
        /// Of the node's own word; nil until it was heard.
        package let description: Description?
        /// What people are shown: the name, or the beginning of the id.
        package let name: String

        /// Empty while nothing is known of it.
        package var zone: String { description?.zone ?? "" }
    }

    package let own: NodeID
    /// All that are remembered, this node among them once it runs, the dead and departed too.
    package fileprivate(set) var peers: [NodeID: Peer] = [:]

    package subscript(id: NodeID) -> Peer? { peers[id] }

    /// Whether it takes part: alive, or suspect and not buried yet.
    package func isPresent(_ id: NodeID) -> Bool { peers[id]?.status.isPresent ?? false }
}

/// Where the node's loop writes what it believes, and every thread reads it.
final class PresenceBoard: Sendable {
    private struct State {
        var presence: Presence
        var observers: [@Sendable ([NodeID]) -> Void] = []
    }

    let own: NodeID
    private let state: Mutex<State>

    init(own: NodeID) {
        self.own = own
        state = Mutex(State(presence: Presence(own: own)))
    }

    var presence: Presence { state.withLock { $0.presence } }

    func peer(_ id: NodeID) -> Presence.Peer? { state.withLock { $0.presence.peers[id] } }

    func observe(_ observer: @escaping @Sendable ([NodeID]) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    /// Writes what is new, nil for those who were forgotten, and tells the observers whom it is about.
    func update(_ news: [(id: NodeID, peer: Presence.Peer?)]) {
        let (observers, changed) = state.withLock { state in
            var changed: [NodeID] = []
            for (id, peer) in news where state.presence.peers[id] != peer {
                state.presence.peers[id] = peer
                changed.append(id)
            }
            return (state.observers, changed)
        }
        guard !changed.isEmpty else { return }
        for observer in observers { observer(changed) }
    }
}

extension MeshNode {
    /// The members as they are believed to be now; costs a lock.
    package var presence: Presence { board.presence }

    /// Calls back, on the node's loop, with the members of whom something is new in `presence`: status, address, name
    /// or zone. Must not block. For the node's whole life.
    package func onPresence(_ observer: @escaping @Sendable (_ changed: [NodeID]) -> Void) { board.observe(observer) }
}

extension MembershipDriver {
    /// Something of a member is new; the board hears of it before the loop's next turn, of all such members at once.
    func notePresence(_ member: NodeID) {
        if unposted.isEmpty {
            loop.assumeIsolated().execute { self.postPresence() }
        }
        unposted.insert(member)
    }

    private func postPresence() {
        let news = unposted.map { (id: $0, peer: presence(of: $0)) }
        unposted = []
        board.update(news)
    }

    private func presence(of member: NodeID) -> Presence.Peer? {
        guard let slot = membership.roster.slot(of: member.handle) else { return nil }
        let record = membership.roster.record(slot)
        guard record.id == member else { return nil }
        return Presence.Peer(
            id: member,
            status: membership.roster.status(slot),
            isUsable: membership.isUsable(member),
            endpoint: record.endpoint,
            description: member == id ? told : descriptions[member],
            name: label(member)
        )
    }
}
