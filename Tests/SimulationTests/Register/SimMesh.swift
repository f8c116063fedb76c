import Mesh
import NIOCore
import Store
import Swim

/// A few nodes with one partition, their clients, a bad network and an oracle that changes the layout: one seed, one run.
final class SimMesh {
    enum Event {
        case request(to: Int, operation: Int, CallTag, ReplicaCall)
        case apply(to: Int, life: Int, operation: Int, CallTag, ReplicaCall)
        case reply(operation: Int, CallTag, ReplicaReply)
        case timeout(operation: Int, CallTag)
        case wake(operation: Int)
        case begin(client: Int)
        case learned(operation: Int, SimLayout)
        case gossip(to: Int, SimLayout)
        case pull(to: Int, from: Int, epoch: UInt64)
        case pulled(to: Int, from: Int, epoch: UInt64, [Key: SimReplica.Held])
        case churn
        case collect
        case ask(to: Int, SimRound)
        case said(SimRound, by: Int, Bool)
        case list(to: Int, SimRound)
        case reap(Int)
        case mend
        case push(to: Int, from: Int, epoch: UInt64, [Row])
        case trouble
        case restart(Int)
        case abandon(operation: Int)
        case alone(entry: Int, client: Int, node: Int)
    }

    /// An operation on its way, with its machine and its place in the history.
    struct Running {
        var machine: any RegisterMachine
        let node: Int
        let client: Int
        let entry: Int
        /// The newest that it was told of.
        var epoch: UInt64
        var isOver = false
    }

    static let deadlineMicros: UInt64 = 1_200_000
    static let timeoutMicros = 90_000
    /// Many times what a run takes.
    static let eventsMax = 200_000
    static let bucket = BucketID(rawValue: 5)

    static func node(_ index: Int) -> NodeID { NodeID(high: UInt64(index) + 1, low: 7) }
    static func index(_ node: NodeID) -> Int { Int(node.high) - 1 }

    let mix: SimMix
    let seed: UInt64
    let faults: SimFaults
    let machineFaults: RegisterFaults
    var random: Swim.Random
    var queue = SimQueue<Event>()
    var now = 0
    var replicas: [SimReplica]
    /// Goes up with every crash: what was under way before is lost.
    var lives: [Int]
    var isUp: [Bool]
    var clocks: [Int]
    /// Until when nothing gets from one to the other.
    var cuts: [Int: Int] = [:]
    var running: [Running] = []
    var history: [KeyEntry] = []
    var clientOperations: [Int]
    /// Versions that clients know of.
    var known: [(id: UInt8, stamp: Stamp)] = []
    var layout: SimLayout
    var memberships: [Int: UInt64]
    /// Whose rows the members of the next set have pulled.
    var pulls: [Int: [Int: [Key: SimReplica.Held]]] = [:]
    var synced: Set<Int> = []
    var round: SimRound?
    var collected = 0
    var isCalm = false
    var events = 0
    var checks = SimChecks()
    var trace = SimTrace()

    init(seed: UInt64, mix: SimMix? = nil, faults: SimFaults = [], machineFaults: RegisterFaults = []) {
        self.seed = seed
        var random = Swim.Random(seed: seed)
        let mix = mix ?? SimMix(&random)
        self.mix = mix
        self.faults = faults
        self.machineFaults = machineFaults
        let members = Array(0..<mix.copies)
        memberships = Dictionary(uniqueKeysWithValues: members.map { ($0, 1) })
        let layout = SimLayout(epoch: 1, current: members, next: nil, memberSince: memberships)
        self.layout = layout
        replicas = (0..<mix.nodes).map { node in
            SimReplica(node, layout, mix.olderBuilds && node % 2 == 1 ? faults.union(.tombstonesBind) : faults)
        }
        lives = Array(repeating: 0, count: mix.nodes)
        isUp = Array(repeating: true, count: mix.nodes)
        clocks = (0..<mix.nodes).map { _ in mix.clockSkewMillis == 0 ? 0 : random.below(2 * mix.clockSkewMillis) }
        clientOperations = Array(repeating: mix.operations / mix.clients, count: mix.clients)
        self.random = random
    }

    // MARK: Run

    /// Plays to the end, heals, and reads everything once more.
    func run() -> SimReport {
        for client in 0..<mix.clients { after(random.below(mix.thinkMicros + 1), .begin(client: client)) }
        if mix.churnMicros > 0 { after(random.below(mix.churnMicros) + 1, .churn) }
        after(5_000, .trouble)
        if mix.collectMicros > 0 {
            after(random.below(mix.collectMicros), .collect)
            after(random.below(mix.mendMicros), .mend)
        }
        play()
        heal()
        play()
        for _ in 0..<2 {
            // The last word of the run, twice: no later read may know less.
            for node in 0..<mix.nodes where random.below(2) == 0 || node == 0 { begin(.get, client: -1, node: node) }
            play()
        }
        // A mutant may cost liveness, unless that is what shows it; so may holders that tell settled tombstones from none.
        let mayFail = !faults.isSubset(of: .tombstonesBind) || mix.olderBuilds
        let isAlive = mayFail || history.suffix(2).allSatisfy { $0.result != .unknown }
        checks.finish(replicas, layout)
        var verdict = Linearizer.Verdict.linearizable
        if checks.violation == nil {
            var linearizer = Linearizer(history)
            verdict = linearizer.decide()
        }
        return SimReport(
            seed: seed,
            verdict: verdict,
            violation: checks.violation ?? (isAlive ? nil : "I30: a read after the healing fails"),
            operations: history.count,
            unknowns: history.count { $0.result == .unknown && !$0.isRead },
            trace: trace.sum,
            history: history,
            collected: collected
        )
    }

