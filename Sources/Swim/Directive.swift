/// What the machine wants done; a driver obeys in order and adds nothing.
package enum Directive: Sendable {
    /// Seal and send one datagram. The body never exceeds `Settings.bodyBytes`.
    case send([UInt8], to: NodeID, at: Endpoint)
    /// Deliver a frame on the sealed control stream to a member; to fail is allowed. When its machine refuses the
    /// stream, `streamFailed` wants to know.
    case stream([UInt8], to: NodeID, at: Endpoint)
    /// Deliver a frame by stream to an address whose owner is not known yet; the handshake names it.
    case greet([UInt8], at: Endpoint)
    case event(MemberEvent)
    /// Write the generation to disk before anything else is sent: it must never be used by a later life again.
    case persist(generation: UInt64)
    /// Write the decree to disk, and give it back as one of `decrees` in every later life.
    case keep(Decree)
}

/// What the owner of a node may ask of its membership.
package enum Command: Sendable {
    /// Meet a mesh through any of these addresses; repeated with each period until one answers.
    case join([Endpoint])
    /// Say goodbye with a signed last record.
    case leave
    /// This node can be reached elsewhere now.
    case move(Endpoint)
    /// A new description of this node, at most `Settings.metaBytes`.
    case describe([UInt8])
    /// The operator's signed word; one that the admin key did not sign is counted as forged and changes nothing.
    case decree(Decree)
}

/// Datagrams and claims that changed nothing, by reason; and the deeds that tests must see happen at least once.
package struct Counters: Sendable, Equatable {
    package var malformed = 0
    package var unknownSender = 0
    package var forged = 0
    package var stale = 0
    package var overLimit = 0
    package var questions = 0
    package var rounds = 0
    /// Streams refused by a silent member's own machine.
    package var refusals = 0
    package var suspicions = 0
    package var deaths = 0
    package var refutations = 0
    package var returns = 0
    package var syncs = 0
    package var relayed = 0
    package var pauses = 0
    /// Decrees that were new.
    package var decrees = 0
    /// Datagrams, frames, records and accusations of expelled members: refused unread.
    package var outcasts = 0
    /// Accusations by witnesses whose word does not count: too young, or refuted too often lately.
    package var discounted = 0

    package init() {}
}
