import Mesh
import Swim
import Testing

/// Tombstones are collected in rounds while everything goes wrong that can.
@Suite(.serialized) struct CollectionSimulationTests {
    static let seeds = environment("MESHD_SIM_SEEDS").flatMap { Int($0) } ?? 200
    static let first = environment("MESHD_SIM_FIRST").flatMap { UInt64($0) } ?? 1

    /// Many deletes, many rounds, and messages that come late.
    static func aim(_ mix: inout SimMix, _ seed: UInt64) {
        var random = Swim.Random(seed: seed ^ 0xc011_ec7e)
        func pick<T>(_ choices: T...) -> T { choices[random.below(choices.count)] }
        mix.collectMicros = pick(5_000, 15_000, 40_000)
        mix.mendMicros = pick(3_000, 8_000, 20_000)
        mix.versioning = pick(.off, .off, .off, .mixed, .on)
        mix.weights = pick([6, 5, 8, 4, 2, 2, 0, 1], [5, 6, 9, 1, 0, 2, 0, 0], [5, 1, 5, 8, 4, 2, 1, 0])
        mix.operations = 36
        mix.clients = pick(2, 3, 4)
        mix.thinkMicros = pick(6_000, 30_000)
        mix.copies = pick(3, 3, 3, 2, 5)
        mix.nodes = mix.copies + pick(0, 1)
        mix.dropPerMille = pick(0, 0, 10, 50)
        mix.gossipMicros = pick(5_000, 20_000, 100_000)
        mix.crashesPerMille = pick(0, 0, 3)
        mix.cutsPerMille = pick(0, 0, 3)
        mix.churnMicros = pick(0, 0, 0, 100_000)
        mix.lossPercent = pick(0, 20)
        mix.clockSkewMillis = pick(0, 5, 100, 3_000)
    }

    /// What a seed is made of, and what is left of its chance.
    private static func mix(_ seed: UInt64) -> (mix: SimMix, random: Swim.Random) {
        var random = Swim.Random(seed: seed)
        var mix = SimMix(&random)
        aim(&mix, seed)
        return (mix, random)
    }

    @Test("I3, I16, I17: with rounds of collection every key is linearizable, and nothing that was deleted comes back")
    func rounds() async {
        var operations = 0
        var unknowns = 0
        var undecided = 0
        var collected = 0
        for seed in Self.first..<Self.first + UInt64(Self.seeds) {
            await breathe()
            let report = SimMesh(seed: seed, mix: Self.mix(seed).mix).run()
            operations += report.operations
            unknowns += report.unknowns
            collected += report.collected
            if report.verdict == .undecided { undecided += 1 }
            if !report.isClean { Issue.record("\(report.text)") }
            if !report.isClean { return }
        }
        say(
            "collection: \(Self.seeds) seeds, \(operations) operations, \(unknowns) unknown, "
                + "\(undecided) undecided, \(collected) rows collected"
        )
        #expect(collected > Self.seeds, "too little is collected for the histories to say anything")
        #expect(undecided * 50 <= Self.seeds, "too many histories are undecided")
        #expect(unknowns * 3 < operations, "too little is known for the histories to say anything")
    }

    /// Rows that all seeds collect together; nil: one of them failed, and says how.
    private func collected(_ mix: (UInt64) -> SimMix) async -> Int? {
        var collected = 0
        for seed in Self.first..<Self.first + UInt64(Self.seeds) {
            await breathe()
            let report = SimMesh(seed: seed, mix: mix(seed)).run()
            collected += report.collected
            guard report.isClean else {
                Issue.record("\(report.text)")
                return nil
            }
        }
        return collected
    }

    @Test("I3, I15: the same while the key's bucket moves between sets of nodes that all hold other buckets")
    func moves() async {
        let collected = await collected { seed in
            var (mix, random) = Self.mix(seed)
            mix.moves = true
            mix.nodes = 4 + random.below(2)
            mix.copies = [1, 2, 3][random.below(3)]
            mix.lossPercent = 0
            mix.churnMicros = [60_000, 120_000, 300_000][random.below(3)]
            return mix
        }
        guard let collected else { return }
        say("collection: \(Self.seeds) seeds with changing pools, \(collected) rows collected")
        #expect(collected > Self.seeds / 20, "too little is collected for the histories to say anything")
    }

    /// A pair whose key is created and deleted with conditions only, slowly, while tombstones go and come back.
    @Sendable private static func creates(_ mix: inout SimMix) {
        mix.copies = 2
        mix.nodes = 2
        mix.weights = [1, 0, 0, 10, 8, 0, 0, 0]
        mix.versioning = .off
        mix.thinkMicros = 6_000
        mix.churnMicros = 0
        mix.collectMicros = 5_000
        mix.mendMicros = 3_000
        mix.stalled = .accepts
        mix.stallPercent = 50
    }

    /// Tombstones that are settled and not collected, and rows that hardly anybody has, at the time of creates; and every
    /// third time a pair.
    private static func settledMix(_ seed: UInt64) -> SimMix {
        var (mix, random) = mix(seed)
        if seed % 3 == 0 {
            creates(&mix)
            return mix
        }
        mix.othersPercent = [20, 50, 80][random.below(3)]
        mix.weights = [4, 2, 5, 9, 4, 1, 0, 0]
        mix.abandonPerMille = 100
        mix.stalled = [.prepares, .accepts, .pushes, .commits, .answers][random.below(5)]
        mix.stallPercent = 30
        return mix
    }

    @Test(
        "I3, I8: the same where creates meet settled tombstones; I30, too, unless holders are older",
        arguments: [false, true]
    )
    func settledTombstones(olderBuilds: Bool) async {
        let collected = await collected { seed in
            var mix = Self.settledMix(seed)
            mix.olderBuilds = olderBuilds
            return mix
        }
        guard let collected else { return }
        say("collection: \(Self.seeds) seeds with settled tombstones, \(collected) rows collected")
        #expect(collected > Self.seeds / 5, "too little is collected for the histories to say anything")
    }

    /// A rule of collection, and the trouble that shows that it is needed.
    static let mutants: [Mutant] = [
        Mutant(name: "tombstones go when a quorum has them", simulated: .collectsOnQuorum),
        Mutant(name: "holders collect without a fence", simulated: .collectsUnfenced),
        Mutant(name: "machines keep what they heard before a collection", machine: .keepsReplies),
        Mutant(name: "a change goes on behind a collection", machine: .changesGoOn),
        Mutant(name: "creates sort below what was collected", simulated: .settledStays),
        Mutant(name: "what nodes have beside their share is ignored", simulated: .surplusIgnored) {
            $0.churnMicros = 60_000
            $0.nodes = $0.copies + 2
        },
        Mutant(name: "blind stamps under the floor are sent on", machine: .lateStamps),
        Mutant(name: "repair names the epoch in which it sends", simulated: .lateTags),
        Mutant(name: "a settled tombstone is a predecessor like others", simulated: .tombstonesBind, aim: creates),
    ]

    @Test("each rule of collection is needed: without it the simulation fails", arguments: mutants)
    func isCaught(_ mutant: Mutant) async {
        await isNoticed(mutant.name, within: mutant.budget) { seed in
            var mix = Self.mix(seed).mix
            mutant.aim(&mix)
            let mesh = SimMesh(seed: seed, mix: mix, faults: mutant.simulated, machineFaults: mutant.machine)
            return mesh.run().isClean
        }
    }
}
