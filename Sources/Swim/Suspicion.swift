/// The case against one member at one version: who accuses it, how much that weighs, and when that is enough.
///
/// Evidence is a set that grows by union, the greatest weight per accuser, so it does not matter in which order or how
/// often it arrives. The case is kept after the verdict: a death must stay explainable.
package struct Suspicion: Sendable {
    package let version: Version
    /// When this node first heard of it.
    package let since: Micros
    package private(set) var accusations: [Accusation] = []
    /// The zone of each accuser, in the same order.
    private var zones: [UInt64] = []
    /// The evidence that was last passed on.
    package var toldPhi = 0.0
    /// The refusals that were last passed on.
    package var toldRefusals = 0
    /// The deadline that is set; an older one that fires is void.
    package var deadline: Micros = .max
    /// When the verdict fell, for a member that is dead.
    package var verdictAt: Micros = 0

    package init(version: Version, since: Micros) {
        self.version = version
        self.since = since
    }

    /// What an accuser's known weight is, zero when it is none.
    package func weight(of accuser: UInt64) -> UInt8 {
        accusations.first { $0.accuser == accuser }?.weight ?? 0
    }

    /// Adds one verified accusation; false when nothing is new. A full case drops its lightest for a heavier one.
    package mutating func join(_ accusation: Accusation, zone: UInt64, settings: Settings) -> Bool {
        if let known = accusations.firstIndex(where: { $0.accuser == accusation.accuser }) {
            guard accusations[known].weight < accusation.weight else { return false }
            accusations[known] = accusation
            return true
        }
        if accusations.count < settings.accusersMax {
            accusations.append(accusation)
            zones.append(zone)
            return true
        }
        var lightest = 0
        for index in accusations.indices {
            let (a, b) = (accusations[index], accusations[lightest])
            if a.weight < b.weight || (a.weight == b.weight && a.accuser > b.accuser) {
                lightest = index
            }
        }
        let least = accusations[lightest]
        guard
            accusation.weight > least.weight
                || (accusation.weight == least.weight && accusation.accuser < least.accuser)
        else { return false }
        accusations[lightest] = accusation
        zones[lightest] = zone
        return true
    }

    /// Takes a witness's word out again.
    package mutating func drop(_ accuser: UInt64) {
        guard let at = accusations.firstIndex(where: { $0.accuser == accuser }) else { return }
        accusations.remove(at: at)
        zones.remove(at: at)
    }

    /// How many witnesses were refused by the member's own machine.
    package var refusals: Int { accusations.count { $0.isRefused } }

    /// The sum of all weights; where there are several zones, one of them counts at most half a death.
    package func phi(zoneCount: Int, settings: Settings) -> Double {
        let phiMax = settings.accuserPhiMax
        guard zoneCount >= 2 else { return accusations.reduce(0) { $0 + min($1.phi, phiMax) } }
        var sum = 0.0
        for index in zones.indices where zones.firstIndex(of: zones[index]) == index {
            var ofZone = 0.0
            for other in zones.indices where zones[other] == zones[index] {
                ofZone += min(accusations[other].phi, phiMax)
            }
            sum += min(ofZone, settings.deadPhi / 2)
        }
        return sum
    }

    /// How long the member has to refute: from the maximum at the first evidence down to the minimum at a full case.
    package static func waitMicros(phi: Double, minimum: Micros, maximum: Micros, settings: Settings) -> Micros {
        let span = Logarithm.base2(settings.deadPhi / settings.suspectPhi)
        let share = Logarithm.base2(max(phi, settings.suspectPhi) / settings.suspectPhi) / span
        return maximum - Micros(Double(maximum - minimum) * min(1, share))
    }
}
