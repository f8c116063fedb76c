import Synchronization

/// Hints on their way to the disk, and how many each peer has.
///
/// A hint is an advice: losing one costs a comparison later. So they wait for the next transaction that happens anyway,
/// or a second, and beyond the limits they are let go.
final class HintBook: Sendable {
    /// Beyond it the comparison of partitions is cheaper than the list.
    static let perPeerMax = 1_000_000
    private static let waitingMax = 16_384

    struct Hint: Hashable, Sendable {
        let peer: HintPeer
        let row: HintRow
    }

    private struct State {
        var counts: [HintPeer: Int]
        var waiting: [Hint] = []
    }

    private let state: Mutex<State>

    init(counts: [HintPeer: Int]) { state = Mutex(State(counts: counts)) }

    func add(_ hint: Hint) {
        state.withLock { state in
            guard state.waiting.count < Self.waitingMax, state.counts[hint.peer, default: 0] < Self.perPeerMax else {
                return
            }
            state.waiting.append(hint)
        }
    }

    var hasWaiting: Bool { state.withLock { !$0.waiting.isEmpty } }

    func takeWaiting() -> [Hint] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    /// The table has so many more (or less) for these peers.
    func count(_ changes: [HintPeer: Int]) {
        guard !changes.isEmpty else { return }
        state.withLock { state in
            for (peer, change) in changes {
                let left = state.counts[peer, default: 0] + change
                state.counts[peer] = left > 0 ? left : nil
            }
        }
    }

    func counts() -> [HintPeer: Int] { state.withLock { $0.counts } }
}

extension IndexWriter {
    func insert(hints: [HintBook.Hint]) throws {
        for hint in hints {
            let before = rows.changes
            try rows.putHint.bind(1, hint.peer.column).bind(2, hint.row.address.bucket.column)
                .bind(3, hint.row.address.key.bytes).bind(4, hint.row.stamp.sortable).run()
            if rows.changes > before { pending.hints[hint.peer, default: 0] += 1 }
        }
    }

    func removeHints(_ peer: HintPeer, _ hints: [HintRow]) throws {
        for hint in hints {
            let before = rows.changes
            try rows.deleteHint.bind(1, peer.column).bind(2, hint.address.bucket.column)
                .bind(3, hint.address.key.bytes).bind(4, hint.stamp.sortable).run()
            if rows.changes > before { pending.hints[peer, default: 0] -= 1 }
        }
    }
}
