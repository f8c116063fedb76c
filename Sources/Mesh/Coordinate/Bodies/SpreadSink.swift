internal import NIOCore
internal import Store
internal import Swim
internal import Synchronization

/// One body on its way to all holders of its key at once: each chunk is one buffer that goes to all of them.
///
/// Memory is bounded by `window` chunks, whatever the length of the body and whoever stands still: a chunk is taken when
/// every holder that is still fed has less than a window waiting. A holder that moves nothing for `stallMicros` while a
/// quorum of the others is ahead is cut loose; it gets the row without the bytes and fetches them later.
///
/// A body of at most a window is kept until its end, and when too few holders are left all are fed once more, from its
/// first chunk on: one that was cut loose may be back, one that was started again has forgotten what it had staged.
///
/// Holders may change on the way. The bytes are where a quorum of those of the beginning has them, or one of those of
/// now: which of them count for the row is decided when it is committed.
final class SpreadSink: Sendable {
    /// Chunks of 256 KiB under way to one holder: a megabyte covers a link of 1 Gbit/s with 8 ms of round trip.
    static let window: UInt32 = 4
    static let stallMicros: UInt64 = 700_000
    /// The same for one that was not expected to answer.
    static let doubtMicros: UInt64 = 100_000
    /// How long the last holders are waited for once a quorum has all bytes on disk.
    static let stragglerMicros: UInt64 = 500_000

    /// A needed holder is asked again after 50, 100, 200 ms, then every 400: about as long as rows are (`RegisterPace`).
    private static let attemptsMax = 9
    /// The second time others had their time already.
    private static let attemptsAgainMax = 4
    private static let retryMillis: Int64 = 50

    private struct Lane {
        var acknowledged: UInt32 = 0
        var lastProgress: NIODeadline
        /// How long it may move nothing.
        let stall: TimeAmount
        var isCut = false
        var isDurable = false
    }

    private struct State {
        var lanes: [NodeID: Lane]
        var chunks: UInt32 = 0
        /// All chunks, while they are at most a window.
        var kept: [ByteBuffer] = []
        /// Answers to what was asked the first time say nothing of the second.
        var generation = 0
        var isFinishing = false
        var quorumSince: NIODeadline?
        var waiter: UnsafeContinuation<Void, Never>?
    }

    let op: OpID
    private let holders: HolderSet
    /// Those of now, where the layout has changed since the beginning.
    private let successors: @Sendable () -> HolderSet?
    private let nodes: [NodeID]
    private let road: any Holders
    private let loop: any EventLoop
    private let state: Mutex<State>

    init(
        op: OpID,
        holders: HolderSet,
        successors: @escaping @Sendable () -> HolderSet?,
        road: any Holders,
        loop: any EventLoop
    ) {
        self.op = op
        self.holders = holders
        self.successors = successors
        self.nodes = holders.keepers
        self.road = road
        self.loop = loop
        state = Mutex(State(lanes: Self.lanes(nodes, road)))
    }

    private static func lanes(_ nodes: [NodeID], _ road: any Holders) -> [NodeID: Lane] {
        let now = NIODeadline.now()
        let lanes = nodes.map { node in
            let micros = road.isExpected(node) ? stallMicros : doubtMicros
            return (node, Lane(lastProgress: now, stall: .microseconds(Int64(micros))))
        }
        return Dictionary(uniqueKeysWithValues: lanes)
    }

    /// Of the holders of the beginning, or of those of now.
    private func isQuorum(ofBytes nodes: [NodeID]) -> Bool {
        holders.isQuorum(ofBytes: nodes) || successors()?.isQuorum(ofBytes: nodes) == true
    }

    /// Nothing was handed over yet.
    var isEmpty: Bool { state.withLock { $0.chunks == 0 } }

    /// Hands over one chunk; returns when the next may come.
    func append(_ chunk: ByteBuffer) async throws {
        // Within the first window nobody has to be waited for, and what goes wrong may be mended at the end.
        if state.withLock({ $0.chunks >= Self.window }) {
            try await waitUntil { state in
                state.lanes.values.allSatisfy { $0.isCut || state.chunks - $0.acknowledged < Self.window }
            }
        }
        let (number, fed, generation) = state.withLock { state in
            defer { state.chunks += 1 }
            if state.chunks < Self.window { state.kept.append(chunk) } else { state.kept = [] }
            // Who had nothing to do until now did not stand still.
            for node in nodes where state.lanes[node]?.acknowledged == state.chunks {
                state.lanes[node]?.lastProgress = .now()
            }
            return (state.chunks, nodes.filter { state.lanes[$0]?.isCut == false }, state.generation)
        }
        let staged = StagedChunk(op: op, number: number, bytes: chunk)
        for node in fed { feed(node, staged, Effort(generation: generation)) }
    }

    private func feed(_ node: NodeID, _ chunk: StagedChunk, _ effort: Effort) {
        road.stage(node, chunk) { [self] isWritten in
            if isWritten { return advance(node, effort) { $0.acknowledged += 1 } }
            fail(node, effort) { [self] in feed(node, chunk, $0) }
        }
    }

    private func conclude(_ node: NodeID, _ count: UInt32, _ effort: Effort) {
        road.finishStage(node, op, chunks: count) { [self] isDurable in
            if isDurable { return advance(node, effort) { $0.isDurable = true } }
            fail(node, effort) { [self] in conclude(node, count, $0) }
        }
    }

    /// One call to one holder, and how often it was made.
    private struct Effort {
        let generation: Int
        var attempt = 0

        var isLast: Bool {
            attempt >= (generation == 0 ? SpreadSink.attemptsMax : SpreadSink.attemptsAgainMax)
        }

