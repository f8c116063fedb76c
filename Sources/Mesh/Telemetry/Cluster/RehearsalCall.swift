/// What a node is told of a rehearsal. There is one at a time in a mesh: all nodes take part before anybody plays dead.
package struct RehearsalCall: Codable, Sendable, Equatable {
    /// What the node is to do.
    package enum Act: String, Codable, Sendable {
        /// Take part in this one, and in no other until it is over or its time is.
        case acquire
        /// Play dead: only to whom it is about.
        case playDead
        /// It is over.
        case release
    }

    /// Seconds: long enough to be declared dead, short enough to be waited for by a person and by clients.
    package static let secondsAllowed = 10...120

    package var act: Act
    /// Of this rehearsal; nobody else chose the same.
    package var id: String
    /// How long the node plays dead.
    package var seconds: Int

    /// Values as in the properties.
    package init(_ act: Act, id: String, seconds: Int) { (self.act, self.id, self.seconds) = (act, id, seconds) }
}
