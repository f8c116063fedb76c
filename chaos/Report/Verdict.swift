import Synchronization

/// Counts what was checked and keeps what was wrong.
final class Verdict: Sendable {
    struct Anomaly: Sendable {
        let promise: Promise?
        let claim: String
        /// What the checker knows: the history of the key, the end of a log.
        let around: [String]
        let at: UInt64
        /// The last requests of all clients just then.
        let requests: [Traffic.Entry]
        /// What the nodes said of themselves, asked as soon as the anomaly was seen.
        var views: [NodeView] = []
    }

    struct Tally: Sendable {
        var passed = 0
        var failed = 0
    }

    private struct State {
        var counts: [String: Int] = [:]
        var tallies: [Promise: Tally] = [:]
        var total = Tally()
        var anomalies: [Anomaly] = []
    }

    /// Anomalies printed in full; a broken daemon makes thousands that say the same.
    static let shownMaxUsual = 20
    private let shownMax: Int
    /// Anomalies kept for the report.
    private static let keptMax = 200
    /// Requests kept with an anomaly, and the anomalies that they are kept with: the first ones tell the story.
    private static let requestsMax = 48
    private static let withRequestsMax = 40
    /// What the clients of this run sent and got.
    let traffic: Traffic
    private let state = Mutex(State())

    init(begin: UInt64 = Clock.nanoseconds(), shownMax: Int = Verdict.shownMaxUsual) {
        traffic = Traffic(begin: begin)
        self.shownMax = shownMax
    }

    func count(_ what: String, _ number: Int = 1) { state.withLock { $0.counts[what, default: 0] += number } }

    /// Keeps the largest.
    func peak(_ what: String, _ number: Int) { state.withLock { $0.counts[what] = max($0.counts[what] ?? 0, number) } }

    func value(_ what: String) -> Int { state.withLock { $0.counts[what] ?? 0 } }

    /// Everything that was counted, by name.
    var names: [String] { state.withLock { $0.counts.keys.sorted() } }

    var counts: [String: Int] { state.withLock { $0.counts } }

    func tally(_ promise: Promise) -> Tally { state.withLock { $0.tallies[promise] ?? Tally() } }

    var anomalies: [Anomaly] { state.withLock { $0.anomalies } }

    func add(views: [NodeView], toAnomaly index: Int) { state.withLock { $0.anomalies[index].views = views } }

    func pass(_ promise: Promise? = nil) {
        state.withLock { state in
            state.total.passed += 1
            if let promise { state.tallies[promise, default: Tally()].passed += 1 }
        }
    }

    /// Prints the anomaly at once, with what is known around it.
    func fail(promise: Promise? = nil, _ claim: String, around lines: [String] = []) {
        let at = Clock.nanoseconds()
        let requests = failed < Self.withRequestsMax ? traffic.last(Self.requestsMax) : []
        let number = state.withLock { state in
            state.total.failed += 1
            if let promise { state.tallies[promise, default: Tally()].failed += 1 }
            if state.anomalies.count < Self.keptMax {
                state.anomalies.append(
                    Anomaly(promise: promise, claim: claim, around: lines, at: at, requests: requests)
                )
            }
            return state.total.failed
        }
        guard number <= shownMax else { return }
        say("ANOMALY \(number)\(promise.map { " (\($0))" } ?? ""): \(claim)")
        for line in lines { say("    \(line)") }
        if number == shownMax { say("(later anomalies are counted, not shown)") }
    }

    func check(
        promise: Promise? = nil,
        _ holds: Bool,
        _ claim: @autoclosure () -> String,
        around lines: @autoclosure () -> [String] = []
    ) {
        if holds { pass(promise) } else { fail(promise: promise, claim(), around: lines()) }
    }

    var failed: Int { total.failed }

    /// Of all checks.
    var total: Tally { state.withLock { $0.total } }

    /// Prints the counts in the given order, the promises that were checked and the closing line; true when nothing
    /// failed.
    func close(_ order: [String]) -> Bool {
        let state = state.withLock { $0 }
        for what in order { say("\(what): \(state.counts[what] ?? 0)") }
        for promise in Promise.allCases {
            guard let tally = state.tallies[promise] else { continue }
            say("\(promise): \(tally.passed) times kept, \(tally.failed) broken (\(promise.text))")
        }
        say("\(state.total.passed) passed, \(state.total.failed) failed")
        return state.total.failed == 0
    }
}
