internal import NIOCore
internal import Synchronization

/// What a clock can wake.
protocol Waking: AnyObject, Sendable {
    /// The time may have come for something; cheap when it has not.
    func ring(now: UInt64)
}

/// Wakes operations when their time has come: one timer for all of them, because nearly every one ends before anything
/// is due, and a timer of its own would cost it more than the rest of its waiting.
///
/// Coarse: what is asked for comes up to `tickMicros` late. Stands still while no operation runs.
final class OperationClock: Sendable {
    private static let tickMicros: Int64 = 2_000

    private struct State {
        var running: [ObjectIdentifier: any Waking] = [:]
        var isTicking = false
    }

    private let loop: any EventLoop = SharedThreads.loop()
    private let state = Mutex(State())

    /// From now until `remove` it is rung at every tick.
    func add(_ operation: any Waking) {
        let begins = state.withLock { state in
            state.running[ObjectIdentifier(operation)] = operation
            defer { state.isTicking = true }
            return !state.isTicking
        }
        if begins { arm() }
    }

    func remove(_ operation: any Waking) {
        // What it lets go of may be the last reference: not under the lock.
        let removed = state.withLock { $0.running.removeValue(forKey: ObjectIdentifier(operation)) }
        withExtendedLifetime(removed) {}
    }

    private func arm() {
        loop.scheduleTask(in: .microseconds(Self.tickMicros)) { [self] in tick() }
    }

    private func tick() {
        let running = state.withLock { state in
            if state.running.isEmpty { state.isTicking = false }
            return Array(state.running.values)
        }
        if running.isEmpty { return }
        let now = CallRoad.nowMicros
        for operation in running { operation.ring(now: now) }
        arm()
    }
}
