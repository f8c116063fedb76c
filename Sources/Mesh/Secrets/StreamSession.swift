package import Swim

/// What a finished handshake proved, and the two ciphers of the stream.
package struct StreamSession: Sendable {
    /// With what right the initiator came.
    package enum Right: Sendable, Equatable { case member, joiner }

    package let peer: NodeID
    package let key: PublicKey
    package let right: Right
    /// The epoch whose secret, or whose token, opened the stream.
    package let epoch: UInt32
    /// The proof of admission that the initiator showed, if it did: its signatures fit, and it is the initiator's own.
    /// Of a joiner it is always there, and not expired.
    package let admission: Admission?
    /// Of a data link; nil for a control stream, and for a joiner's.
    package let link: LinkTerms?
    package var sealing: StreamCipher
    package var opening: StreamCipher
}

/// What this node holds of another when it comes by stream.
package enum Standing: Sendable {
    case member
    /// Never heard of.
    case stranger
    case expelled
}
