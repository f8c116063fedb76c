/// Why an operation with several holders came to no answer.
package enum CoordinatorError: Error, Sendable, Equatable {
    /// What is certain about a change that failed.
    package enum Effect: String, Sendable {
        /// It took no effect and never will.
        case none
        /// It may have taken effect, or may yet.
        case unknown
    }

    /// No quorum of holders answered in time: `answered` of `of` did.
    case quorumLost(answered: Int, of: Int, effect: Effect)
    /// Others changed the key all the time: the condition could not be decided. Took no effect unless it says so.
    case contended(Effect)
    /// The bucket is being deleted. The change took no effect unless it says so.
    case bucketClosing(Effect)
    /// This node was removed from its mesh: it knows nothing for certain any more.
    case notMember
    /// This node alone holds everything since the operation began, which did nothing: its store decides.
    case alone
    /// Asked for a consistency that this operation does not have.
    case unsupported(Consistency)

    /// Who could answer is not there, or not known, and nothing was sent.
    static let nobody = quorumLost(answered: 0, of: 1, effect: .none)

    /// The same failure of a change of which an earlier try may have taken effect.
    var uncertain: CoordinatorError {
        switch self {
        case .quorumLost(let answered, let count, _): .quorumLost(answered: answered, of: count, effect: .unknown)
        case .contended: .contended(.unknown)
        case .bucketClosing: .bucketClosing(.unknown)
        case .alone: .quorumLost(answered: 0, of: 1, effect: .unknown)
        case .notMember, .unsupported: self
        }
    }
}

/// How many holders an operation waits for.
package enum Consistency: String, Sendable, CaseIterable {
    /// The nearest holder: may be stale, never torn.
    case one
    /// A majority: linearizable.
    case quorum
    /// All of them.
    case all
}
