internal import NIOCore
internal import Swim
internal import Synchronization

/// Asks several nodes at once and waits for all of their answers, in the order of the nodes.
func gather<Answer: Sendable>(
    _ nodes: [NodeID],
    _ ask: (NodeID, @escaping @Sendable (Answer) -> Void) -> Void
) async -> [Answer] {
    if nodes.isEmpty { return [] }
    let gathering = Gathering<Answer>(nodes.count)
    for (index, node) in nodes.enumerated() { ask(node) { gathering.take(index, $0) } }
    return await gathering.all()
}

/// One answer of each that was asked; later ones are dropped.
final class Gathering<Answer: Sendable>: Sendable {
    private struct State {
        var answers: [Answer?]
        var left: Int
        var continuation: UnsafeContinuation<[Answer], Never>?
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(answers: Array(repeating: nil, count: count), left: count)) }

    func take(_ index: Int, _ answer: Answer) {
        let done = state.withLock { state -> (UnsafeContinuation<[Answer], Never>, [Answer])? in
            guard state.answers[index] == nil else { return nil }
            state.answers[index] = answer
            state.left -= 1
            guard state.left == 0, let continuation = state.continuation.take() else { return nil }
            return (continuation, state.answers.compactMap { $0 })
        }
        if let (continuation, answers) = done { continuation.resume(returning: answers) }
    }

    func all() async -> [Answer] {
        // Resumed exactly once: here when all are in, or by the last answer, which takes it out of the state.
        await withUnsafeContinuation { continuation in
            let answers = state.withLock { state -> [Answer]? in
                if state.left == 0 { return state.answers.compactMap { $0 } }
                state.continuation = continuation
                return nil
            }
            if let answers { continuation.resume(returning: answers) }
        }
    }
}

/// Asks nodes until those that answered well are enough: `first` at once, the `spare` ones too when one of the first fails,
/// or keeps everybody waiting for `patienceMicros`. So a node that stands still costs the patience, not the timeout.
///
/// Returns who answered well, in the order of their answers, as soon as `isEnough` says so; else when all are in, or with
/// `givesUp` when the patience ends. Answers that come later are dropped.
func gather<Answer: Sendable>(
    _ first: [NodeID],
    orElse spare: [NodeID],
    patienceMicros: UInt64,
    givesUp: Bool = false,
    isEnough: @escaping @Sendable ([NodeID]) -> Bool,
    _ ask: @escaping @Sendable (NodeID, @escaping @Sendable (Answer?) -> Void) -> Void
) async -> [(node: NodeID, answer: Answer)] {
    let search = Search<Answer>(spare: spare, isEnough: isEnough, ask: ask)
    return await search.run(first, patienceMicros: patienceMicros, givesUp: givesUp)
}

private final class Search<Answer: Sendable>: Sendable {
    private struct State {
        var answers: [(node: NodeID, answer: Answer)] = []
        var left = 0
        var spare: [NodeID]
        var isOver = false
        var continuation: UnsafeContinuation<[(node: NodeID, answer: Answer)], Never>?
    }

    private let state: Mutex<State>
    private let isEnough: @Sendable ([NodeID]) -> Bool
    private let ask: @Sendable (NodeID, @escaping @Sendable (Answer?) -> Void) -> Void

    init(
        spare: [NodeID],
        isEnough: @escaping @Sendable ([NodeID]) -> Bool,
        ask: @escaping @Sendable (NodeID, @escaping @Sendable (Answer?) -> Void) -> Void
    ) {
        state = Mutex(State(spare: spare))
        self.isEnough = isEnough
        self.ask = ask
    }

    func run(
        _ first: [NodeID],
        patienceMicros: UInt64,
        givesUp: Bool
    ) async -> [(node: NodeID, answer: Answer)] {
        let loop = SharedThreads.loop()
        let timer = loop.scheduleTask(in: .microseconds(Int64(clamping: patienceMicros))) { [self] in
            if givesUp { giveUp() } else { askSpare() }
        }
        // Resumed exactly once: by who takes it out of the state when it is over.
        let answers = await withUnsafeContinuation { continuation in
            state.withLock { state in
                state.continuation = continuation
                // One more, so that no answer ends it before all are asked.
                state.left = first.count + 1
            }
            for node in first { ask(node) { [self] in take(node, $0, isAsked: true) } }
            take(nil, nil, isAsked: false)
        }
        timer.cancel()
        return answers
    }

    private func giveUp() {
        let done = state.withLock { state -> UnsafeContinuation<[(node: NodeID, answer: Answer)], Never>? in
            guard !state.isOver else { return nil }
            state.isOver = true
            return state.continuation.take()
        }
        if let done { done.resume(returning: state.withLock { $0.answers }) }
    }

    private func askSpare() {
        let nodes = state.withLock { state -> [NodeID] in
            if state.isOver { return [] }
            defer { state.spare = [] }
            state.left += state.spare.count
            return state.spare
        }
        for node in nodes { ask(node) { [self] in take(node, $0, isAsked: true) } }
    }

    private func take(_ node: NodeID?, _ answer: Answer?, isAsked: Bool) {
        // Before the count goes down: a failure that brings in the others is not the end.
        if isAsked, answer == nil { askSpare() }
        let done = state.withLock { state -> UnsafeContinuation<[(node: NodeID, answer: Answer)], Never>? in
            state.left -= 1
            guard !state.isOver else { return nil }
            if let node, let answer { state.answers.append((node, answer)) }
            guard state.left == 0 || (answer != nil && isEnough(state.answers.map(\.node))) else { return nil }
            state.isOver = true
            return state.continuation.take()
        }
        if let done { done.resume(returning: state.withLock { $0.answers }) }
    }
}
