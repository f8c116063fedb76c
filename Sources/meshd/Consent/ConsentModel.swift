import HTTPTypes

/// The values of the calls by which a node that is alone is invited into a mesh.

/// `consent`: what a node says to anybody who asks whether it can be invited.
struct ConsentAnswer: Codable, Sendable {
    var id: String
    var name: String
    var version: String
    /// It shows a code, and joins the mesh of whoever knows it.
    var awaitsCode: Bool
    /// Why not, as a sentence; nothing while it does.
    var reason: String?
    /// Where others reach it; empty while nobody can.
    var mesh: String
    /// 0 where it is not to be invited: then it is nobody's business.
    var freeBytes: UInt64
    var capacityBytes: UInt64
    var memoryBytes: UInt64
}

/// `consent/code`: for who is signed in on the new node.
struct CodeAnswer: Codable, Sendable {
    /// Nothing while there is none.
    var code: String?
    var endsAtMillis: UInt64?
    var triesLeft: Int?
    /// Why there is none, as a sentence.
    var reason: String?
}

/// `consent/knock`: the first half of a code exchange; bytes are hexadecimal digits.
struct ConsentKnock: Codable, Sendable {
    var session: String
    var message: String
    /// What the end says of itself. It is bound by the exchange.
    var words: String
}

struct ConsentReply: Codable, Sendable {
    /// Names the knock in the calls that follow.
    var knock: String
    var message: String
    var words: String
}

/// `consent/prove`
struct ConsentProof: Codable, Sendable {
    var knock: String
    var proof: String
}

struct ConsentProven: Codable, Sendable {
    var proof: String
}

/// `consent/token`: the join token, sealed for the node that showed the code.
struct ConsentToken: Codable, Sendable {
    var knock: String
    var sealed: String
}

/// `consent/end`: the inviter says that all is done, or that all is to be as before.
struct ConsentEnd: Codable, Sendable {
    enum Word: String, Codable, Sendable {
        case settle, undo
    }

    var word: Word
    var mark: String
}

extension ConsentEnd {
    /// Why a node is not sent home now; nil when it may go.
    ///
    /// - Parameters:
    ///   - stage: of its invitation; nothing without one.
    ///   - isAlone: its mesh is itself.
    ///   - hasPlace: it is a member of the mesh that it is in, and was not removed. What it holds may be needed there.
    static func objection(toUndoing stage: Invitation.Stage?, isAlone: Bool, hasPlace: Bool) -> AdminError? {
        switch stage {
        case nil:
            isAlone ? nil : AdminError(.conflict, "settled", "it is on no way back: its mesh is its home now")
        case .entering, .entered:
            hasPlace ? AdminError(.conflict, "has_place", "it has a place in this mesh: remove it first") : nil
        case .leaving, .returning, .restoring: nil
        }
    }
}

struct ConsentEnded: Codable, Sendable {
    /// What the node does now.
    var message: String
}