        var next: Effort { Effort(generation: generation, attempt: attempt + 1) }
        var rest: TimeAmount { .milliseconds(SpreadSink.retryMillis << Int64(min(attempt, 3))) }
    }

    /// A holder that did not take something is cut loose, unless there is no quorum without it: then it is asked again,
    /// its link may be back in a moment. Holders take what comes twice once.
    private func fail(_ node: NodeID, _ effort: Effort, _ again: @escaping @Sendable (Effort) -> Void) {
        let isNeeded = state.withLock { state in
            let others = nodes.filter { $0 != node && state.lanes[$0]?.isCut == false }
            return state.generation == effort.generation && state.lanes[node]?.isCut == false
                && !(successors() ?? holders).isQuorum(others)
        }
        guard isNeeded, !effort.isLast else { return advance(node, effort) { $0.isCut = true } }
        loop.scheduleTask(in: effort.rest) { again(effort.next) }
    }

    /// Durable on a quorum when this returns, and on all that keep up.
    func finish() async throws {
        do {
            try await conclude()
        } catch let error as CoordinatorError {
            guard let again = beginAgain() else { throw error }
            for (number, chunk) in again.chunks.enumerated() {
                let staged = StagedChunk(op: op, number: UInt32(number), bytes: chunk)
                for node in again.nodes { feed(node, staged, again.effort) }
            }
            try await conclude()
        }
    }

    /// All chunks and who has not all of them on disk, if they are still at hand and this is the first time.
    private func beginAgain() -> (chunks: [ByteBuffer], nodes: [NodeID], effort: Effort)? {
        let fresh = Self.lanes(nodes, road)
        return state.withLock { state in
            guard state.generation == 0, !state.kept.isEmpty, state.kept.count == Int(state.chunks) else { return nil }
            let left = nodes.filter { state.lanes[$0]?.isDurable != true }
            for node in left { state.lanes[node] = fresh[node] }
            state.generation += 1
            state.isFinishing = false
            state.quorumSince = nil
            return (state.kept, left, Effort(generation: state.generation))
        }
    }

    private func conclude() async throws {
        // All chunks first: holders take them in order, but the word that ends them may overtake the last.
        try await waitUntil { state in state.lanes.values.allSatisfy { $0.isCut || $0.acknowledged == state.chunks } }
        let (count, fed, generation) = state.withLock { state in
            state.isFinishing = true
            let now = NIODeadline.now()
            for node in nodes { state.lanes[node]?.lastProgress = now }
            let fed = nodes.filter { state.lanes[$0].map { !$0.isCut && !$0.isDurable } ?? false }
            return (state.chunks, fed, state.generation)
        }
        for node in fed { conclude(node, count, Effort(generation: generation)) }
        // Lanes of holders that left are cut: the layout is looked at behind the wait, not at each answer.
        try await waitUntil { [holders, nodes] state in
            if state.lanes.values.allSatisfy({ $0.isCut || $0.isDurable }) { return true }
            guard holders.isQuorum(ofBytes: nodes.filter { state.lanes[$0]?.isDurable == true }) else { return false }
            let since = state.quorumSince ?? .now()
            state.quorumSince = since
            return NIODeadline.now() - since >= .microseconds(Int64(Self.stragglerMicros))
        }
        let durable = state.withLock { state in nodes.filter { state.lanes[$0]?.isDurable == true } }
        guard isQuorum(ofBytes: durable) else { throw lost(durable.count) }
    }

    func discard() {
        for node in nodes { road.unstage(node, op) }
    }

    private func advance(_ node: NodeID, _ effort: Effort, _ change: (inout Lane) -> Void) {
        let waiter = state.withLock { state in
            if state.generation == effort.generation, var lane = state.lanes[node] {
                change(&lane)
                lane.lastProgress = .now()
                state.lanes[node] = lane
            }
            return state.waiter.take()
        }
        waiter?.resume()
    }

    private func lost(_ answered: Int) -> CoordinatorError {
        .quorumLost(answered: answered, of: nodes.count, effect: .none)
    }

    /// Waits for an acknowledgement, or for the clock, until `isMet`; cuts loose whoever stands still.
    private func waitUntil(_ isMet: @Sendable (inout State) -> Bool) async throws {
        while true {
            let (isDone, isLost, left) = state.withLock { state in
                cutStalled(&state)
                let live = nodes.filter { state.lanes[$0]?.isCut == false }
                return (isMet(&state), !isQuorum(ofBytes: live), live.count)
            }
            if isLost { throw lost(left) }
            if isDone { return }
            let timer = loop.scheduleTask(in: .milliseconds(100)) { [self] in
                state.withLock { $0.waiter.take() }?.resume()
            }
            // Resumed exactly once: by who takes it out of the state.
            await withUnsafeContinuation { continuation in
                let isNews = state.withLock { state in
                    if isMet(&state) { return true }
                    state.waiter = continuation
                    return false
                }
                if isNews { continuation.resume() }
            }
            timer.cancel()
        }
    }

    private func cutStalled(_ state: inout State) {
        let now = NIODeadline.now()
        func isBehind(_ lane: Lane) -> Bool {
            state.isFinishing ? !lane.isDurable : lane.acknowledged < state.chunks
        }
        let stalled = nodes.filter { node in
            guard let lane = state.lanes[node], !lane.isCut else { return false }
            return isBehind(lane) && now - lane.lastProgress > lane.stall
        }
        guard !stalled.isEmpty else { return }
        let rest = nodes.filter { state.lanes[$0]?.isCut == false && !stalled.contains($0) }
        // When too few are left nobody is cut for being slow: all wait, until the links themselves give up.
        guard isQuorum(ofBytes: rest) else { return }
        for node in stalled { state.lanes[node]?.isCut = true }
    }
}
