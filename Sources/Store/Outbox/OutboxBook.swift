import Synchronization

/// How much waits for each feed, and which feeds are still being filled, for those who ask without a look at the disk.
final class OutboxBook: Sendable {
    private struct State {
        var counts: [UInt64: Int]
        var feeds: [UInt64: KeptFeed]
    }

    private let state: Mutex<State>

    init(_ loaded: LoadedIndex) { state = Mutex(State(counts: loaded.outbox, feeds: loaded.feeds)) }

    /// What a transaction changed.
    func publish(_ changes: [UInt64: Int], _ feeds: [UInt64: KeptFeed]) {
        state.withLock { state in
            state.feeds = feeds
            for (feed, change) in changes {
                let left = state.counts[feed, default: 0] + change
                state.counts[feed] = left > 0 ? left : nil
            }
        }
    }

    func counts() -> [UInt64: Int] { state.withLock { $0.counts } }

    func feeds() -> [KeptFeed] { state.withLock { Array($0.feeds.values) } }
}
