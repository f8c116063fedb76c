import HTTPTypes
import Mesh
import NIOCore
import Swim
import Synchronization

/// A node's rehearsals: the part that it has in those of others, and the one that it conducts itself.
final class RehearsalDesk: Sendable {
    private struct State {
        var place = RehearsalPlace()
        /// Until when this node plays dead, on the clock that never goes back.
        var deadUntil: NIODeadline?
        var report: RehearsalReport?
        var isConducting = false
    }

    private let state = Mutex(State())
    private let orders: AsyncStream<Rehearsal>
    private let inbox: AsyncStream<Rehearsal>.Continuation

    init() {
        (orders, inbox) = AsyncStream.makeStream(of: Rehearsal.self, bufferingPolicy: .bufferingOldest(1))
    }

    private static func millis() -> UInt64 { NIODeadline.now().uptimeNanoseconds / 1_000_000 }

    // MARK: A part in another's

    /// Seconds for which this node still plays dead; nil: it does not.
    var secondsDead: Int? {
        state.withLock { $0.deadUntil }.map { Int(max(1, ($0 - .now()).nanoseconds / 1_000_000_000)) }
    }

    /// Does what a conductor asks, this node's own one too.
    func answer(_ call: RehearsalCall, on node: Node) async -> EnquiryAnswer {
        guard RehearsalCall.secondsAllowed.contains(call.seconds), call.id.utf8.count <= 64 else {
            return .refused("it does not know such a rehearsal")
        }
        do throws(RehearsalPlace.Refusal) {
            switch call.act {
            case .hold:
                try state.withLock { state throws(RehearsalPlace.Refusal) in
                    try state.place.hold(call, now: Self.millis())
                }
            case .playDead:
                try state.withLock { state throws(RehearsalPlace.Refusal) in
                    try state.place.check(call, now: Self.millis())
                }
                return await playDead(call, node)
            case .release: state.withLock { $0.place.release(call.id) }
            }
        } catch {
            switch error {
            case .busy(let seconds): return .refused("it has a part in another rehearsal, for \(seconds) s at most")
            case .notHeld: return .refused("it has no part in this rehearsal, or not any more")
            }
        }
        return .done
    }

    private func playDead(_ call: RehearsalCall, _ node: Node) async -> EnquiryAnswer {
        guard let mesh = try? node.mesh(), let cluster = node.cluster else {
            return .refused("it takes no part in the mesh")
        }
        let isFree = state.withLock { state in
            guard state.deadUntil == nil else { return false }
            state.deadUntil = .now() + .seconds(Int64(call.seconds)) + Self.answerTime
            return true
        }
        guard isFree else { return .refused("it plays dead already") }
        let message = "\(node.settings.name) plays dead for \(call.seconds) s: a rehearsal that \(call.watcher) watches"
        node.events.note(EventDraft(.node, .warning, message))
        // The answer goes out before.
        Task {
            try? await Task.sleep(for: .nanoseconds(Self.answerTime.nanoseconds))
            let ended: @Sendable () -> Void = { [self, events = node.events, name = node.settings.name] in
                state.withLock { $0.deadUntil = nil }
                events.note(EventDraft(.node, .note, "\(name) takes part again: its rehearsal is over"))
            }
            if (try? await mesh.playDead(seconds: call.seconds, ended)) == true {
                cluster.links.hangUp()
            } else {
                ended()
            }
        }
        return .done
    }

    private static let answerTime = TimeAmount.milliseconds(300)

    // MARK: One of its own

    var report: RehearsalReport? { state.withLock { $0.report } }

    /// Begins one, if nothing speaks against it: whoever asks is told what does.
    func begin(_ order: RehearsalOrder, _ id: NodeID, on node: Node) async throws -> RehearsalReport {
        let rehearsal = try await Rehearsal(order, id, on: node)
        let isFree = state.withLock { state in
            guard !state.isConducting else { return false }
            state.isConducting = true
            return true
        }
        guard isFree else {
            throw AdminError(.conflict, "busy", "this node conducts a rehearsal already: look at it with GET")
        }
        do {
            try await rehearsal.hold()
        } catch {
            state.withLock { $0.isConducting = false }
            throw error
        }
        let report = rehearsal.report
        state.withLock { $0.report = report }
        inbox.yield(rehearsal)
        return report
    }

    /// Conducts what was begun, until it is cancelled.
    func run() async {
        for await rehearsal in orders {
            await rehearsal.conduct { report in state.withLock { $0.report = report } }
            state.withLock { $0.isConducting = false }
        }
    }
}
