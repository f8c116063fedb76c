/// How much of a witness's word was refuted lately.
///
/// One member with a valid key can accuse healthy members for ever, and each has to answer: that kills nobody, but so
/// many answers look like flapping, and would take the accused out of use. So who was refuted a few times while nobody
/// else spoke against the accused cannot raise a suspicion alone any more, until that has faded. Beside the word of
/// another witness it counts as before.
package struct Credit: Sendable {
    private struct Ledger: Sendable {
        let slot: Int
        var refuted: Double
        var countedAt: Micros

        func faded(to now: Micros, halfLife: Micros) -> Double {
            refuted * Logarithm.exp2(-Double(max(0, now - countedAt)) / Double(halfLife))
        }
    }

    private static var ledgersMax: Int { 1_024 }

    private var ledgers: [Ledger] = []

    package init() {}

    /// An accusation that this witness made alone was refuted.
    package mutating func refuted(_ slot: Int, now: Micros, settings: Settings) {
        let halfLife = settings.flapHalfLifeMicros
        if let at = ledgers.firstIndex(where: { $0.slot == slot }) {
            ledgers[at].refuted = min(ledgers[at].faded(to: now, halfLife: halfLife) + 1, 16)
            ledgers[at].countedAt = now
            return
        }
        ledgers.removeAll { $0.faded(to: now, halfLife: halfLife) < 0.1 }
        guard ledgers.count < Self.ledgersMax else { return }
        ledgers.append(Ledger(slot: slot, refuted: 1, countedAt: now))
    }

    /// Whether a witness can raise a suspicion alone.
    package func isGood(_ slot: Int, now: Micros, settings: Settings) -> Bool {
        guard let ledger = ledgers.first(where: { $0.slot == slot }) else { return true }
        return ledger.faded(to: now, halfLife: settings.flapHalfLifeMicros) < settings.refutedMax
    }

    /// The slot is free for another identity.
    package mutating func forget(_ slot: Int) { ledgers.removeAll { $0.slot == slot } }
}
