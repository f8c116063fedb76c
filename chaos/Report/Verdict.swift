import Synchronization

/// Counts what was checked and keeps what was wrong.
final class Verdict: Sendable {
    private struct State {
        var counts: [String: Int] = [:]
        var passed = 0
        var failed = 0
    }

    /// Anomalies printed in full; a broken daemon makes thousands that say the same.
    private static let shownMax = 20
    private let state = Mutex(State())

    func count(_ what: String, _ number: Int = 1) { state.withLock { $0.counts[what, default: 0] += number } }

    func value(_ what: String) -> Int { state.withLock { $0.counts[what] ?? 0 } }

    /// Everything that was counted, by name.
    var names: [String] { state.withLock { $0.counts.keys.sorted() } }

    func pass() { state.withLock { $0.passed += 1 } }

    /// Prints the anomaly at once, with what is known around it.
    func fail(_ claim: String, around lines: [String] = []) {
        let number = state.withLock {
            $0.failed += 1
            return $0.failed
        }
        guard number <= Self.shownMax else { return }
        say("ANOMALY \(number): \(claim)")
        for line in lines { say("    \(line)") }
        if number == Self.shownMax { say("(later anomalies are counted, not shown)") }
    }

    func check(_ holds: Bool, _ claim: @autoclosure () -> String, around lines: @autoclosure () -> [String] = []) {
        if holds { pass() } else { fail(claim(), around: lines()) }
    }

    var failed: Int { state.withLock { $0.failed } }

    /// Prints the counts in the given order and the closing line; true when nothing failed.
    func close(_ order: [String]) -> Bool {
        let state = state.withLock { $0 }
        for what in order { say("\(what): \(state.counts[what] ?? 0)") }
        say("\(state.passed) passed, \(state.failed) failed")
        return state.failed == 0
    }
}
