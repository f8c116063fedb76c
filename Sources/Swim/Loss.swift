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
    /// The newest twenty questions.
    private var recent: [(slot: Int32, isMiss: Bool)] = []
    private var recentAt = 0
    private var recentMisses = 0

    package init() {}

    /// Counts the outcome of one scheduled question. Questions repeated because of a silence are not counted: they are
    /// asked of those who do not answer, and would make the network look worse than it is.
    package mutating func record(_ slot: Int, isMiss: Bool) {
        samples = min(samples + 1, 1_000_000)
        let weight = max(Self.alpha, 1 / Double(samples))
        average += weight * ((isMiss ? 1 : 0) - average)
        let entry = (slot: Int32(truncatingIfNeeded: slot), isMiss: isMiss)
        if isMiss { recentMisses += 1 }
        if recent.count < Self.window {
            recent.append(entry)
        } else {
            if recent[recentAt].isMiss { recentMisses -= 1 }
            recent[recentAt] = entry
            recentAt = (recentAt + 1) % Self.window
        }
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

    /// The share of distinct peers that did not answer their newest question, among the last twenty questions. When
    /// it is nearly all, the fault is here and not out there; fewer than four peers cannot tell.
    package var recentShare: Double {
        guard recentMisses > 0 else { return 0 }
        var peers = 0
        var silent = 0
        for step in 1...recent.count {
            let at = (recentAt + recent.count - step) % recent.count
            let isRepeated = (1..<step).contains {
                recent[(recentAt + recent.count - $0) % recent.count].slot == recent[at].slot
            }
            if isRepeated { continue }
            peers += 1
            if recent[at].isMiss { silent += 1 }
        }
        return peers < 4 ? 0 : Double(silent) / Double(peers)
    }
}
