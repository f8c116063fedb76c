import Mesh
import Swim

/// A node's part in rehearsals: there is one at a time in a mesh, because each node has a part in one at a time.
///
/// Who wants to conduct one asks all nodes for theirs, itself first. Of two who begin together each has his own node
/// against the other, so that at most one goes on. A part ends by itself: a conductor may die.
struct RehearsalLease: Sendable {
    enum Refusal: Error, Equatable {
        /// In another one, for so many seconds at most.
        case busy(seconds: UInt64)
        /// Nobody has asked this node for a part, or that is over.
        case notHeld
    }

    private struct Part {
        let id: String
        let conductor: NodeID
        let untilMillis: UInt64

        func isOf(_ call: RehearsalCall, by asker: NodeID) -> Bool { id == call.id && conductor == asker }
    }

    private var part: Part?

    /// Takes part, as long as the whole rehearsal may last. Times are of a clock that never goes back.
    mutating func acquire(_ call: RehearsalCall, by asker: NodeID, now millis: UInt64) throws(Refusal) {
        if let part, !part.isOf(call, by: asker), part.untilMillis > millis {
            throw .busy(seconds: (part.untilMillis - millis + 999) / 1_000)
        }
        let seconds = UInt64(call.seconds) + UInt64(Rehearsal.secondsBesideMax)
        part = Part(id: call.id, conductor: asker, untilMillis: millis + seconds * 1_000)
    }

    func check(_ call: RehearsalCall, by asker: NodeID, now millis: UInt64) throws(Refusal) {
        guard let part, part.isOf(call, by: asker), part.untilMillis > millis else { throw .notHeld }
    }

    /// Whoever else asks lets nothing go.
    mutating func release(_ call: RehearsalCall, by asker: NodeID) {
        if part?.isOf(call, by: asker) == true { part = nil }
    }
}
