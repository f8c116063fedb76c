/// How much this node should doubt itself, 0 for not at all (Lifeguard's local health, Dadgar et al., 2018).
///
/// It stretches the node's own period and patience, and it makes the node's accusations lighter: a node that cannot
/// hear should be slow to say that others are silent.
package struct LocalHealth: Sendable {
    package private(set) var score = 0

    package init() {}

    package mutating func praise() { score = max(0, score - 1) }

    package mutating func doubt(_ points: Int = 1, settings: Settings) {
        score = min(settings.healthMax, score + points)
    }

    /// A failed round whose relays stayed silent too. On a lossy network that is no wonder, and only what is less
    /// likely than one in twenty speaks against this node.
    package mutating func missedRelays(_ silent: Int, loss: Double, settings: Settings) {
        guard silent > 0 else { return }
        var chance = 1.0
        for _ in 0..<silent { chance *= loss }
        if chance < 0.05 { doubt(settings.phiGate ? 1 : silent, settings: settings) }
    }

    package func stretch(_ micros: Micros) -> Micros { micros * Micros(score + 1) }
}
