/// Why this node believes what it believes of a member: the JSON of `meshd why NODE --json`.
package struct WhyReport: Codable, Sendable, Equatable {
    /// One event in the case of a member.
    package struct Entry: Codable, Sendable, Equatable {
        /// Unix time in milliseconds.
        package var atMillis: UInt64
        /// `unanswered`, `accused`, or `became alive|suspect|dead|left|expelled`.
        package var what: String
        /// Names of the witnesses; this node is among them where it asked itself.
        package var by: [String]
        package var phi: Double
        /// Of the version that the entry is about, as `generation.incarnation`; empty where none is meant.
        package var version: String
    }

    /// One witness of the case that is held now.
    package struct Witness: Codable, Sendable, Equatable {
        package var name: String
        package var phi: Double
    }

    package var subject: String
    package var id: String
    package var seenFrom: String
    package var state: MemberLine.State
    package var sinceMillis: UInt64
    /// The sum of all evidence, and what makes a suspect and a death.
    package var phi: Double
    package var suspectPhi: Double
    package var deadPhi: Double
    /// How many distinct accusers a death needs here.
    package var quorum: Int
    /// When a suspicion turns into a death unless it is refuted; nil for those who are not suspects.
    package var deadAtMillis: UInt64?
    /// Those who signed accusations of the newest version.
    package var evidence: [Witness]
    /// Oldest first.
    package var entries: [Entry]
    /// The reason of an expulsion.
    package var reason: String?
}
