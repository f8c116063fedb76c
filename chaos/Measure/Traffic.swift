import Synchronization

/// What clients sent and got: how much, how fast, and the last requests, for whoever asks what went on just then.
final class Traffic: Sendable {
    /// One request that is over.
    struct Entry: Sendable {
        let client: Int
        let node: Int
        let begin: UInt64
        let end: UInt64
        let what: String
        let outcome: String
    }

    private struct State {
        var pulse: Pulse
        var calm = Histogram(bits: 10)
        var all = Histogram(bits: 10)
        /// A ring; `count` says where it goes on.
        var last: [Entry] = []
        var count = 0
        var failed = 0
    }

    /// As many as a second of the usual load has.
    private static let lastMax = 512
    private let state: Mutex<State>

    init(begin: UInt64) { state = Mutex(State(pulse: Pulse(begin: begin))) }

    /// `isCalm`: nothing was done to the node that it went to.
    func add(_ entry: Entry, isAnswered: Bool, isCalm: Bool) {
        let nanos = entry.end - entry.begin
        state.withLock { state in
            state.pulse.add(end: entry.end, nanos: nanos, isAnswered: isAnswered)
            state.all.add(nanos: nanos)
            if isCalm { state.calm.add(nanos: nanos) }
            if !isAnswered { state.failed += 1 }
            if state.last.count < Self.lastMax {
                state.last.append(entry)
            } else {
                state.last[state.count % Self.lastMax] = entry
            }
            state.count += 1
        }
    }

    /// Requests that are over, and those of them that failed.
    var counts: (requests: Int, failed: Int) { state.withLock { ($0.count, $0.failed) } }

    var pulse: Pulse { state.withLock { $0.pulse } }

    /// Of requests through nodes to which nothing was done.
    var calm: Histogram { state.withLock { $0.calm } }

    var all: Histogram { state.withLock { $0.all } }

    /// The last requests that ended, oldest first.
    func last(_ number: Int) -> [Entry] {
        state.withLock { $0.last }.sorted { $0.end < $1.end }.suffix(number)
    }
}
