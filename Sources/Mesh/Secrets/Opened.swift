package import Swim

/// What a datagram that came in amounts to.
package enum Opened: Sendable {
    case accepted(Delivery)
    /// It changed nothing; it is counted.
    case refused(Refusal)
}

/// What a genuine datagram brings: at most one of each, and often only one at all.
package struct Delivery: Sendable {
    /// A round trip of a question that `DatagramSealer.challenge` asked.
    package struct Echo: Sendable, Equatable {
        package let nonce: [UInt8]
        package let rttMicros: Int64
        /// The size of the answer on the wire, which is that of the question.
        package let datagramBytes: Int
    }

    package let sender: NodeID
    /// A message for the membership machine, from a life of the sender that is proved.
    package internal(set) var body: [UInt8]?
    /// A datagram for the sender, never longer than what came. Send it before anything that `body` leads to, and to the
    /// address in the sender's signed record, so that a forged source address cannot direct it.
    package internal(set) var reply: [UInt8]?
    package internal(set) var echo: Echo?

    init(sender: NodeID) { self.sender = sender }
}
