/// How many requests were answered and how fast, slot by slot: a second each, in a long run two, four, and so on.
struct Pulse: Sendable {
    struct Slot: Sendable {
        var answered = 0
        /// Without an answer, or one that says that nothing was done.
        var failed = 0
        var latencies = Histogram(bits: 3)

        fileprivate mutating func add(_ other: Slot) {
            answered += other.answered
            failed += other.failed
            latencies.add(other.latencies)
        }
    }

    /// A picture has no more columns than that, and a long run shall not fill the memory.
    static let slotsMax = 600

    let begin: UInt64
    private(set) var nanosPerSlot: UInt64 = 1_000_000_000
    private(set) var slots: [Slot] = []

    init(begin: UInt64) { self.begin = begin }

    /// A request that ended at `end`.
    mutating func add(end: UInt64, nanos: UInt64, isAnswered: Bool) {
        var index = Int(end.subtractingReportingOverflow(begin).partialValue / nanosPerSlot)
        guard end >= begin else { return }
        while index >= Self.slotsMax {
            widen()
            index /= 2
        }
        while slots.count <= index { slots.append(Slot()) }
        if isAnswered { slots[index].answered += 1 } else { slots[index].failed += 1 }
        slots[index].latencies.add(nanos: nanos)
    }

    /// Makes one slot of each two.
    private mutating func widen() {
        nanosPerSlot *= 2
        var wide: [Slot] = []
        for (index, slot) in slots.enumerated() {
            if index % 2 == 0 { wide.append(slot) } else { wide[index / 2].add(slot) }
        }
        slots = wide
    }
}
