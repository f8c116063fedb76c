import Synchronization

/// What was done to which node, and when: decides whether a request that failed may have failed.
final class Troubles: Sendable {
    struct Trouble: Sendable {
        /// nil: all nodes.
        let node: Int?
        let what: String
        let begin: UInt64
        /// nil while it lasts.
        var end: UInt64?
        /// After it is over, how long a request may still fail: links come back, what was stopped catches up. A node
        /// that was started and says that it is ready has no such time.
        var graceNanos: UInt64 = 0
    }

    static let graceNanos: UInt64 = 3_000_000_000

    private let state = Mutex<[Trouble]>([])

    /// Said before the fault strikes. The number ends it.
    func begin(_ node: Int?, _ what: String, graceNanos: UInt64 = 0, at now: UInt64 = Clock.nanoseconds()) -> Int {
        state.withLock {
            $0.append(Trouble(node: node, what: what, begin: now, end: nil, graceNanos: graceNanos))
            return $0.count - 1
        }
    }

    /// Said when the fault is over and the node serves again.
    func end(_ number: Int, at now: UInt64 = Clock.nanoseconds()) { state.withLock { $0[number].end = now } }

    /// The trouble that a request through this node during that time may blame.
    func excuse(_ node: Int, _ begin: UInt64, _ end: UInt64) -> Trouble? {
        state.withLock { all in
            all.last { trouble in
                (trouble.node ?? node) == node && trouble.begin <= end
                    && trouble.end.map { begin <= $0 + trouble.graceNanos } ?? true
            }
        }
    }

    /// Whether clients should look for another node.
    func isTroubled(_ node: Int) -> Bool {
        state.withLock { all in all.contains { $0.node == node && $0.end == nil } }
    }

    var all: [Trouble] { state.withLock { $0 } }
}
