/// This node's own unanswered questions: φ is how unlikely such a silence would be if the member were alive.
///
/// Classic φ accrual (Hayashibara, 2004) waits for arrivals, but a pair in SWIM exchanges evidence once in N/2 periods.
/// Here the sample is a question without an answer: φ = Σ −log10 max(ℓ + (1 − ℓ)·S(age), 0.01) over questions that are
/// far enough apart to be lost independently. Only an answer to one's own nonce ends a silence.
package struct Silences: Sendable {
    package struct Silence: Sendable {
        package let slot: Int
        /// When each unanswered question was asked.
        fileprivate var asked: [Micros]
        /// Failed rounds since the last proof of life.
        package var rounds: Int
        /// Whether any relay of any round said that it got no answer either.
        package var wasNacked: Bool
        /// What the relays signed, one per relay, for the version that was asked.
        package var nacks: [Accusation] = []
        fileprivate var touched: Micros
    }

    private static var questionsMax: Int { 32 }
    private static var silencesMax: Int { 256 }

    private var silences: [Silence] = []

    package init() {}

    package var count: Int { silences.count }

    private func index(of slot: Int) -> Int? { silences.firstIndex { $0.slot == slot } }

    package subscript(slot: Int) -> Silence? { index(of: slot).map { silences[$0] } }

    /// Counts a question that has outlived its patience; one closer than `apart` to the one before shares its fate.
    package mutating func add(_ slot: Int, askedAt: Micros, apart: Micros, now: Micros) {
        let at = open(slot, now: now)
        if let last = silences[at].asked.last, askedAt - last < apart { return }
        if silences[at].asked.count < Self.questionsMax { silences[at].asked.append(askedAt) }
    }

    package mutating func failRound(_ slot: Int, wasNacked: Bool, nacks: [Accusation], now: Micros) {
        let at = open(slot, now: now)
        silences[at].rounds += 1
        if wasNacked { silences[at].wasNacked = true }
        for nack in nacks where silences[at].nacks.count < 8 {
            if !silences[at].nacks.contains(where: { $0.accuser == nack.accuser }) { silences[at].nacks.append(nack) }
        }
    }

    /// A proof of life: nothing that was unanswered before counts any more.
    package mutating func end(_ slot: Int) {
        if let at = index(of: slot) { silences.remove(at: at) }
    }

    /// Time in which this node slept is not silence of its peers.
    package mutating func shift(by pause: Micros) {
        for at in silences.indices {
            for question in silences[at].asked.indices { silences[at].asked[question] += pause }
        }
    }

    /// - Parameter scale: how much slower than its zone this member answers.
    /// - Parameter selfFault: the share of recent questions to anybody that was missed; no silence is more surprising.
    package func phi(
        _ slot: Int,
        now: Micros,
        loss: Double,
        selfFault: Double,
        trips: RoundTrips,
        scale: Double
    ) -> Double {
        guard let silence = self[slot] else { return 0 }
        var phi = 0.0
        for asked in silence.asked {
            let age = Micros(Double(max(0, now - asked)) / scale)
            let alive = max(loss + (1 - loss) * trips.survival(age), 0.01, selfFault)
            phi -= Logarithm.base10(min(1, alive))
        }
        return phi
    }

    private mutating func open(_ slot: Int, now: Micros) -> Int {
        if let at = index(of: slot) {
            silences[at].touched = now
            return at
        }
        if silences.count == Self.silencesMax {
            // The one that was asked about longest ago makes room; should it matter, the next probe opens it again.
            var oldest = 0
            for at in silences.indices where silences[at].touched < silences[oldest].touched { oldest = at }
            silences.remove(at: oldest)
        }
        silences.append(Silence(slot: slot, asked: [], rounds: 0, wasNacked: false, touched: now))
        return silences.count - 1
    }
}