    private func play() {
        while checks.violation == nil, let (time, event) = queue.pop() {
            now = time
            events += 1
            if events > Self.eventsMax { checks.fail("I30: no end: \(layout), synced \(synced), \(event)") }
            trace.add(UInt64(time))
            handle(event)
        }
    }

    /// No more trouble: everybody is up, everything arrives.
    private func heal() {
        isCalm = true
        cuts = [:]
        for node in 0..<mix.nodes where !isUp[node] { isUp[node] = true }
        for node in 0..<mix.nodes { after(1, .gossip(to: node, layout)) }
        if mix.churnMicros > 0 { after(1_000, .churn) }
    }

    func after(_ micros: Int, _ event: Event) { queue.push(now + micros, event) }

    private func handle(_ event: Event) {
        switch event {
        case .request(let to, let operation, let tag, let call): arrive(to, operation, tag, call)
        case .apply(let to, let life, let operation, let tag, let call):
            guard life == lives[to], isUp[to] else { return }
            answer(to, operation, tag, call)
        case .reply(let operation, let tag, let reply):
            trace.add(reply)
            drive(operation) { $0.reply(tag, reply, now: UInt64(now), into: &$1) }
        case .timeout(let operation, let tag):
            drive(operation) { $0.fail(tag, now: UInt64(now), into: &$1) }
            lookAtLayout(operation)
        case .wake(let operation): drive(operation) { $0.wake(now: UInt64(now), into: &$1) }
        case .begin(let client): next(client)
        case .learned(let operation, let layout): learned(operation, layout)
        case .gossip(let to, let layout): adopt(to, layout)
        case .pull(let to, let from, let epoch): pull(to, from, epoch)
        case .pulled(let to, let from, let epoch, let keys): pulled(to, from, epoch, keys)
        case .churn: churn()
        case .collect: collect()
        case .ask(let to, let round): ask(to, round)
        case .said(let round, let node, let isSpent): said(round, node, isSpent)
        case .list(let to, let round):
            if isUp[to], replicas[to].layout.epoch == round.epoch {
                replicas[to].spent = (round.epoch, round.rows.map(\.ref))
            }
        case .reap(let node): reap(node)
        case .mend: mend()
        case .push(let to, let from, let epoch, let rows): push(to, from, epoch, rows)
        case .trouble: trouble()
        case .restart(let node): isUp[node] = true
        case .abandon(let operation): abandon(operation)
        case .alone(let entry, let client, let node): alone(entry, client, node)
        }
    }

    // MARK: Network

    /// Nil: it does not arrive.
    func transit(_ from: Int, _ to: Int, _ stalled: SimMix.Stalled) -> Int? {
        if from == to { return 20 }
        if isCalm { return 200 + random.below(1_000) }
        if let until = cuts[from * 100 + to], until > now { return nil }
        if random.below(1_000) < mix.dropPerMille { return nil }
        var delay = 100 + random.below(mix.delayMicros)
        if random.below(100) < 3 { delay += random.below(10 * mix.delayMicros) }
        if stalled == mix.stalled, stalled != .none, random.below(100) < mix.stallPercent {
            delay += random.below(mix.stallMicros)
        }
        return delay
    }

    func send(_ operation: Int, _ tag: CallTag, _ to: Int, _ call: ReplicaCall) {
        let from = running[operation].node
        after(Self.timeoutMicros, .timeout(operation: operation, tag))
        let stalled: SimMix.Stalled =
            switch call.request {
            case .look, .newest, .fetch, .scan: .looks
            case .commit(let row):
                row.record.op.low == UInt64(history[running[operation].entry].id) ? .commits : .pushes
            case .prepare: .prepares
            case .accept: .accepts
            }
        let copies = !isCalm && random.below(1_000) < mix.duplicatePerMille ? 2 : 1
        for _ in 0..<copies {
            guard let delay = transit(from, to, stalled) else { continue }
            after(delay, .request(to: to, operation: operation, tag, call))
        }
    }

    private func arrive(_ to: Int, _ operation: Int, _ tag: CallTag, _ call: ReplicaCall) {
        guard isUp[to], !mix.leaves || replicas[to].layout.holds(to) else { return }
        switch call.request {
        case .look, .newest, .fetch, .scan: answer(to, operation, tag, call)
        case .commit, .prepare, .accept:
            // It is on the disk a little later, or never when the node dies before.
            after(50 + random.below(800), .apply(to: to, life: lives[to], operation: operation, tag, call))
        }
    }

    private func answer(_ to: Int, _ operation: Int, _ tag: CallTag, _ call: ReplicaCall) {
        let reply = replicas[to].answer(call)
        checks.look(at: replicas[to], after: call, reply, layout)
        guard let delay = transit(to, running[operation].node, .answers) else { return }
        after(delay, .reply(operation: operation, tag, reply))
    }
}
