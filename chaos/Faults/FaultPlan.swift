/// What happens to the mesh next, decided by the seed alone.
struct FaultPlan {
    struct Step: Equatable {
        let kind: FaultKind
        /// Chooses the node, in turn: the nth of those that there are.
        let victim: Int
        /// Chooses among variants: which half, which direction.
        let variant: UInt64
        /// Before it, in which nothing is wrong.
        let quietMillis: Int
        /// How long it lasts.
        let millis: Int
    }

    let kinds: [FaultKind]
    /// How long each lasts; nil: some seconds, and sometimes less.
    let millis: ClosedRange<Int>?
    private var random: SeededRandom
    private var turn = 0

    init(seed: UInt64, kinds: [FaultKind], millis: ClosedRange<Int>? = nil) {
        self.millis = millis
        random = SeededRandom(seed: seed, label: 0xFA01)
        self.kinds = kinds
    }

    mutating func next() -> Step? {
        guard !kinds.isEmpty else { return nil }
        // Each kind in turn, so that a short run has all of them; the order of nodes shifts by one each time round.
        let kind = kinds[turn % kinds.count]
        defer { turn += 1 }
        return Step(
            kind: kind,
            victim: turn / kinds.count + turn % kinds.count,
            variant: random.next(),
            quietMillis: Int.random(in: 2000...5000, using: &random),
            // Sometimes over before anybody has noticed.
            millis: Int.random(in: millis ?? (random.oneIn(4) ? 50...800 : 2000...7000), using: &random)
        )
    }
}
