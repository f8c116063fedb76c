/// The share of this node's questions that go unanswered: a moving average with a prior of 1 % worth twenty questions.
///
/// It sets how much one silence is worth: two decades on a clean network, a third of one when a quarter of all packets
/// is lost. More evidence is asked for exactly when the network is worse, and that is what stops the storm of false
/// suspicions.
package struct Loss: Sendable {
    private static var alpha: Double { 0.02 }
    private static var window: Int { 20 }

    private var average = 0.01
    private var samples = 20
    /// The newest twenty answers as bits, a one for a miss.
    private var recent: UInt32 = 0
    private var recentCount = 0

    package init() {}

    package mutating func record(isMiss: Bool) {
        samples = min(samples + 1, 1_000_000)
        let weight = max(Self.alpha, 1 / Double(samples))
        average += weight * ((isMiss ? 1 : 0) - average)
        recent = (recent << 1 | (isMiss ? 1 : 0)) & ((1 << UInt32(Self.window)) - 1)
        recentCount = min(recentCount + 1, Self.window)
    }

    /// The estimate within its bounds.
    package func estimate(_ settings: Settings) -> Double {
        guard settings.phiGate else { return settings.lossMin }
        return min(settings.lossMax, max(settings.lossMin, average))
    }

    /// The estimate without the lower bound, for the sum with a late answer's chance; that sum has a floor of its own.
    package func measured(_ settings: Settings) -> Double {
        settings.phiGate ? min(settings.lossMax, average) : settings.lossMin
    }

    /// The share of the newest questions that was missed: when it is nearly all, the fault is here and not out there.
    package var recentShare: Double {
        recentCount < 4 ? 0 : Double(recent.nonzeroBitCount) / Double(recentCount)
    }
}
