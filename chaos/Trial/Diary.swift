import Synchronization

/// What the run itself did and when: its phases, what it cost, and what whoever reads its report has to know.
final class Diary: Sendable {
    struct Phase: Sendable {
        let name: String
        let begin: UInt64
        var end: UInt64?
    }

    /// What the harness took while the load ran.
    struct Load: Sendable {
        let corePercent: Double
        let requestsPerSecond: Double
    }

    fileprivate struct State {
        var phases: [Phase] = []
        var notes: [String] = []
        var load: Load?
        var isOver = false
    }

    private let state = Mutex(State())

    /// Ends the phase before it.
    func enter(_ name: String, at now: UInt64 = Clock.nanoseconds()) {
        state.withLock { state in
            state.endPhase(now)
            state.phases.append(Phase(name: name, begin: now))
        }
    }

    func close(at now: UInt64 = Clock.nanoseconds()) {
        state.withLock { state in
            state.endPhase(now)
            state.isOver = true
        }
    }

    /// Once is enough for each.
    func note(_ text: String) {
        let isNew = state.withLock { state in
            guard !state.notes.contains(text) else { return false }
            state.notes.append(text)
            return true
        }
        if isNew { say("note: \(text)") }
    }

    func set(load: Load) { state.withLock { $0.load = load } }

    var phases: [Phase] { state.withLock { $0.phases } }

    var notes: [String] { state.withLock { $0.notes } }

    var load: Load? { state.withLock { $0.load } }

    var isOver: Bool { state.withLock { $0.isOver } }
}

extension Diary.State {
    fileprivate mutating func endPhase(_ now: UInt64) {
        if let last = phases.indices.last, phases[last].end == nil { phases[last].end = now }
    }
}
