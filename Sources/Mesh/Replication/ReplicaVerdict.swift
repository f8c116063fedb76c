/// What a store does with a write that another store's rule sends. Pure.
package enum ReplicaVerdict: Equatable, Sendable {
    /// It is newer than what is there.
    case take
    /// The bucket has had it before.
    case refuse
    /// The bucket has something newer. The other store may have taken its own for newer by the order of its rows, and
    /// nobody would send this one again: so it is queued once more.
    case refuseAndSend

    /// - Parameters:
    ///   - place: what the bucket is called among all.
    ///   - known: where what is there comes from, and when it was written; nil: there is nothing.
    package init(_ origin: ReplicationOrigin, at place: String, known: ReplicationOrigin?) {
        if origin.path.contains(place) {
            self = .refuse
        } else if let known, origin.isSuperseded(by: known) {
            self = .refuseAndSend
        } else {
            self = .take
        }
    }
}
