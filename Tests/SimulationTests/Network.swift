import Swim

/// The weather between nodes: who loses what, who cannot reach whom, and how long a packet takes.
struct Network {
    /// Gilbert and Elliott's bursts, one chain per interface and direction: good spells with no extra loss, and bad
    /// ones in which most packets vanish together.
    struct Bursts {
        var goodMicros: Double = 900_000
        var badMicros: Double = 100_000
        var badLoss = 0.9
    }

    private struct Chain {
        var isBad = false
        var until: Micros = 0
    }

    var loss = 0.0
    var bursts: Bursts?
    var duplication = 0.0
    /// The share of packets that are held back by up to this, which reorders them.
    var reordering = 0.0
    var reorderMicros: Double = 20_000
    var latencyMicros: Double = 150
    var jitterMicros: Double = 100
    /// Extra loss of single nodes, by direction.
    var egressLoss: [Double]
    var ingressLoss: [Double]
    /// Nodes reach each other only within a group.
    var groups: [Int32]
    /// Directed pairs that are cut.
    var cuts: Set<Int64> = []
    private var egress: [Chain]
    private var ingress: [Chain]

    init(count: Int) {
        egressLoss = Array(repeating: 0, count: count)
        ingressLoss = Array(repeating: 0, count: count)
        groups = Array(repeating: 0, count: count)
        egress = Array(repeating: Chain(), count: count)
        ingress = Array(repeating: Chain(), count: count)
    }

    mutating func cut(from: Int, to: Int) { cuts.insert(Int64(from) << 32 | Int64(to)) }

    func isCut(_ from: Int, _ to: Int) -> Bool {
        groups[from] != groups[to] || (!cuts.isEmpty && cuts.contains(Int64(from) << 32 | Int64(to)))
    }

    /// Whether one packet gets through.
    mutating func carries(_ from: Int, _ to: Int, now: Micros, random: inout Random) -> Bool {
        if isCut(from, to) { return false }
        if loss > 0, random.unit() < loss { return false }
        if egressLoss[from] > 0, random.unit() < egressLoss[from] { return false }
        if ingressLoss[to] > 0, random.unit() < ingressLoss[to] { return false }
        guard let bursts else { return true }
        let out = Self.badness(&egress[from], bursts, now: now, random: &random)
        let into = Self.badness(&ingress[to], bursts, now: now, random: &random)
        let lost = 1 - (1 - out) * (1 - into)
        return lost == 0 || random.unit() >= lost
    }

    mutating func delay(random: inout Random) -> Micros {
        var micros = latencyMicros - jitterMicros * Logarithm.natural(1 - random.unit())
        if reordering > 0, random.unit() < reordering { micros += random.unit() * reorderMicros }
        return Micros(micros)
    }

    private static func badness(
        _ chain: inout Chain,
        _ bursts: Bursts,
        now: Micros,
        random: inout Random
    ) -> Double {
        while chain.until <= now {
            if chain.until == 0 {
                chain.isBad = random.unit() < bursts.badMicros / (bursts.badMicros + bursts.goodMicros)
                chain.until = now
            } else {
                chain.isBad.toggle()
            }
            let mean = chain.isBad ? bursts.badMicros : bursts.goodMicros
            chain.until += 1 + Micros(-mean * Logarithm.natural(1 - random.unit()))
        }
        return chain.isBad ? bursts.badLoss : 0
    }
}
