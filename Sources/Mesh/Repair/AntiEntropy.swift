internal import Store
internal import Swim
internal import Synchronization

/// Compares this node with its peers from time to time and mends what differs: the repair that all others may fail
/// before.
final class AntiEntropy: Sendable {
    private struct State {
        var schedule: CompareSchedule
        var explained: [NodeID: ExplainedLeaves] = [:]
        var basis: Basis?
    }

    /// What the reasons rest on: when it changes they are forgotten.
    private struct Basis: Equatable {
        let origin: UInt64
        let isJoint: Bool
        let spreads: [BucketSpread]
        /// Says with how many copies buckets were made; nil: not summed up yet.
        let smallState: DigestSum?
    }

    let around: RepairSurroundings
    let log = ComparisonLog()
    private let state: Mutex<State>

    init(_ around: RepairSurroundings) {
        self.around = around
        let schedule = CompareSchedule(
            own: around.own,
            intervalMicros: around.settings.compareMicros,
            jitter: around.settings.compareJitter,
            seed: .random(in: 0 ... .max)
        )
        state = Mutex(State(schedule: schedule))
    }

    /// Compares with every peer whose turn it is, one after the other.
    func step() async throws {
        let members = Set(around.book.current.members.map(\.node)).subtracting([around.own])
        log.keep(members)
        state.withLock { state in
            state.schedule.keep(members)
            state.explained = state.explained.filter { members.contains($0.key) }
        }
        let alive = around.alive()
        let peers = members.filter { alive.contains($0) }.sorted()
        while let peer = state.withLock({ $0.schedule.next(among: peers, now: MonotonicClock.micros) }) {
            try Task.checkCancellation()
            let result = await compare(with: peer)
            let now = MonotonicClock.micros
            state.withLock { $0.schedule.done(peer, isWhole: result != nil, now: now) }
        }
    }

    /// Makes all comparisons that this node is to begin due.
    func hurry() {
        let peers = around.book.current.members.map(\.node).filter { $0 != around.own }
        state.withLock { $0.schedule.hurry(peers, now: MonotonicClock.micros) }
    }

    /// One comparison, with what follows from it; nil when it came to no end.
    @discardableResult
    func compare(with peer: NodeID) async -> Reconciliation.Result? {
        let layout = around.book.current
        let before = around.counters.bytesAsked.value + around.counters.bytesAnswered.value
        let basis = Basis(
            origin: layout.origin,
            isJoint: layout.isJoint,
            spreads: layout.spreads,
            smallState: around.disk.roots()?[Int(Partition.system.number)]
        )
        var explained = state.withLock { state in
            if state.basis != basis { (state.basis, state.explained) = (basis, [:]) }
            return state.explained[peer] ?? ExplainedLeaves()
        }
        var entry = ComparisonLog.Entry(
            atMillis: WallClock.unixMillis,
            leavesDifferent: 0,
            rowsPulled: 0,
            rowsPushed: 0,
            bytes: 0
        )
        around.counters.comparisons.add()
        defer { log.note(peer, entry) }
        do {
            let result = try await Reconciliation(around: around, peer: peer).run(
                around.shared(layout, with: peer),
                .both,
                recheckMicros: around.settings.recheckMicros,
                explained: &explained
            )
            let known = explained
            state.withLock { if $0.basis == basis { $0.explained[peer] = known } }
            if result.leavesDifferent == 0 { around.counters.comparisonsEqual.add() }
            entry.leavesDifferent = result.leavesDifferent
            entry.rowsPulled = result.rowsPulled
            entry.rowsPushed = result.rowsPushed
            entry.bytes = around.counters.bytesAsked.value + around.counters.bytesAnswered.value - before
            return result
        } catch {
            around.counters.comparisonsBroken.add()
            entry.failure = error as? RepairFailure ?? .disk("\(error)")
            return nil
        }
    }
}
