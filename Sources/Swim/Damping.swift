/// The calm view: which present members work should be sent to.
///
/// A half-dead node refutes, dies and returns over and over, and no detector can call it one thing. Its refutations are
/// seen by everybody as new incarnations; they are counted with a half-life, and a member with too many is unusable
/// until they have faded. One that returns from the dead serves a probation that doubles with each return.
package struct Damping: Sendable {
    private struct Ledger: Sendable {
        let slot: Int
        var flaps = 0.0
        var countedAt: Micros
        var isUnstable = false
        var returns = 0
        var probationUntil: Micros = .min

        mutating func fade(to now: Micros, halfLife: Micros) {
            guard now > countedAt else { return }
            flaps *= Logarithm.exp2(-Double(now - countedAt) / Double(halfLife))
            countedAt = now
        }
    }

    private static var ledgersMax: Int { 4_096 }

    private var ledgers: [Ledger] = []

    package init() {}

    package var isEmpty: Bool { ledgers.isEmpty }

    private func index(of slot: Int) -> Int? { ledgers.firstIndex { $0.slot == slot } }

    private mutating func open(_ slot: Int, now: Micros) -> Int? {
        if let at = index(of: slot) { return at }
        guard ledgers.count < Self.ledgersMax else { return nil }
        ledgers.append(Ledger(slot: slot, countedAt: now))
        return ledgers.count - 1
    }

    /// Counts refutations. The threshold grows with loss, because lost answers make even a healthy node refute.
    package mutating func refuted(_ slot: Int, times: Int, now: Micros, loss: Double, settings: Settings) {
        guard let at = open(slot, now: now) else { return }
        ledgers[at].fade(to: now, halfLife: settings.flapHalfLifeMicros)
        ledgers[at].flaps = min(ledgers[at].flaps + Double(min(times, 16)), 16)
        let kept = 1 - loss
        if ledgers[at].flaps >= settings.unstableFlaps / (kept * kept) { ledgers[at].isUnstable = true }
    }

    package mutating func returned(_ slot: Int, now: Micros, settings: Settings) {
        guard let at = open(slot, now: now) else { return }
        let shift = min(ledgers[at].returns, 5)
        ledgers[at].returns += 1
        let span = min(settings.probationMicrosMin << Micros(shift), settings.probationMicrosMax)
        ledgers[at].probationUntil = now + span
    }

    package mutating func forget(_ slot: Int) {
        ledgers.removeAll { $0.slot == slot }
    }

    package func isCalm(_ slot: Int, now: Micros) -> Bool {
        guard let at = index(of: slot) else { return true }
        return !ledgers[at].isUnstable && ledgers[at].probationUntil <= now
    }

    package func flaps(_ slot: Int) -> Double { index(of: slot).map { ledgers[$0].flaps } ?? 0 }

    /// Lets counts fade; gives the slots whose verdict may have changed.
    package mutating func fade(to now: Micros, settings: Settings) -> [Int] {
        var changed: [Int] = []
        for at in ledgers.indices {
            ledgers[at].fade(to: now, halfLife: settings.flapHalfLifeMicros)
            let wasUnstable = ledgers[at].isUnstable
            if ledgers[at].flaps < settings.stableFlaps { ledgers[at].isUnstable = false }
            if wasUnstable || ledgers[at].probationUntil > .min { changed.append(ledgers[at].slot) }
        }
        ledgers.removeAll { ledger in
            // Returns are remembered for eight of the longest probations, so that the doubling is not outwaited.
            ledger.flaps < 0.01 && ledger.probationUntil + 8 * settings.probationMicrosMax < now
        }
        return changed
    }
}
