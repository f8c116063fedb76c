/// What a sender says of its whole view in eight bytes, and of itself in two.
package struct Sight: Equatable, Sendable {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The sender has nothing left to tell and nothing changed lately: a digest that differs now differs for good.
        package static let quiet = Flags(rawValue: 1)
        /// The sender has more to tell than gossip carries in time: better to sync at once.
        package static let flooded = Flags(rawValue: 2)
    }

    package var digest: UInt64
    package var flags: Flags
    /// The sender's local health score, 0 is well.
    package var health: UInt8

    package init(digest: UInt64, flags: Flags, health: UInt8) {
        self.digest = digest
        self.flags = flags
        self.health = health
    }
}

/// A question's target as the asker holds it, so that a wrong belief meets its refutation in the very next answer.
package struct Belief: Equatable, Sendable {
    package var version: Version
    package var status: Status

    package init(version: Version, status: Status) {
        self.version = version
        self.status = status
    }
}

/// The first part of every datagram; rumors follow where the table of the codec says so.
package enum Message: Equatable, Sendable {
    case ping(nonce: UInt64, Sight, Belief)
    /// The answer to `ping`; it echoes the nonce, and only that is proof of life.
    case ack(nonce: UInt64, Sight)
    /// "Ask the target for me."
    case ask(nonce: UInt64, target: UInt64)
    /// The relay's question, which names the asker so that the target can make the token for it.
    case relayPing(nonce: UInt64, asker: UInt64, askerNonce: UInt64)
    case relayAck(nonce: UInt64, token: UInt64)
    /// The relay's good news, with the token that it cannot invent.
    case vouch(nonce: UInt64, token: UInt64)
    /// The relay's bad news: with nacks on, a signed accusation.
    case nack(nonce: UInt64, version: Version, Accusation?)
    case gossip(Sight)
}

/// One thing worth telling: a member's own record, the evidence against it, or the operator's word.
package enum Rumor: Equatable, Sendable {
    case record(Record)
    case suspicion(target: UInt64, version: Version, [Accusation])
    case decree(Decree)
}
