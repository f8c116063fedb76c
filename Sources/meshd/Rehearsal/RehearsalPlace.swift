import Mesh

/// A node's part in rehearsals: there is one at a time in a mesh, because each node has a part in one at a time.
///
/// Who wants to conduct one asks all nodes to hold it, itself first. Of two who begin together each holds the other one's
/// place against him, so that at most one goes on. A part ends by itself: a conductor may die.
struct RehearsalPlace: Sendable {
    /// Beside the time that the node is away: to look before, and to see it come back.
    static let secondsBeside: UInt64 = 240

    enum Refusal: Error, Equatable {
        /// In another one, for so many seconds at most.
        case busy(seconds: UInt64)
        /// Nobody asked this node to hold it, or that is over.
        case notHeld
    }

    private struct Part {
        let id: String
        let untilMillis: UInt64
    }

    private var part: Part?

    /// Times are of a clock that never goes back.
    mutating func hold(_ call: RehearsalCall, now millis: UInt64) throws(Refusal) {
        if let part, part.id != call.id, part.untilMillis > millis {
            throw .busy(seconds: (part.untilMillis - millis + 999) / 1_000)
        }
        part = Part(id: call.id, untilMillis: millis + (UInt64(call.seconds) + Self.secondsBeside) * 1_000)
    }

    func check(_ call: RehearsalCall, now millis: UInt64) throws(Refusal) {
        guard let part, part.id == call.id, part.untilMillis > millis else { throw .notHeld }
    }

    mutating func release(_ id: String) {
        if part?.id == id { part = nil }
    }
}
