import Mesh
import Swim

/// What one seed is made of: how many nodes and clients, what they do, what goes wrong how often. Each seed draws its own
/// mix, because a uniform one hides what only a strange one shows.
struct SimMix: Sendable {
    enum Stalled: Int, CaseIterable, Sendable {
        case none, looks, commits, prepares, accepts, answers, pushes
    }

    enum Versioning: Sendable { case off, on, mixed }

    var nodes = 5
    var copies = 3
    var clients = 4
    var operations = 18
    var versioning = Versioning.off
    /// Weights of get, put, delete, conditional put, conditional delete, removal, tags, get of a version.
    var weights = [6, 4, 2, 4, 2, 1, 1, 1]
    var delayMicros = 4_000
    var dropPerMille = 10
    var duplicatePerMille = 20
    var stalled = Stalled.none
    /// Of the stalled class, so many take long.
    var stallPercent = 0
    var stallMicros = 200_000
    var cutsPerMille = 0
    var crashesPerMille = 0
    /// A coordinator forgets an operation, so often of 1,000 operations.
    var abandonPerMille = 20
    var clockSkewMillis = 0
    /// Clocks tick in steps of this.
    var clockStepMillis: UInt64 = 1
    /// Mean time between changes of the layout; 0: none.
    var churnMicros = 0
    /// The set is a beginning of one list of nodes, and changes its length only: a bucket's copies are raised and lowered.
    /// Who drops out of it keeps what it has, and may come in again with that.
    var resizes = false
    /// The set changes to any other one of all nodes: a bucket moves between pools, and each node keeps places for other
    /// buckets, and what it has.
    var moves = false
    /// The set only gets smaller, and who has learned that he has left it answers nobody; all learn of each layout.
    var leaves = false
    /// A change begins with the loss of a disk, in percent.
    var lossPercent = 0
    /// Nodes learn of a layout after up to this.
    var gossipMicros = 50_000
    var syncMicros = 20_000
    var thinkMicros = 6_000
    /// Time between two rounds of collection; 0: none. And between two pushes of repair.
    var collectMicros = 0
    var mendMicros = 8_000
    /// Of the rounds so many collect tombstones of other keys only, in percent: what is settled rises above this key's.
    var othersPercent = 0
    /// The holder of every other node goes by the rules before decision 79. All coordinators are new.
    var olderBuilds = false

    init() {}

    init(_ random: inout Swim.Random) {
        func pick<T>(_ choices: T...) -> T { choices[random.below(choices.count)] }
        copies = pick(3, 3, 3, 3, 1, 2, 5)
        nodes = copies + pick(1, 2, 2, 3)
        clients = pick(2, 3, 4, 5, 6)
        operations = pick(12, 16, 20, 24)
        versioning = pick(.off, .off, .off, .on, .mixed)
        weights = pick(
            [6, 4, 2, 4, 2, 1, 1, 1],
            [6, 1, 1, 8, 3, 0, 1, 0],
            [5, 3, 6, 2, 3, 2, 0, 1],
            [5, 8, 1, 1, 0, 0, 1, 1],
            [6, 2, 1, 3, 1, 4, 2, 3]
        )
        delayMicros = pick(500, 3_000, 10_000, 30_000)
        dropPerMille = pick(0, 0, 10, 50, 150)
        duplicatePerMille = pick(0, 20, 100)
        stalled = Stalled(rawValue: random.below(Stalled.allCases.count)) ?? .none
        stallPercent = pick(10, 30, 60)
        stallMicros = pick(50_000, 200_000, 600_000)
        cutsPerMille = pick(0, 0, 5, 20)
        crashesPerMille = pick(0, 0, 5, 20)
        abandonPerMille = pick(0, 20, 100)
        clockSkewMillis = pick(0, 5, 100, 3_000)
        clockStepMillis = pick(1, 1, 50, 10_000)
        churnMicros = pick(0, 0, 0, 60_000, 200_000, 500_000)
        lossPercent = pick(0, 20, 50)
        gossipMicros = pick(5_000, 50_000, 300_000)
        syncMicros = pick(5_000, 50_000)
        thinkMicros = pick(500, 6_000, 40_000)
    }
}
