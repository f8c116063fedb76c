internal import NIOCore
internal import Store
internal import Swim
internal import Synchronization

/// Drives one machine: carries out its directives, hands in the answers, and resumes the one task that waits.
///
/// No task per holder: answers come as callbacks, from whatever thread, and each runs the machine under the lock and the
/// directives outside of it. It lives until the last answer, also behind the outcome: a holder that missed a row that was
/// committed is noted, so that another one brings it.
final class QuorumCall<Machine: RegisterMachine>: Waking {
    private struct State {
        var machine: Machine
        /// The newest layout that the machine was told of.
        var epoch: UInt64
        var outcome: RegisterOutcome?
        var continuation: UnsafeContinuation<RegisterOutcome, Never>?
        /// When the machine wants to be woken.
        var wakes: [UInt64] = []
        /// Commits that were answered, and how.
        var commits: [(row: Row, node: NodeID, isHere: Bool)] = []
        var openCommits = 0
    }

    private let road: CallRoad
    private let address: RowAddress
    private let deadlineMicros: UInt64
    private let waitsForAll: Bool
    private let state: Mutex<State>

    /// - Parameter waitsForAll: the outcome of a write waits for every holder, not only for a quorum.
    init(_ machine: Machine, _ task: RegisterTask, road: CallRoad, waitsForAll: Bool = false) {
        self.road = road
        address = task.address
        deadlineMicros = task.deadlineMicros
        self.waitsForAll = waitsForAll
        state = Mutex(State(machine: machine, epoch: task.epoch))
    }

