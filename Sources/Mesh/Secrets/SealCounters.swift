/// Why a datagram changed nothing.
package enum Refusal: String, Error, CaseIterable, Sendable {
    /// Less than a header and a tag.
    case short
    /// More than a datagram may have.
    case oversized
    /// A kind, or a body of a kind, that this version does not know.
    case malformed
    /// Sealed for another mesh, or noise.
    case otherMesh
    /// Sealed under an epoch that is not held: too old, or not yet heard of.
    case epoch
    case unknownSender
    /// The tag does not fit: changed, sealed by another, or sealed for another.
    case forged
    case replayed
    /// From a life of the sender that is over.
    case staleBoot
    /// From a life that was not proved, and nothing came to prove it, or something newer took its place.
    case unproved
    /// The answer to a question that nobody asks any more.
    case unasked

    var index: Int { Self.allCases.firstIndex(of: self)! }
}

/// What the sealer did and what it refused, by kind.
package struct SealCounters: Sendable, Equatable {
    private var refused = [Int](repeating: 0, count: Refusal.allCases.count)
    /// Bodies sealed, and bodies handed out.
    package internal(set) var sealed = 0
    package internal(set) var opened = 0
    /// Bodies that could not be sealed: no key for the peer, or too long.
    package internal(set) var unsealable = 0
    /// Bodies that waited for the proof of their sender's boot, and those that it set free.
    package internal(set) var held = 0
    package internal(set) var released = 0
    /// Questions asked, and questions answered.
    package internal(set) var challenged = 0
    package internal(set) var answered = 0

    package init() {}

    package internal(set) subscript(refusal: Refusal) -> Int {
        get { refused[refusal.index] }
        set { refused[refusal.index] = newValue }
    }

    package var refusedTotal: Int { refused.reduce(0, +) }
}
