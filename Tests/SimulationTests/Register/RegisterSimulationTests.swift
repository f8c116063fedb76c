import Mesh
import Store
import Swim
import Testing

/// The register of a key under everything that can go wrong with nodes, links, clocks, disks and layouts.
///
/// `MESHD_SIM_SEEDS` sets how many seeds are played, `MESHD_SIM_FIRST` the first of them.
@Suite struct RegisterSimulationTests {
    static let seeds = environment("MESHD_SIM_SEEDS").flatMap { Int($0) } ?? 500
    static let first = environment("MESHD_SIM_FIRST").flatMap { UInt64($0) } ?? 1

    @Test("I1 to I5, I7 to I9, I11, I30: whatever happens, every key is linearizable and no acknowledged write is lost")
    func fullMix() async {
        var operations = 0
        var unknowns = 0
        var undecided = 0
        for seed in Self.first..<Self.first + UInt64(Self.seeds) {
            await breathe()
            let report = SimMesh(seed: seed).run()
            operations += report.operations
            unknowns += report.unknowns
            if report.verdict == .undecided { undecided += 1 }
            if !report.isClean { Issue.record("\(report.text)") }
            if !report.isClean { return }
        }
        say("register: \(Self.seeds) seeds, \(operations) operations, \(unknowns) unknown, \(undecided) undecided")
        #expect(undecided * 50 <= Self.seeds, "too many histories are undecided")
        #expect(unknowns * 4 < operations, "too little is known for the histories to say anything")
    }

    @Test("I11: the same while the number of copies goes up and down")
    func changingCopies() async {
        for seed in Self.first..<Self.first + UInt64(Self.seeds) {
            await breathe()
            var random = Swim.Random(seed: seed)
            var mix = SimMix(&random)
            mix.resizes = true
            mix.nodes = 5
            mix.copies = [1, 2, 3, 5][random.below(4)]
            mix.lossPercent = 0
            mix.churnMicros = [20_000, 60_000, 200_000][random.below(3)]
            let report = SimMesh(seed: seed, mix: mix).run()
            if !report.isClean { Issue.record("\(report.text)") }
            if !report.isClean { return }
        }
        say("register: \(Self.seeds) seeds with changing copies")
    }

    @Test("I11: the same while the key's bucket moves between sets of nodes that all hold other buckets")
    func changingPools() async {
        for seed in Self.first..<Self.first + UInt64(Self.seeds) {
            await breathe()
            var random = Swim.Random(seed: seed)
            var mix = SimMix(&random)
            mix.moves = true
            mix.nodes = 4 + random.below(4)
            mix.copies = [1, 2, 3][random.below(3)]
            mix.lossPercent = 0
            mix.churnMicros = [20_000, 60_000, 200_000][random.below(3)]
            let report = SimMesh(seed: seed, mix: mix).run()
            if !report.isClean { Issue.record("\(report.text)") }
            if !report.isClean { return }
        }
        say("register: \(Self.seeds) seeds with changing pools")
    }

    @Test("I30: whoever leaves the set and falls silent fails no operation of those who stay")
    func silentLeavers() async {
        for seed in Self.first..<Self.first + UInt64(Self.seeds) {
            await breathe()
            let report = Self.leaving(seed)
            guard report.isClean else {
                Issue.record("\(report.text)")
                return
            }
        }
        say("register: \(Self.seeds) seeds with nodes that leave")
        #expect((1...20).contains { !Self.leaving($0, .clingsToLayout).isClean }, "whoever does not look is stuck")
        #expect((800...1300).contains { !Self.leaving($0, [], .neverResigns).isClean }, "late rows come back")
    }

    /// Nobody else is in trouble. The store that is left decides alone, and what it deletes leaves no trace.
    private static func leaving(
        _ seed: UInt64,
        _ faults: SimFaults = [],
        _ machineFaults: RegisterFaults = []
    ) -> SimReport {
        var random = Swim.Random(seed: seed)
        var mix = SimMix(&random)
        mix.leaves = true
        mix.versioning = .off
        mix.weights.replaceSubrange(5..., with: [0, 0, 0])
        mix.copies = [2, 3, 3, 5][random.below(4)]
        mix.nodes = mix.copies
        (mix.lossPercent, mix.dropPerMille, mix.cutsPerMille, mix.crashesPerMille, mix.stallPercent) = (0, 0, 0, 0, 0)
        mix.churnMicros = [20_000, 60_000][random.below(2)]
        mix.delayMicros = min(mix.delayMicros, 3_000)
        return SimMesh(seed: seed, mix: mix, faults: faults, machineFaults: machineFaults).run()
    }

    @Test("I32: one seed, one run", arguments: [3, 14, 159] as [UInt64])
    func sameSeedSameTrace(seed: UInt64) {
        #expect(SimMesh(seed: seed).run().trace == SimMesh(seed: seed).run().trace)
    }
}
