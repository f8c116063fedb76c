/// How long the committer lets writes gather before it takes the next ones.
///
/// As a rule not at all: while one batch is being synced the next one collects by itself. Where threads have to wait for
/// a processor it is another matter: each sync costs them time, and whoever would bring the next writes has not had its
/// turn yet. Then a batch that waits a little is larger, and the same writes take fewer syncs. Who writes alone is not
/// kept waiting. Pure.
struct Gathering {
    /// Whether threads wait for processors is looked at so often.
    static let lookNanos: UInt64 = 100_000_000
    /// A batch of fewer writes comes from a few clients that each wait for their answer: nobody else would join it.
    private static let batchMin = 3
    private static let windowNanos: UInt64 = 1_500_000
    /// One part in so many of the committer's time spent in the queue for a processor means that there are too few.
    private static let share: UInt64 = 10

    private var last: (nanos: UInt64, delayNanos: UInt64)?
    private var isCrowded = false

    /// Whether `note` wants to be told.
    func isDue(nowNanos: UInt64) -> Bool { last.map { nowNanos - $0.nanos >= Self.lookNanos } ?? true }

    /// - Parameter delayNanos: how long the thread has waited for a processor since it began; nil: the system does not tell.
    mutating func note(nowNanos: UInt64, delayNanos: UInt64?) {
        guard let delayNanos else {
            isCrowded = false
            last = (nowNanos, 0)
            return
        }
        if let last { isCrowded = (delayNanos - min(delayNanos, last.delayNanos)) * Self.share > nowNanos - last.nanos }
        last = (nowNanos, delayNanos)
    }

    /// Behind a batch of so many writes.
    func windowNanos(behind batch: Int) -> UInt64 { isCrowded && batch >= Self.batchMin ? Self.windowNanos : 0 }
}
