/// What coordinators did on this node: operations by kind and outcome with their time, and what it took to get there.
///
/// Kinds and outcomes are fixed lists, so every series has its place in one array and counting takes no lock.
package final class QuorumMetrics: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case read, write, delete, change, list, body, upload
    }

    package enum Outcome: String, Sendable, CaseIterable {
        case done
        /// A condition was false, or there is no such thing: a definite answer.
        case refused
        /// No quorum of holders answered, and nothing was changed.
        case unreachable
        /// Time ran out after a change left: it may or may not have taken effect.
        case unknown
    }

    private let counts: [Counter] = (0..<Kind.allCases.count * Outcome.allCases.count).map { _ in Counter() }
    private let latencies: [LatencyHistogram] = Kind.allCases.map { _ in LatencyHistogram() }

    /// Requests to a further holder because the first ones were slow.
    package let hedges = Counter()
    /// Rows that a read wrote back before it answered, because too few holders had them.
    package let writeBacks = Counter()
    /// Operations that were begun again in a newer layout epoch.
    package let relayouts = Counter()
    /// Rounds of the register that somebody else's ballot ended.
    package let outbids = Counter()
    /// Chunks of bodies that had to come from another holder than the one that began.
    package let switchedSources = Counter()

    package init() {}

    /// One operation that has its answer. `micros` is the time from its begin.
    package func record(_ kind: Kind, _ outcome: Outcome, micros: UInt64) {
        counts[Self.index(kind, outcome)].add()
        latencies[Self.index(kind)].record(micros: micros)
    }

    /// Reads and blind writes, all of them and their time together: what clients feel of everything else that goes on.
    package var foreground: (count: UInt64, micros: UInt64) {
        var total: (count: UInt64, micros: UInt64) = (0, 0)
        for kind in [Kind.read, .write] {
            let snapshot = latencies[Self.index(kind)].snapshot
            total.count += snapshot.counts.reduce(0, +)
            total.micros += snapshot.sumMicros
        }
        return total
    }

    package func count(_ kind: Kind, _ outcome: Outcome) -> UInt64 { counts[Self.index(kind, outcome)].value }

    /// Adds everything to a page of Prometheus text.
    package func write(to page: inout PrometheusText) {
        let name = "meshd_quorum_operations_total"
        page.family(name, "Operations that this node coordinated, by kind and outcome.", .counter)
        for kind in Kind.allCases {
            for outcome in Outcome.allCases {
                let labels = [("kind", kind.rawValue), ("outcome", outcome.rawValue)]
                page.sample(name, labels, Double(count(kind, outcome)))
            }
        }
        page.family("meshd_quorum_seconds", "Time of a coordinated operation, by kind.", .histogram)
        for (kind, latency) in zip(Kind.allCases, latencies) {
            page.histogram("meshd_quorum_seconds", [("kind", kind.rawValue)], latency)
        }
        let totals: [(name: String, help: String, counter: Counter)] = [
            ("hedges", "Requests to a further holder because the first ones were slow.", hedges),
            ("write_backs", "Rows that reads wrote back before they answered.", writeBacks),
            ("relayouts", "Operations begun again in a newer layout epoch.", relayouts),
            ("outbids", "Rounds of the register that another ballot ended.", outbids),
            ("switched_sources", "Chunks of bodies that came from another holder than the first.", switchedSources),
        ]
        for total in totals {
            page.single("meshd_quorum_\(total.name)_total", total.help, .counter, Double(total.counter.value))
        }
    }

    private static func index(_ kind: Kind) -> Int { Kind.allCases.firstIndex(of: kind) ?? 0 }

    private static func index(_ kind: Kind, _ outcome: Outcome) -> Int {
        index(kind) * Outcome.allCases.count + (Outcome.allCases.firstIndex(of: outcome) ?? 0)
    }
}
