import Synchronization

/// Who wants to hear of changes to small state.
final class SystemObservers: Sendable {
    private let all = Mutex<[@Sendable ([Key]) -> Void]>([])

    func add(_ observer: @escaping @Sendable ([Key]) -> Void) { all.withLock { $0.append(observer) } }

    /// On the committer's thread, when the changes are durable and can be read.
    func tell(_ keys: [Key]) {
        let observers = all.withLock { $0 }
        for observer in observers { observer(keys) }
    }
}
