import NIOCore
import Synchronization

/// Counts the conductor's requests by phases; any thread.
final class RehearsalTally: Sendable {
    private struct State {
        var phase = RehearsalReport.Phase.before
        var millis: [RehearsalReport.Phase: [Double]] = [:]
        var failed: [RehearsalReport.Phase: Int] = [:]
        var failures: [RehearsalReport.Failure] = []
        var awayFrom: NIODeadline?
        var isOver = false
    }

    private let state = Mutex(State())

    /// The node falls silent about now.
    func beginAbsence() {
        state.withLock { state in
            state.phase = .away
            state.awayFrom = .now()
        }
    }

    func endAbsence() { state.withLock { $0.phase = .back } }

    /// No more requests are sent; those under way still count.
    func end() { state.withLock { $0.isOver = true } }

    var isOver: Bool { state.withLock { $0.isOver } }

    /// To be asked when a request begins: it belongs to the phase in which it was sent.
    var phase: RehearsalReport.Phase { state.withLock { $0.phase } }

    /// Milliseconds since the node fell silent; nil before.
    var sinceAbsence: Int64? {
        state.withLock { $0.awayFrom }.map { (NIODeadline.now() - $0).nanoseconds / 1_000_000 }
    }

    func add(_ operation: String, in phase: RehearsalReport.Phase, begun: NIODeadline, error: String?) {
        let now = NIODeadline.now()
        state.withLock { state in
            state.millis[phase, default: []].append(Double((now - begun).nanoseconds / 1_000) / 1_000)
            guard let error else { return }
            state.failed[phase, default: 0] += 1
            guard state.failures.count < RehearsalReport.failuresMax else { return }
            let since = state.awayFrom.map { (now - $0).nanoseconds / 1_000_000 }
            state.failures.append(RehearsalReport.Failure(millis: since, operation: operation, error: error))
        }
    }

    func write(to report: inout RehearsalReport) {
        let state = state.withLock { $0 }
        func requests(_ phase: RehearsalReport.Phase) -> RehearsalReport.Requests {
            let sorted = (state.millis[phase] ?? []).sorted()
            return RehearsalReport.Requests(
                count: sorted.count,
                failed: state.failed[phase] ?? 0,
                medianMillis: sorted.isEmpty ? 0 : sorted[sorted.count / 2],
                slowestMillis: sorted.last ?? 0
            )
        }
        report.before = requests(.before)
        report.away = requests(.away)
        report.back = requests(.back)
        report.failures = state.failures
    }
}
