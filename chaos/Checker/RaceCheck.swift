/// Decides whether a race for one key had exactly one winner.
struct RaceCheck {
    enum Outcome: Sendable, Equatable {
        case won
        /// Told that the condition is false.
        case lost
        /// Told that it came to nothing, for another reason.
        case withdrawn
        case unknown
    }

    /// By the number of the racer's write.
    let outcomes: [UInt64: Outcome]
    /// What the key held before.
    let before: UInt64?
    /// What it held after all had ended.
    let after: UInt64?

    private func racers(_ outcome: Outcome) -> [UInt64] { outcomes.filter { $0.value == outcome }.keys.sorted() }

    var winners: [UInt64] { racers(.won) }

    /// What is wrong with it; nil when it is right.
    var objection: String? {
        let unknown = racers(.unknown)
        let counts = "\(racers(.lost).count) lost, \(racers(.withdrawn).count) withdrawn, \(unknown.count) unanswered"
        switch winners.count {
        case 1: return after == winners[0] ? nil : "#\(winners[0]) won and the key holds \(name(after)); \(counts)"
        case 0:
            // Somebody must have been in the way of each that was told that it lost.
            if let after, unknown.contains(after) { return nil }
            guard after == before else { return "nobody won and the key holds \(name(after)); \(counts)" }
            return racers(.lost).isEmpty ? nil : "nobody won, though some were told that they lost; \(counts)"
        default: return "\(winners.count) won: \(winners); \(counts)"
        }
    }

    /// Nobody was told that he won, nor can have: the race was run for nothing.
    var isFruitless: Bool { winners.isEmpty && after == before }

    private func name(_ value: UInt64?) -> String { value.map { "#\($0)" } ?? "nothing" }
}
