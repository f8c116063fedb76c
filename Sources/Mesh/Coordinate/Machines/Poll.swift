import Store
import Swim

/// One question to the holders, asked again of those that fail: who was asked, who answered what, who is to be asked
/// again and when.
struct Poll<Answer: Sendable>: Sendable {
    private enum State: Sendable {
        case asked
        case answered(Answer)
        case failed(againAt: UInt64)
        case lost
    }

    private var states: [(node: NodeID, state: State, failures: Int)] = []
    private let pace: RegisterPace
    /// Why a holder was lost, of the last one.
    private(set) var refusal: Store.Refusal?

    init(_ pace: RegisterPace) { self.pace = pace }

    private func index(_ node: NodeID) -> Int? { states.firstIndex { $0.node == node } }

    private mutating func set(_ node: NodeID, _ state: State) {
        if let index = index(node) { states[index].state = state } else { states.append((node, state, 0)) }
    }

    var answers: [(node: NodeID, answer: Answer)] {
        states.compactMap { entry in
            if case .answered(let answer) = entry.state { (entry.node, answer) } else { nil }
        }
    }

    var answered: [NodeID] {
        states.compactMap { entry in
            if case .answered = entry.state { entry.node } else { nil }
        }
    }

    /// Holders that failed too often, or refused for good.
    var lost: [NodeID] {
        states.compactMap { entry in
            if case .lost = entry.state { entry.node } else { nil }
        }
    }

    /// Those, and holders that failed and are not yet asked again.
    var absent: [NodeID] { states.map(\.node).filter { !isPromising($0) } }

    /// An answer is here or on its way.
    func isPromising(_ node: NodeID) -> Bool {
        guard let index = index(node) else { return false }
        switch states[index].state {
        case .asked, .answered: return true
        case .failed, .lost: return false
        }
    }

    func wasAsked(_ node: NodeID) -> Bool { index(node) != nil }

    mutating func asked(_ node: NodeID) { set(node, .asked) }

    mutating func answer(_ node: NodeID, _ answer: Answer) { set(node, .answered(answer)) }

    /// A holder that has not answered is asked again later, or is lost.
    mutating func fail(
        _ node: NodeID,
        now: UInt64,
        refusal: Store.Refusal? = nil,
        into outbox: inout [RegisterDirective]
    ) {
        guard let index = index(node), case .asked = states[index].state else { return }
        states[index].failures += 1
        if let refusal { self.refusal = refusal }
        guard states[index].failures < pace.attemptsMax else {
            states[index].state = .lost
            return
        }
        let again = now + pace.retryMicros << UInt64(min(states[index].failures - 1, 3))
        states[index].state = .failed(againAt: again)
        outbox.append(.wake(atMicros: again))
    }

    mutating func lose(_ node: NodeID, _ refusal: Store.Refusal? = nil) {
        if let refusal { self.refusal = refusal }
        set(node, .lost)
    }

    /// Holders whose time to be asked again has come.
    func due(now: UInt64) -> [NodeID] {
        states.compactMap { entry in
            if case .failed(let again) = entry.state, again <= now { entry.node } else { nil }
        }
    }

    /// All that failed for a while are due now. Not for ever: one that cannot take up a layout yet says so each time, and
    /// would be given up within moments.
    mutating func hurry(now: UInt64) {
        for index in states.indices where states[index].failures <= pace.hurriesMax {
            if case .failed = states[index].state { states[index].state = .failed(againAt: now) }
        }
    }
}
