internal import Swim

/// When to compare with whom. A pure machine.
///
/// Of two nodes the one with the lower id asks, for both: else rows would be carried over twice. A comparison that
/// failed is tried again soon; one that is due while its peer is away waits for the peer.
struct CompareSchedule: Sendable {
    private let own: NodeID
    private let intervalMicros: Micros
    private let jitter: Double
    private var due: [NodeID: Micros] = [:]
    /// Asked for while they were compared with, perhaps behind the place that the comparison had reached.
    private var again: Set<NodeID> = []
    private var running: NodeID?
    private var random: Swim.Random

    init(own: NodeID, intervalMicros: Micros, jitter: Double, seed: UInt64) {
        self.own = own
        self.intervalMicros = intervalMicros
        self.jitter = jitter
        random = Swim.Random(seed: seed)
    }

    /// The peer whose turn it is, if any is due. New peers are due within a twentieth of the interval.
    /// It is compared with until `done`.
    mutating func next(among peers: [NodeID], now: Micros) -> NodeID? {
        var ready: (NodeID, Micros)?
        for peer in peers where own < peer {
            let time = due[peer] ?? now + Micros(random.unit() * Double(intervalMicros) / 20)
            due[peer] = time
            if time <= now, ready.map({ time < $0.1 }) ?? true { ready = (peer, time) }
        }
        running = ready?.0
        return running
    }

    mutating func done(_ peer: NodeID, isWhole: Bool, now: Micros) {
        running = nil
        if again.remove(peer) != nil {
            due[peer] = now
            return
        }
        let span = Double(intervalMicros) * (1 + jitter * (2 * random.unit() - 1)) / (isWhole ? 1 : 20)
        due[peer] = now + Micros(span)
    }

    /// All are due now: an operator asked.
    mutating func hurry(_ peers: [NodeID], now: Micros) {
        for peer in peers { due[peer] = now }
        if let running, peers.contains(running) { again.insert(running) }
    }

    /// Forgets those who are no members any more.
    mutating func keep(_ peers: Set<NodeID>) {
        due = due.filter { peers.contains($0.key) }
        again.formIntersection(peers)
    }
}
