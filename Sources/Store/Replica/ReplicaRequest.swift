/// What a coordinator asks of one holder. The holder decides alone, by `KeyRules`, and what it promises is on its disk
/// before it answers.
package struct ReplicaCall: Sendable {
    /// The layout epoch that the coordinator goes by; a holder that has learned of a later one for the partition
    /// refuses.
    package var epoch: UInt64
    package var request: ReplicaRequest

    package init(epoch: UInt64, _ request: ReplicaRequest) {
        self.epoch = epoch
        self.request = request
    }

    /// Rows in one `.fetch`: more than a chain has, few enough for one frame with small bodies.
    package static let fetchMax = 16
}

/// What is asked. Rows and scan queries are boxed (`indirect`): a request is moved many times on its way, and is to be
/// small.
package enum ReplicaRequest: Sendable {
    /// What the holder has of a key. Changes nothing.
    case look(RowAddress, VersionSelector, LookDepth)
    /// The same as `.look(_, .current, .stamps)` if any row of the key may be stamped at this time (`Stamp.t`) or later;
    /// else an empty view: the query phase of a blind write, whose stamp is no lower anyhow. Changes nothing.
    case newest(RowAddress, from: UInt64)
    /// Takes a row that is decided: a blind write, a decided conditional one, a repair. Later rows win, whatever the
    /// order of arrival.
    indirect case commit(Row)
    /// Paxos, first phase, of the instance (key, predecessor): promise to take no ballot below. An absent key has no
    /// predecessor.
    case prepare(RowAddress, predecessor: Stamp?, Ballot)
    /// Paxos, second phase. The row's stamp is the successor of the predecessor, or of an earlier one (`KeyBase`).
    indirect case accept(Row, predecessor: Stamp?, Ballot)
    /// The raw rows with these stamps, with small bodies, as far as the holder still has them: what a coordinator passes
    /// on to holders that missed them. Changes nothing. At most `ReplicaCall.fetchMax` stamps.
    case fetch(RowAddress, [Stamp])
    /// Rows in the order of keys.
    indirect case scan(ScanQuery)
}

/// How much of the answered version comes along.
package enum LookDepth: UInt8, Sendable {
    /// Stamps only: the query phase of a deletion, and the second opinion of a read.
    case stamps = 0
    /// The record, without bytes.
    case record = 1
    /// The record with a small body, or with the list of its parts; of the current version the list may be missing
    /// (`.absent`): who needs it asks for it by its stamp. Of an upload what became of the bytes of the parts that its
    /// completion names: all are here (`.staged`), that completion's object has them (`.handedOver`), or neither (`.absent`).
    case body = 2
}

/// The number of an attempt in a Paxos instance, unique for its proposer.
package struct Ballot: Hashable, Comparable, Sendable {
    package let round: UInt64
    package let proposer: UInt64

    package init(round: UInt64, proposer: UInt64) {
        self.round = round
        self.proposer = proposer
    }

    package static func < (a: Ballot, b: Ballot) -> Bool {
        a.round != b.round ? a.round < b.round : a.proposer < b.proposer
    }
}

/// A range of one bucket's rows (any space), as a holder has them: tombstones and change rows included, because what a
/// holder leaves out another one's stale row would bring back.
package struct ScanQuery: Sendable {
    package var bucket: BucketID
    package var prefix: [UInt8] = []
    /// Only keys behind this one; nil: from the start.
    package var after: [UInt8]?
    /// Goes on inside the key `after`, with its rows below this stamp: a page before ended in the middle of the key.
    package var inside: Stamp?
    /// Only keys below this one; nil: to the end.
    package var before: [UInt8]?
    /// Rolls up keys behind `prefix`: of each common prefix come the rows up to the first live one, then it is jumped.
    package var delimiter: [UInt8] = []
    /// True: all rows of each key, for listings of versions. False: of each key the chain from its newest row to the
    /// one that is current.
    package var allVersions = false
    /// Keys at most; the page says whether there are more.
    package var limit: Int
    /// Asks for the digest of the page, with this seed, instead of the page.
    package var digestSeed: UInt64?

    package init(bucket: BucketID, limit: Int) {
        self.bucket = bucket
        self.limit = limit
    }
}
