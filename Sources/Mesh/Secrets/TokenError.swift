/// Why a join token, or the admission made from one, is refused.
package enum TokenError: String, Error, CaseIterable, Sendable, CustomStringConvertible {
    /// The text does not begin as a token does.
    case notAToken
    /// Characters are missing, too many, or changed.
    case damaged
    /// The admin's signature does not fit.
    case forged
    case expired
    /// Made by the admin of another mesh.
    case otherMesh
    /// Made before the last expulsion or rotation, and therefore perhaps known to those it was meant against.
    case withdrawn
    /// An admission that another node was given.
    case notYours
    /// For making one: no address, too many, or one that cannot be; a zone that is too long.
    case unsuitable

    package var description: String {
        switch self {
        case .notAToken: "this is no join token: it would begin with \(JoinToken.prefix)"
        case .damaged: "the join token is damaged: copy it again, in one piece"
        case .forged: "the join token is not signed by the mesh's admin key"
        case .expired: "the join token has expired: make a new one with `meshd token create`"
        case .otherMesh: "the join token belongs to another mesh"
        case .withdrawn:
            "the join token was made before a node was expelled or the keys were rotated: make a new one with "
                + "`meshd token create`"
        case .notYours: "the admission belongs to another node"
        case .unsuitable:
            "a join token needs 1 to \(TokenBody.addressesMax) addresses HOST:PORT and a zone of at most "
                + "\(TokenBody.zoneBytesMax) bytes"
        }
    }
}
