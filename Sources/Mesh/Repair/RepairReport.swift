/// What repair is doing on one node, and what waits: for the command line and the admin API.
package struct RepairReport: Codable, Sendable, Equatable {
    package struct Backlog: Codable, Sendable, Equatable {
        /// 32 hexadecimal digits.
        package var peer: String
        package var name: String
        package var objects: Int
        /// `412 objects wait for attic`
        package var sentence: String
    }

    package struct Movement: Codable, Sendable, Equatable {
        package var epoch: UInt64
        package var isDone: Bool
        package var partitions: Int
        package var partitionsDone: Int
        package var objects: UInt64
        package var objectsExpected: UInt64
        package var bytes: UInt64
        package var bytesExpected: UInt64
        package var bytesPerSecond: UInt64
        /// Nil while it cannot be told.
        package var secondsLeft: UInt64?
        /// Bytes of these no member has.
        package var bodiesUnobtainable: Int
        /// Names of nodes that are needed to go on and do not answer.
        package var waitsFor: [String]
        package var sentence: String
    }

    package struct Collection: Codable, Sendable, Equatable {
        /// Rows on this node that are no versions: tombstones, removals, ended uploads, tags of versions.
        package var rows: Int
        /// Names of members without which none can be collected.
        package var waitsFor: [String]
        /// Since when it waits for them; nil: it does not.
        package var sinceMillis: UInt64?
        package var sentence: String
    }

    package struct Comparison: Codable, Sendable, Equatable {
        package var peer: String
        package var name: String
        package var atMillis: UInt64
        package var leavesDifferent: Int
        package var rowsPulled: Int
        package var rowsPushed: Int
        package var bytes: UInt64
        /// Why it ended early, in words.
        package var failure: String?
    }

    package var isPaused: Bool
    /// What the operator allows; nil: what clients leave over.
    package var bytesPerSecondLimit: Int64?
    /// What is allowed at this moment; nil: as fast as it goes.
    package var bytesPerSecondNow: Int64?
    package var hints: [Backlog]
    /// Rows whose bytes should be here and are not.
    package var wanted: Int
    package var readRepairsWaiting: Int
    package var movement: Movement?
    package var collection: Collection?
    package var comparisons: [Comparison]
    package var counters: [String: UInt64]
    /// All of it in words, one line each; empty when nothing waits and nothing moves.
    package var sentences: [String]
}
