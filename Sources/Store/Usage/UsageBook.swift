import Synchronization

/// What each bucket has, as of the last commit, for those who ask without a look at the disk.
final class UsageBook: Sendable {
    private let state: Mutex<[BucketID: Usage]>

    init(_ usage: [BucketID: Usage]) { state = Mutex(usage) }

    /// What a transaction changed.
    func publish(_ changes: [BucketID: Usage]) {
        state.withLock { $0.add(changes) }
    }

    func all() -> [BucketID: Usage] { state.withLock { $0 } }
}
