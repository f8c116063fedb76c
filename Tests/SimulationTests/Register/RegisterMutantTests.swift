import Mesh
import Swim
import Testing

/// One rule taken away, and the mix of trouble that shows it.
struct Mutant: Sendable, CustomTestStringConvertible {
    let name: String
    var machine: RegisterFaults = []
    var simulated: SimFaults = []
    /// Seeds in which it has to be noticed at least once.
    var budget = 600
    var aim: @Sendable (inout SimMix) -> Void = { _ in }

    var testDescription: String { name }

    /// The mix of a seed, bent towards what shows the mutant.
    func report(seed: UInt64) -> SimReport {
        var random = Swim.Random(seed: seed)
        var mix = SimMix(&random)
        aim(&mix)
        return SimMesh(seed: seed, mix: mix, faults: simulated, machineFaults: machine).run()
    }
}

/// The rules of the register are each taken away, and each time the simulation notices: the only measure of what its
/// silence is worth.
@Suite(.serialized) struct RegisterMutantTests {
    static let mutants: [Mutant] = [
        Mutant(name: "blind stamps come from the local clock", machine: .localStamps) {
            $0.versioning = .off
            $0.clockSkewMillis = 3_000
        },
        Mutant(name: "an acceptor ignores the predecessor", simulated: .acceptorIgnoresPredecessor),
        Mutant(name: "a change is acknowledged when it is accepted", machine: .ackOnAccept),
        Mutant(name: "a change takes a fresh stamp", machine: .freshChangeStamps, simulated: .anyStamp),
        Mutant(name: "reads do not write back", machine: .noWriteBack),
        Mutant(name: "depth is compared before the writer", machine: .depthBeforeWriter, simulated: .anyStamp) {
            // Two blind writes that saw the same, and a change behind the lower one.
            $0.versioning = .off
            $0.clockStepMillis = 10_000
            $0.weights = [3, 7, 0, 8, 0, 0, 0, 0]
            $0.clients = 6
            $0.operations = 24
            $0.stalled = .commits
            $0.stallPercent = 30
            $0.delayMicros = 10_000
            $0.thinkMicros = 500
        },
        Mutant(name: "a lost disk answers", simulated: .answersAfterLoss) {
            $0.churnMicros = 60_000
            $0.lossPercent = 100
        },
        Mutant(name: "the layout changes in one step", simulated: .noJoint) { $0.churnMicros = 60_000 },
        Mutant(name: "holders have no fence", simulated: .noFence) { $0.churnMicros = 60_000 },
        Mutant(name: "new members take over from one", simulated: .singlePull) {
            unfinished(&$0)
            $0.weights = [6, 6, 1, 3, 0, 0, 0, 0]
        },
        Mutant(
            name: "Paxos state stays behind when rows move",
            // News that comes with a failure would hide it.
            simulated: [.instancesStayBehind, .clingsToLayout]
        ) {
            unfinished(&$0)
        },
        Mutant(name: "a bucket gets another number of copies in one step", simulated: .noJoint) { resizing(&$0) },
        Mutant(name: "holders of another number of copies have no fence", simulated: .noFence) { resizing(&$0) },
        Mutant(name: "who is to hold a copy more takes over from one", simulated: .singlePull) {
            unfinished(&$0)
            resizing(&$0)
        },
        Mutant(name: "a bucket moves in one step", simulated: .noJoint) { moving(&$0) },
        Mutant(name: "holders of another pool have no fence", simulated: .noFence) { moving(&$0) },
        Mutant(name: "who is to hold a bucket that moves takes over from one", simulated: .singlePull) {
            unfinished(&$0)
            moving(&$0)
        },
        Mutant(name: "a change is proposed again behind another predecessor", machine: .reproposes),
        Mutant(name: "one answer is a quorum", machine: .quorumOfOne),
        Mutant(name: "chains that end at a removed version are believed", machine: .noDeeperLook) {
            gaps(&$0)
            $0.versioning = .on
        },
        Mutant(name: "the removal of the version null brings back older ones", simulated: .removalForgets) {
            gaps(&$0)
            $0.versioning = .mixed
            $0.churnMicros = 40_000
        },
    ]

    /// Changes that were accepted and not committed, while the layout goes on changing.
    private static func unfinished(_ mix: inout SimMix) {
        mix.copies = 3
        mix.nodes = 5
        mix.versioning = .off
        mix.weights = [4, 1, 0, 9, 2, 0, 0, 0]
        mix.clients = 4
        mix.operations = 24
        mix.stalled = .commits
        mix.stallPercent = 60
        mix.stallMicros = 600_000
        mix.abandonPerMille = 200
        mix.delayMicros = 3_000
        mix.thinkMicros = 20_000
        mix.churnMicros = 40_000
        mix.gossipMicros = 30_000
        mix.syncMicros = 5_000
        mix.lossPercent = 0
    }

    /// Copies go up and down among 1, 2, 3 and 5.
    private static func resizing(_ mix: inout SimMix) {
        mix.resizes = true
        mix.nodes = 5
        mix.copies = [3, 5, 2, 1][mix.clients % 4]
        mix.lossPercent = 0
        mix.churnMicros = 40_000
    }

    /// The bucket moves between any sets of nodes.
    private static func moving(_ mix: inout SimMix) {
        mix.moves = true
        mix.nodes = 6
        mix.copies = 3
        mix.lossPercent = 0
        mix.churnMicros = 40_000
    }

    /// Versions come and go, and most commits that are not needed for a quorum do not arrive.
    private static func gaps(_ mix: inout SimMix) {
        mix.copies = 3
        mix.nodes = 5
        mix.weights = [7, 5, 0, 1, 0, 6, 0, 0]
        mix.clients = 3
        mix.operations = 24
        mix.stalled = .commits
        mix.stallPercent = 40
        mix.stallMicros = 3_000_000
        mix.abandonPerMille = 20
        mix.dropPerMille = 20
        mix.cutsPerMille = 0
        mix.crashesPerMille = 0
        mix.delayMicros = 1_000
        mix.thinkMicros = 6_000
        mix.churnMicros = 0
        mix.gossipMicros = 30_000
        mix.syncMicros = 5_000
        mix.lossPercent = 0
    }

    @Test("each rule is needed: without it the simulation fails", arguments: mutants)
    func isCaught(_ mutant: Mutant) async {
        await isNoticed(mutant.name, within: mutant.budget) { mutant.report(seed: $0).isClean }
    }
}

/// Whether a mutant is seen by one of its seeds, and by which. With MESHD_SIM_SURVEY=N: by how many of N.
func isNoticed(_ name: String, within budget: Int, isClean: (_ seed: UInt64) -> Bool) async {
    let survey = environment("MESHD_SIM_SURVEY").flatMap { Int($0) }
    var caught: [UInt64] = []
    for seed in 1...UInt64(survey ?? budget) {
        await breathe()
        if isClean(seed) { continue }
        if survey == nil { return say("mutant: \(name): noticed by seed \(seed)") }
        caught.append(seed)
    }
    if let survey {
        say("mutant: \(name): \(caught.count)/\(survey), first \(caught.prefix(5))")
    } else {
        Issue.record("\(name): survived \(budget) seeds")
    }
}
