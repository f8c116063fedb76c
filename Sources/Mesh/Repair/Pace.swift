internal import Synchronization
package import Swim

/// The budget of all bytes that repair moves through this node: what the operator set, what clients leave over, and
/// whether it is paused.
package final class Pace: Sendable {
    private struct State {
        var bucket: TokenBucket
        var throttle: Throttle
        var limit: Int64?
        var isPaused = false
        var spent: UInt64 = 0
        /// When bytes were booked last.
        var spentMicros: Micros = 0

        mutating func adjust(_ now: Micros) {
            let room = throttle.step(now: now)
            let rate = [limit, room].compactMap(\.self).min()
            if rate != bucket.rate { bucket.setRate(rate, now: now) }
        }
    }

    /// How soon a pause that ends is noticed.
    private static let pausePollMicros: Micros = 200_000
    /// Repair counts as running this long after its last bytes.
    private static let busyMicros: Micros = 500_000

    private let state: Mutex<State>

    /// `limit` in bytes per second; nil: what clients leave over.
    package init(limit: Int64? = nil) {
        let now = MonotonicClock.micros
        state = Mutex(
            State(bucket: TokenBucket(rate: limit, now: now), throttle: Throttle(now: now), limit: limit)
        )
    }

    package var isPaused: Bool { state.withLock { $0.isPaused } }
    package var limit: Int64? { state.withLock { $0.limit } }
    /// What is allowed at this moment; nil: as fast as it goes.
    package var rate: Int64? { state.withLock { $0.bucket.rate } }
    package var spentBytes: UInt64 { state.withLock { $0.spent } }

    package func pause() { state.withLock { $0.isPaused = true } }
    package func resume() { state.withLock { $0.isPaused = false } }

    package func setLimit(_ limit: Int64?) {
        let now = MonotonicClock.micros
        state.withLock { state in
            state.limit = limit
            state.adjust(now)
        }
    }

    /// A client's request took this long: where requests get slow, repair makes room.
    package func note(requestMicros: Micros) {
        let now = MonotonicClock.micros
        state.withLock { state in
            let isBusy = now - state.spentMicros < Self.busyMicros
            state.throttle.note(micros: requestMicros, isBusy: isBusy, now: now)
        }
    }

    /// Returns when these bytes may go. Throws when the task is cancelled.
    package func take(_ bytes: Int) async throws {
        while isPaused { try await Task.sleep(for: .microseconds(Self.pausePollMicros)) }
        let now = MonotonicClock.micros
        let wait = state.withLock { state in
            state.adjust(now)
            state.spent += UInt64(bytes)
            state.spentMicros = now
            return state.bucket.take(bytes, now: now)
        }
        if wait > 0 { try await Task.sleep(for: .microseconds(wait)) } else { try Task.checkCancellation() }
    }
}

/// Time that only goes forward, for paces and pauses.
enum MonotonicClock {
    private static let start = ContinuousClock.now

    static var micros: Micros {
        let passed = (ContinuousClock.now - start).components
        return Micros(passed.seconds) * 1_000_000 + Micros(passed.attoseconds / 1_000_000_000_000)
    }
}
