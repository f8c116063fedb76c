/// What a holder keeps of the Paxos instance that decides the next row of a key. One per key at most. `KeyBase` tells what
/// still counts of it beside the rows that are there now, so it needs no collection of its own.
package struct OpenInstance: Sendable {
    package let address: RowAddress
    /// The newest row when the instance was opened; nil: the key was absent.
    package let predecessor: Stamp?
    /// No lower ballot is taken.
    package var promised: Ballot
    package var accepted: Proposal?

    package init(_ address: RowAddress, predecessor: Stamp?, promised: Ballot, accepted: Proposal? = nil) {
        self.address = address
        self.predecessor = predecessor
        self.promised = promised
        self.accepted = accepted
    }
}

extension Ballot {
    /// Below every ballot that is ever used: rounds start with 1.
    package static let lowest = Ballot(round: 0, proposer: 0)
}
