import HTTPTypes
import Mesh
import NIOCore
import Swim
import Synchronization

/// A node's rehearsals: the part that it has in those of others, and the one that it conducts itself.
final class RehearsalDesk: Sendable {
    private struct State {
        var lease = RehearsalLease()
        /// Until when this node plays dead, on the clock that never goes back.
        var deadUntil: NIODeadline?
        var report: RehearsalReport?
        var isConducting = false
    }

    /// The answer to the order goes out before the node falls silent.
    private static let answerMillis = 300
    /// The end that was promised counts, whatever happened to the mesh's part of this node.
    private static let graceMax = TimeAmount.seconds(1)

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
        let now = NIODeadline.now()
        guard let until = state.withLock({ $0.deadUntil }), now < until + Self.graceMax else { return nil }
        return Int(max(1, (until - now).nanoseconds / 1_000_000_000))
    }

    /// Does what a conductor asks, this node's own one too.
    func answer(_ call: RehearsalCall, from asker: NodeID, on node: Node) async -> EnquiryAnswer {
        guard RehearsalCall.secondsAllowed.contains(call.seconds), call.id.utf8.count <= 64 else {
            return .refused("it does not know such a rehearsal")
        }
        do throws(RehearsalLease.Refusal) {
            try state.withLock { state throws(RehearsalLease.Refusal) in
                switch call.act {
                case .acquire: try state.lease.acquire(call, by: asker, now: Self.millis())
                case .playDead: try state.lease.check(call, by: asker, now: Self.millis())
                case .release: state.lease.release(call, by: asker)
                }
            }
        } catch {
            switch error {
            case .busy(let seconds): return .refused("it has a part in another rehearsal, for \(seconds) s at most")
            case .notHeld: return .refused("it has no part in this rehearsal, or not any more")
            }
        }
        return call.act == .playDead ? await playDead(call, asker, node) : .done
    }

    private func playDead(_ call: RehearsalCall, _ asker: NodeID, _ node: Node) async -> EnquiryAnswer {
        guard let mesh = try? node.mesh(), let cluster = node.cluster else {
            return .refused("it takes no part in the mesh")
        }
        // Its own view counts, too: nobody can call it back.
        guard await cluster.conduct.spreadsBereft(without: node.identity.id).isEmpty else {
            return .refused("as it sees the mesh, some keys would have no majority")
        }
        let isFree = state.withLock { state in
            guard state.deadUntil == nil else { return false }
            state.deadUntil = .now() + .seconds(Int64(call.seconds)) + .milliseconds(Int64(Self.answerMillis))
            return true
        }
        guard isFree else { return .refused("it plays dead already") }
        let (events, name) = (node.events, node.name)
        let ended: @Sendable () -> Void = { [self] in
            state.withLock { $0.deadUntil = nil }
            events.note(EventDraft(.node, .note, "\(name) takes part again: its rehearsal is over"))
        }
        let isSilent = try? await mesh.playDead(
            afterMillis: Self.answerMillis,
            seconds: call.seconds,
            silent: { cluster.links.hangUp() },
            ended: ended
        )
        guard isSilent == true else {
            state.withLock { $0.deadUntil = nil }
            return .refused("it does not play dead")
        }
        let conductor = mesh.presence[asker]?.name ?? "\(asker)"
        let message = "\(name) plays dead for \(call.seconds) s: a rehearsal that \(conductor) conducts"
        events.note(EventDraft(.node, .warning, message))
        return .done
    }

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
            try await rehearsal.acquire()
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
            // Who reads that it is over can begin another one.
            let report = rehearsal.report
            state.withLock { state in
                state.isConducting = false
                state.report = report
            }
        }
    }
}
