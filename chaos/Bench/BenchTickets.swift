import Synchronization

/// Says to each client when its next request is due. The tickets of an open loop are numbers that all clients take from
/// one row, so that whoever is free takes what is due: none waits behind one slow answer.
final class BenchTickets: Sendable {
    /// After the time is over, how long clients still send what is overdue; the rest is told as unsent.
    private static let graceNanos: UInt64 = 2_000_000_000

    let deadline: UInt64
    let schedule: OpenSchedule?
    private let taken = Atomic<UInt64>(0)
    private let stock = Atomic<Int>(0)
    private let stockMax: Int

    init(_ plan: BenchPlan, begin: UInt64) {
        let nanos = UInt64(plan.seconds) * 1_000_000_000
        deadline = begin + nanos
        schedule = plan.rate.map { OpenSchedule(begin: begin, rate: $0, nanos: nanos) }
        stockMax = plan.keys
    }

    /// Waits until a request is due and says since when it is: in a closed loop since now. nil: the end.
    nonisolated(nonsending) func next() async -> UInt64? {
        let now = Clock.nanoseconds()
        guard let schedule else { return now < deadline && !Interruption.isAsked ? now : nil }
        guard now < deadline + Self.graceNanos, !Interruption.isAsked else { return nil }
        let number = taken.add(1, ordering: .relaxed).oldValue
        guard let due = schedule.due(number) else { return nil }
        if due > now {
            // A sleep that is cancelled sends early, which the end then corrects.
            try? await Task.sleep(for: .nanoseconds(Int64(due - now)), tolerance: .zero)
        }
        return due
    }

    /// Requests that were due and that nobody has taken.
    var unsent: Int {
        guard let schedule else { return 0 }
        return Int(schedule.count - min(schedule.count, taken.load(ordering: .relaxed)))
    }

    /// The number of a prepared object that nobody has deleted.
    func takeStock() -> Int { min(stockMax - 1, stock.add(1, ordering: .relaxed).oldValue) }

    var isStockEmpty: Bool { stock.load(ordering: .relaxed) >= stockMax }
}
