/// Why a handshake ended. The other end is told nothing: the connection closes.
package enum HandshakeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A message with a wrong length or an unknown number in it.
    case malformed
    /// A version of the protocol that this node does not speak.
    case version
    /// A data link whose versions do not overlap with those of the other end, which are these.
    case incompatible(ClosedRange<UInt8>)
    case otherMesh
    /// An epoch whose secret is not held.
    case epoch
    /// The first message was made without the epoch's secret, or without the join token.
    case secret
    /// A later message was changed, or made by somebody who does not own the key that it names.
    case forged
    /// This node reached itself.
    case oneself
    /// Another node than the one that was called.
    case unexpectedPeer
    case expelled
    /// A node that nobody knows came with the secret of an epoch that was superseded.
    case stranger
    case token(TokenError)
    /// A message after the last one, or after a failure.
    case outOfTurn

    package var description: String {
        switch self {
        case .malformed: "a handshake message is malformed"
        case .version: "the other end speaks another version of the protocol"
        case .incompatible(let theirs):
            "the other end speaks versions \(theirs.lowerBound) to \(theirs.upperBound) of the link protocol, none of "
                + "which is spoken here"
        case .otherMesh: "the other end belongs to another mesh"
        case .epoch: "the other end uses an epoch that is not held here"
        case .secret: "the other end knows neither the epoch's secret nor the join token"
        case .forged: "a handshake message was forged"
        case .oneself: "the other end is this node"
        case .unexpectedPeer: "another node answered than the one that was called"
        case .expelled: "the other end was expelled"
        case .stranger: "an unknown node came with an epoch that was superseded"
        case .token(let error): error.description
        case .outOfTurn: "a handshake message came out of turn"
        }
    }
}
