import Synchronization

/// Counters that many threads add to.
final class Metrics: Sendable {
    let commits = Counter()
    let batches = Counter()
    let syncs = Counter()
    let scrubbedBytes = Counter()
    let corruptions = Counter()
    let compactedBytes = Counter()
}

final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    func add(_ amount: UInt64) { count.wrappingAdd(amount, ordering: .relaxed) }
    var value: UInt64 { count.load(ordering: .relaxed) }
}
