internal import Synchronization

/// What the verdict of a change saw when it was given last: verdicts run again when others were faster.
final class Captured<Value: Sendable>: Sendable {
    private let state = Mutex<Value?>(nil)

    var value: Value? { state.withLock { $0 } }

    func set(_ value: Value) { state.withLock { $0 = value } }
}
