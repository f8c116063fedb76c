/// Gives out stamps. Pure: the time comes in from outside.
struct StampClock {
    /// The next writer word: random per start, then counted, so that no stamp is ever given out twice.
    private var writer: UInt64
    private let boot: UInt64
    /// The largest time given out since the start: a key whose newest version was removed for good goes on above it.
    private var last: UInt64 = 0

    /// Counted too, behind a second random word: the two together name an operation on every node.
    private var op: OpID

    init(boot: UInt64, op: OpID) {
        self.boot = boot
        self.op = op
        writer = 0
    }

    mutating func nextOp() -> OpID {
        op = OpID(high: op.high, low: op.low &+ 1)
        return op
    }

    /// The stamp of a change after `head`, the newest version of the key. A successor sorts directly behind `head`; the
    /// caller knows that `head` never had another one.
    mutating func next(after head: Stamp?, asSuccessor: Bool, nowMillis: UInt64) -> Stamp {
        if asSuccessor, let head, head.q < .max { return head.successor }
        writer &+= 1
        last = max(nowMillis << 16, last &+ 1, head.map { $0.t &+ 1 } ?? 0)
        return Stamp(t: last, w: boot ^ writer, q: 0)
    }
}
