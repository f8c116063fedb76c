/// A Paxos instance as it is kept: the accepted row with the place of its bytes on this disk, which are as durable as the
/// promise.
struct KeptInstance {
    var predecessor: Stamp?
    var promised: Ballot
    var accepted: (ballot: Ballot, row: RecordRow)?
}

extension KeptInstance {
    /// What is left of one by the rules, which do not know of places.
    init(_ rest: OpenInstance, of kept: KeptInstance?) {
        self.init(
            predecessor: rest.predecessor,
            promised: rest.promised,
            accepted: rest.accepted == nil ? nil : kept?.accepted
        )
    }
}
