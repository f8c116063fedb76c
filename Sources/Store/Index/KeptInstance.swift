/// A Paxos instance as it is kept: the accepted row with the place of its bytes on this disk, which are as durable as the
/// promise.
struct KeptInstance {
    var predecessor: Stamp?
    var promised: Ballot
    var accepted: (ballot: Ballot, row: RecordRow)?
}
