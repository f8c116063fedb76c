/// Gives out stamps. Pure: the time comes in from outside.
struct StampClock {
    /// The next writer word: random per start, then counted, so that no stamp is ever given out twice.
    private var writer: UInt64
    private let boot: UInt64

    init(boot: UInt64) {
        self.boot = boot
        writer = 0
    }

    /// The stamp of a change after `head`, the newest version of the key. A conditional change sorts directly behind
    /// what it was judged against.
    mutating func next(after head: Stamp?, conditional: Bool, nowMillis: UInt64) -> Stamp {
        if conditional, let head, head.q < .max { return head.successor }
        writer &+= 1
        let floor = nowMillis << 16
        return Stamp(t: max(floor, head.map { $0.t &+ 1 } ?? 0), w: boot ^ writer, q: 0)
    }
}