    func run() async -> RegisterOutcome {
        road.clock.add(self)
        drive { machine, now, outbox in machine.begin(now: now, into: &outbox) }
        // Resumed exactly once: here, or by the directive `.finish`, which takes it out of the state.
        return await withUnsafeContinuation { continuation in
            let outcome = state.withLock { state -> RegisterOutcome? in
                if isSettled(state), let outcome = state.outcome { return outcome }
                state.continuation = continuation
                return nil
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }

    // MARK: The machine

    private func drive(_ event: (inout Machine, UInt64, inout [RegisterDirective]) -> Void) {
        let outbox = state.withLock { state in
            var outbox: [RegisterDirective] = []
            event(&state.machine, CallRoad.nowMicros, &outbox)
            return outbox
        }
        for directive in outbox { obey(directive) }
    }

    private func obey(_ directive: RegisterDirective) {
        switch directive {
        case .send(let tag, let node, let call): send(tag, node, call)
        case .wake(let at): wake(at: at)
        case .relayout(let node, let refusal): relayout(node, refusal)
        case .finish(let outcome): finish(outcome)
        }
    }

    private func send(_ tag: CallTag, _ node: NodeID, _ call: ReplicaCall) {
        let now = CallRoad.nowMicros
        let left = deadlineMicros > now ? deadlineMicros - now : 1000
        let committed: Row? = if case .commit(let row) = call.request { row } else { nil }
        if committed != nil { state.withLock { $0.openCommits += 1 } }
        road.holders.call(node, call, timeoutMicros: left) { [self] reply in
            if let committed { note(committed, node, reply) }
            drive { machine, now, outbox in
                if let reply {
                    machine.reply(tag, reply, now: now, into: &outbox)
                } else {
                    machine.fail(tag, now: now, into: &outbox)
                }
            }
            if reply == nil { lookAtLayout() }
            if committed != nil { settle() }
        }
    }

    private func relayout(_ node: NodeID, _ refusal: Store.Refusal) {
        road.metrics.relayouts.add()
        road.holders.align(node, refusal) { [self] _ in learn(road.book.current) }
    }

    /// Who does not answer may have left the mesh, and then nobody refuses the epoch: the layout without him may be here
    /// already.
    private func lookAtLayout() {
        let layout = road.book.current
        guard state.withLock({ layout.epoch > $0.epoch }) else { return }
        road.metrics.relayouts.add()
        learn(layout)
    }

    private func learn(_ layout: Layout) {
        state.withLock { $0.epoch = max($0.epoch, layout.epoch) }
        if let sole = layout.isSole, !road.isForLayout {
            return drive { machine, _, outbox in machine.resign(to: sole, into: &outbox) }
        }
        let holders = layout.holders(of: address, base: road.copies)
        drive { machine, now, outbox in
            machine.relayout(
                holders,
                epoch: layout.epoch,
                settled: layout.settled,
                now: now,
                into: &outbox
            )
        }
    }

    // MARK: The clock

    /// A machine asks for each moment once, so none is forgotten for the sake of an earlier one.
    private func wake(at micros: UInt64) {
        state.withLock { state in
            if !state.wakes.contains(micros) { state.wakes.append(micros) }
        }
    }

    func ring(now: UInt64) {
        let isDue = state.withLock { state in
            let count = state.wakes.count
            if state.outcome == nil { state.wakes.removeAll { $0 <= now } }
            return state.wakes.count < count
        }
        if isDue { drive { machine, now, outbox in machine.wake(now: now, into: &outbox) } }
    }

    // MARK: The outcome

    private func finish(_ outcome: RegisterOutcome) {
        state.withLock { state in
            precondition(state.outcome == nil, "an operation ended twice")
            state.outcome = outcome
        }
        road.clock.remove(self)
        settle()
    }

    /// Whether the one who waits may have the outcome.
    private func isSettled(_ state: State) -> Bool {
        guard let outcome = state.outcome else { return false }
        guard waitsForAll, case .done = outcome else { return true }
        return state.openCommits == 0
    }

    private func settle() {
        let (continuation, outcome, missed) = state.withLock { state in
            let isLast = state.openCommits == 0 && state.outcome != nil
            let missed = isLast ? state.commits : []
            if isLast { state.commits = [] }
            return (isSettled(state) ? state.continuation.take() : nil, state.outcome, missed)
        }
        let isWhole = missed.allSatisfy(\.isHere)
        if let continuation, let outcome {
            if waitsForAll, !isWhole, case .done = outcome {
                let count = missed.count(where: \.isHere)
                let failure = RegisterFailure(effect: .unknown, reason: .quorum, acks: count, needed: missed.count)
                continuation.resume(returning: .failed(failure))
            } else {
                continuation.resume(returning: outcome)
            }
        }
        if !isWhole { hint(missed) }
    }

    // MARK: Who missed what

    private func note(_ row: Row, _ node: NodeID, _ reply: ReplicaReply?) {
        let isHere = if case .stored = reply { true } else { false }
        state.withLock { state in
            state.openCommits -= 1
            let known = state.commits.firstIndex { $0.node == node && $0.row.stamp == row.stamp }
            if let known {
                if isHere { state.commits[known].isHere = true }
            } else {
                state.commits.append((row, node, isHere))
            }
        }
    }

    /// Two that have the row are asked to bring it to each that has not, this node first: were it one, its hint could be
    /// lost with it.
    private func hint(_ commits: [(row: Row, node: NodeID, isHere: Bool)]) {
        var notes: [NodeID: [MissedRow]] = [:]
        for commit in commits where !commit.isHere {
            let missed = MissedRow(node: commit.node, address: commit.row.address, stamp: commit.row.stamp)
            let having = commits.filter { $0.isHere && $0.row.stamp == commit.row.stamp }.map(\.node)
            let keepers = having.filter { $0 == road.holders.own } + having.filter { $0 != road.holders.own }
            for keeper in keepers.prefix(2) { notes[keeper, default: []].append(missed) }
        }
        for (keeper, missed) in notes { road.holders.hint(keeper, missed) }
    }
}

/// What all calls of a coordinator share.
struct CallRoad: Sendable {
    let holders: any Holders
    let book: LayoutBook
    let metrics: QuorumMetrics
    let clock: OperationClock
    /// Copies that the bucket of the key was made with.
    var copies = Layout.copiesDefault
    /// The layout is decided by its voters also while there is one, and by nothing but this.
    var isForLayout = false

    /// A monotonic clock.
    static var nowMicros: UInt64 { NIODeadline.now().uptimeNanoseconds / 1000 }
}

extension Store.Refusal {
    /// The two do not go by the same layout.
    var isAboutEpoch: Bool {
        switch self {
        case .staleEpoch, .unknownEpoch: true
        default: false
        }
    }
}
