/// What a holder answers. What has a row or a view in it is boxed, for the reason of `ReplicaRequest`.
package enum ReplicaReply: Sendable {
    indirect case view(KeyView)
    case stored(Stored)
    /// The ballot is promised; what was accepted in this instance before comes along.
    indirect case promised(accepted: Proposal?)
    case accepted
    /// The change is not based on what is here: the holder missed rows (push them), or has newer ones (the instance is
    /// over: read again), or tells a settled tombstone from none (`KeyBase`).
    indirect case elsewhere(KeyView)
    /// A higher ballot was promised; to a commit: a create is not resolved yet that was accepted above the row, and
    /// judged without it.
    case outbid(Ballot)
    /// Raw rows, in the order of the stamps that were asked for; those that are gone are left out.
    case rows([Row])
    indirect case scanned(ScanPage)
    /// What the page would have been.
    case digested(PageDigest)
    case refused(Refusal)
}

/// What became of a commit. All of them are durable when answered.
package enum Stored: UInt8, Sendable {
    /// Row and bytes are here.
    case complete = 0
    /// The row is here, its bytes are not: it counts as a vote on the order, not as a copy.
    case withoutBytes = 1
    /// A newer row made it void, or it was here already.
    case superseded = 2
}

package enum Refusal: Error, Sendable, Hashable {
    /// The holder knows a later epoch for this partition.
    case staleEpoch(UInt64)
    /// The holder has not heard of this epoch yet.
    case unknownEpoch(UInt64)
    /// The holder has no place in the partition, or lost what it had and was not let in again.
    case notHolder
    /// The bucket is being deleted, or is.
    case bucketClosed
    case diskFull
    case overloaded
    case closed
    /// The row breaks a rule of its key (a limit, a stamp below the floor): a fault of the caller.
    case invalid
    /// What was read here does not match its checksum; another holder has to answer.
    case damaged
}

package struct Proposal: Sendable {
    package let ballot: Ballot
    package let row: Row

    package init(ballot: Ballot, row: Row) {
        self.ballot = ballot
        self.row = row
    }
}

/// What a holder has of a key.
package struct KeyView: Sendable {
    /// Newest first, what decides the answer (`KeyRows.chain`). `.current`: from the newest row down to and with the
    /// current one, all rows of the key when there is none. `.null` and `.stamp`: the newest row of the key, the rows of
    /// the null class and the rows about that version. A key that nobody wrote has none.
    package var chain: [RowRef]
    /// The version that was asked for, tags of later rows applied; nil if the holder has none that lives. Tombstones are
    /// none, delete markers are versions. Without bytes (`.absent`) unless asked for and small (of uploads see `LookDepth.body`); nil for `.stamps`.
    package var found: Row?

    package init(chain: [RowRef], found: Row?) {
        self.chain = chain
        self.found = found
    }

    package var top: Stamp? { chain.first?.stamp }
}

package struct ScanPage: Sendable {
    /// In the order of keys; of each key newest first. Bodies are `.absent`.
    package var rows: [Row]
    /// There are keys behind the last one.
    package var isTruncated: Bool
    /// The page has one key, and not all of its rows: it goes on with `ScanQuery.inside`.
    package var isCut = false

    package init(rows: [Row], isTruncated: Bool) {
        self.rows = rows
        self.isTruncated = isTruncated
    }
}
