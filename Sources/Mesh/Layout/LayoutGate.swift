internal import Synchronization

/// Lets through one at a time, in order: who takes up a layout, and who does something that holds under the present one
/// only and must not be overtaken by the next.
package final class LayoutGate: Sendable {
    private struct State {
        var isHeld = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    package func hold<Value: Sendable>(_ body: () async throws -> Value) async rethrows -> Value {
        await enter()
        defer { leave() }
        return try await body()
    }

    private func enter() async {
        // Resumed exactly once: here when the gate is free, else by who leaves it.
        await withUnsafeContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.isHeld else {
                    state.isHeld = true
                    return true
                }
                state.waiters.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave() {
        let next = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard !state.waiters.isEmpty else {
                state.isHeld = false
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.resume()
    }
}
