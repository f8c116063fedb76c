import NIOCore
import Synchronization

/// Counts probes by phases; any thread.
final class RehearsalTally: Sendable {
    private struct State {
        var phase = RehearsalReport.Phase.before
        var millis: [RehearsalReport.Phase: [Double]] = [:]
        var failed: [RehearsalReport.Phase: Int] = [:]
        var failures: [RehearsalReport.Failure] = []
        var awayFrom: NIODeadline?
    }

    private let state = Mutex(State())

    /// The node falls silent about now.
    func beginAbsence() {
        state.withLock { state in
            state.phase = .away
            state.awayFrom = .now()
        }
    }

    func beginReturn() { state.withLock { $0.phase = .returning } }

    /// Milliseconds since the node fell silent; nil before.
    var sinceAbsence: Int64? {
        state.withLock { $0.awayFrom }.map { (NIODeadline.now() - $0).nanoseconds / 1_000_000 }
    }

    /// A probe belongs to the phase in which it ended.
    func add(_ operation: String, begun: NIODeadline, error: String?) {
        let now = NIODeadline.now()
        state.withLock { state in
            state.millis[state.phase, default: []].append(Double((now - begun).nanoseconds / 1_000) / 1_000)
            guard let error else { return }
            state.failed[state.phase, default: 0] += 1
            guard state.failures.count < RehearsalReport.failuresMax else { return }
            let since = state.awayFrom.map { (now - $0).nanoseconds / 1_000_000 } ?? -1
            state.failures.append(RehearsalReport.Failure(millis: since, operation: operation, error: error))
        }
    }

    func write(to report: inout RehearsalReport) {
        let state = state.withLock { $0 }
        func probes(_ phase: RehearsalReport.Phase) -> RehearsalReport.Probes {
            let sorted = (state.millis[phase] ?? []).sorted()
            return RehearsalReport.Probes(
                count: sorted.count,
                failed: state.failed[phase] ?? 0,
                medianMillis: sorted.isEmpty ? 0 : sorted[sorted.count / 2],
                slowestMillis: sorted.last ?? 0
            )
        }
        report.before = probes(.before)
        report.away = probes(.away)
        report.returning = probes(.returning)
        report.failures = state.failures
    }
}
