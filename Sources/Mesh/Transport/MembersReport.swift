/// The member list as one node holds it: the JSON of `meshd members --json` and of `DIR/members.json`.
///
/// What is agreed (`state`, `since`) stands beside what only this node measures (`phi`, `reach`, `rttMicros`, `loss`);
/// `seenFrom` says whose view it is. Field names are a contract with scripts.
package struct MembersReport: Codable, Sendable, Equatable {
    /// 64 hexadecimal digits.
    package var meshID: String
    /// The newest key epoch that this node holds.
    package var epoch: UInt32
    /// The name of the node whose view this is, and its id.
    package var seenFrom: String
    package var seenFromID: String
    /// Unix time in milliseconds.
    package var atMillis: UInt64
    /// 16 hexadecimal digits; equal on two nodes exactly when their views are.
    package var viewDigest: String
    /// Present members, this node included, whose newest known view digest equals this node's.
    package var agreeing: Int
    /// Members that take part: alive or suspect.
    package var present: Int
    package var members: [MemberLine]
    /// How much this node doubts itself; 0 is well.
    package var localHealth: Int
    /// The 99th percentile of how late this node's own timer fired.
    package var loopLagMillis: Double
    /// The share of its questions that this node believes to be lost on the way.
    package var lossBelief: Double
    /// Most questions of this node go unanswered, so it condemns nobody.
    package var isIsolated: Bool

    /// The line of a member, by name or id.
    package subscript(name: String) -> MemberLine? { members.first { $0.name == name || $0.id == name } }
}

/// One line of the member list.
package struct MemberLine: Codable, Sendable, Equatable {
    /// What a member is, as people are told; in the order in which summaries count.
    package enum State: String, Codable, Sendable, CaseIterable {
        case alive, suspect
        /// Alive, but it had to refute so often or died so lately that work is kept away from it.
        case unstable
        case dead, left, expelled

        /// Whether it is there, steady or not.
        package var isAlive: Bool { self == .alive || self == .unstable }
    }

    /// Its own word, or the first eight digits of its id before it is heard.
    package var name: String
    /// 32 hexadecimal digits.
    package var id: String
    package var address: String
    package var zone: String
    package var state: State
    /// Unix time in milliseconds of the last change of state; for a member that was always alive, when it was met.
    package var sinceMillis: UInt64
    /// Evidence of this node's own unanswered questions, in decades.
    package var phi: Double
    /// `self`, `direct`, `relay`, `stream`, `none` or `unknown`: how its newest answer came.
    package var reach: String
    /// The smoothed round trip; nil before the first answer.
    package var rttMicros: Int64?
    /// The smoothed share of unanswered questions, 0 to 1.
    package var loss: Double
    /// The decayed count of refutations.
    package var flaps: Double
    /// The member's own word about itself; 0 is well.
    package var health: Int
    /// Of its software; empty before its description is heard.
    package var version: String
    package var generation: UInt64
    package var incarnation: UInt32
    /// Whether the newest view digest heard from it equals this node's; nil when none was heard.
    package var agrees: Bool?
    /// A remark for people, empty most of the time: `cannot be reached from here, 3 others can`.
    package var note: String
    package var s3: String
    package var admin: String
    package var capacityBytes: UInt64
    package var freeBytes: UInt64
    /// How far its wall clock was from this node's when it last answered a question, as a probe asks one; nil before.
    package var clockSkewMillis: Int64?
}
