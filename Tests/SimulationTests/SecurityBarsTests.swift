import Swim
import Testing

/// The bars about members that are hostile; ours only, because the reference rules have no answer to them.
///
///     MESHD_BARS=1 swift test -c release --filter SecurityBarsTests
@Suite(.serialized) struct SecurityBarsTests {
    @Test("an expulsion is everywhere in time, and a liar harms nobody", .enabled(if: environment("MESHD_BARS") != nil))
    func security() {
        let seeds = environment("MESHD_BARS_SEEDS").flatMap { Int($0) } ?? 3
        let sizes = (environment("MESHD_BARS_SIZES") ?? "16,128,1024").split(separator: ",").compactMap { Int($0) }
        let wanted = environment("MESHD_BARS_ROWS")
        func isWanted(_ name: String) -> Bool { wanted.map { name.contains($0) } ?? true }
        say("| scenario | N | median | worst | bar |\n|---|--:|--:|--:|--:|")
        for size in sizes {
            let at = size <= 16 ? 0 : size <= 128 ? 1 : size <= 2_000 ? 2 : 3
            for loss in [0, 0.25] {
                let name = loss == 0 ? "expel, nobody lists it (s)" : "expel at 25 % loss (s)"
                guard isWanted(name) else { continue }
                row(name, size, seeds, [2.0, 2, 3, 4][at]) { seed in
                    let simulation = Simulation<SwimStation>.cluster(size, seed: seed)
                    simulation.network.loss = loss
                    return simulation.expulsion(of: size / 2, at: 0)
                }
            }
            let name = "Byzantine member, 600 s, honest members harmed"
            if size <= 2_000, isWanted(name) {
                row(name, size, seeds, 0) { seed in
                    let simulation = Simulation<SwimStation>.cluster(size, seed: seed)
                    return Double(simulation.lies(by: size / 2, watch: 600_000_000, seed: seed))
                }
            }
        }
    }

    private func row(_ name: String, _ size: Int, _ seeds: Int, _ bar: Double, _ run: (UInt64) -> Double) {
        let values = (0..<UInt64(seeds)).map(run).sorted()
        let median = values[(values.count - 1) / 2]
        say("| \(name) | \(size) | \(median) | \(values[values.count - 1]) | \(bar) |")
        #expect(median <= bar, "\(name), N = \(size)")
    }
}
