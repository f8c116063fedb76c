package import NIOCore
package import Store
package import Swim

/// The way from this node's repair to that of another: one question, one answer.
package protocol RepairLine: Sendable {
    func ask(_ node: NodeID, _ method: RepairMethod, _ payload: ByteBuffer) async throws(RepairFailure) -> ByteBuffer
    /// Exactly `count` bytes of a row's body, at most `BlobWriter.chunkBytes`, verified by who has them.
    func bytes(
        _ node: NodeID,
        _ name: RowName,
        from offset: UInt64,
        count: Int
    ) async throws(RepairFailure) -> ByteBuffer
}

/// What repair asks of others; the numbers are those of the links.
package enum RepairMethod: UInt8, Sendable, CaseIterable {
    case layoutGet = 5
    case layoutOffer = 6
    case walk = 7
    case digests = 8
    case rows = 9
    case merge = 10
    case instances = 11
    case syncStatus = 12
    case smallState = 13
    case standing = 17
    case spent = 19
    case collect = 20
    case closedBuckets = 23

    /// Asked also of and by nodes without a place in the mesh: how they learn of it, and are let in.
    package var isOpen: Bool {
        switch self {
        case .layoutGet, .layoutOffer, .syncStatus: true
        case .walk, .digests, .rows, .merge, .instances, .smallState, .standing, .spent, .collect, .closedBuckets:
            false
        }
    }
}

package enum RepairFailure: Error, Sendable, Hashable {
    /// No connection, no answer in time, or too much is asked of the link already.
    case unreachable
    /// The peer does not serve the question: its build does not know it, or this node is an outsider to it.
    case unserved
    /// The peer answered that it does not do this now.
    case refused(Store.Refusal)
    /// The answer is not one.
    case malformed
    /// This node's own disk failed, or is closed.
    case disk(String)
    /// The layout changed meanwhile; what was begun under the old one is not finished.
    case superseded
}

/// What repair needs of this node's store. Every call may take its time and none blocks a thread of the caller.
package protocol RepairDisk: Sendable {
    /// The sums of all partitions, the one of small state last; nil while the start-up scan runs.
    func roots() -> [DigestSum]?
    /// The 256 sums of one partition.
    func leaves(of partition: Partition) -> [DigestSum]?
    /// The next rows of these leaves in one pass over the table.
    func walk(_ leaves: LeafSet, after: WalkPlace?, limit: Int) async throws -> WalkPage
    /// What became of each row here: in order.
    func standing(of rows: [RowSight]) async throws -> [RowStanding]
    /// A row with its small body. Larger bodies are `.absent`, or `.parts` with their names.
    func row(_ name: RowName) async throws -> Row?
    /// Takes rows in one transaction; nil when nothing was taken: the epoch, that which was known before the rows were
    /// read, is over.
    func merge(_ rows: [Row], epoch: UInt64) async -> [Stored]?

    func instances(of partitions: Set<Partition>) async throws -> [OpenInstance]
    /// False: the epoch in which they were read is over.
    func merge(_ instances: [OpenInstance], epoch: UInt64) async throws -> Bool

    /// Rows whose bytes should be here and are not, behind `after` in the order of addresses.
    func wanted(after: RowName?, limit: Int) async throws -> [RowName]
    var wantedCount: Int { get }
    /// A stream for fetched bytes, under a name that nobody else uses.
    func stage(_ op: OpID) throws -> any RepairStream
    func unstage(_ op: OpID)
    /// The staged streams, one for each part or one for all, are the row's body from now on.
    func supply(_ name: RowName, _ ops: [OpID]) async throws
    /// The bytes of a part are wanted no more if an object here became of it. Whether it is so.
    func waiveBytes(of name: RowName) async throws -> Bool

    func hints(for peer: NodeID, limit: Int) async throws -> [RowName]
    func removeHints(for peer: NodeID, _ rows: [RowName]) async throws
    /// How many rows wait for whom.
    func hintCounts() -> [NodeID: Int]
    /// The next tombstones and removals of these partitions that might be collected, in one pass over the table.
    func spentRows(
        _ partitions: Set<Partition>,
        _ cut: CollectionCut,
        after: WalkPlace?,
        limit: Int
    ) async throws -> (rows: [SpentRow], next: WalkPlace?)
    /// What such rows are here: in order.
    func standing(ofSpent rows: [SpentRow]) async throws -> [SpentStanding]
    /// Forgets those of them that still say nothing, if the store goes by this epoch; how many went.
    func collect(_ rows: [SpentRow], epoch: UInt64) async throws -> Int
    /// Rows here that are no versions: 0 when there is nothing to collect.
    var marksCount: Int { get }
    /// Forgets rows that this node has no place for any more.
    func drop(_ rows: [RowName]) async throws
    /// Buckets that take no writes because somebody deletes them, or did.
    func closedBuckets() async throws -> [BucketID]
    /// Buckets that are gone for good: not among `closedBuckets`.
    var buriedBuckets: Set<BucketID> { get }
    /// They take no writes from now on. Durable when it returns.
    func closeBuckets(_ buckets: [BucketID]) async throws
    /// They are gone for good, and what is here of them goes. Durable when it returns.
    func buryBuckets(_ buckets: [BucketID]) async throws
    /// Objects and bytes that are here, for progress.
    var load: (objects: UInt64, bytes: UInt64) { get }
}

/// Takes the bytes of one stream in order, in chunks of `BlobWriter.chunkBytes`, only the last of which may be shorter.
package protocol RepairStream: Sendable {
    func append(_ chunk: ByteBuffer) async throws
    /// The bytes are durable when this returns.
    func finish() async throws
}

/// A row by its place.
package struct RowName: Hashable, Sendable {
    package var address: RowAddress
    package var stamp: Stamp

    package init(_ address: RowAddress, _ stamp: Stamp) {
        self.address = address
        self.stamp = stamp
    }
}

/// A row as a walk shows it: enough to know whether somebody else needs it.
package struct RowSight: Hashable, Sendable {
    package var address: RowAddress
    package var ref: RowRef
    package var size: UInt64
    package var hasBytes: Bool

    package init(_ address: RowAddress, _ ref: RowRef, size: UInt64, hasBytes: Bool) {
        self.address = address
        self.ref = ref
        self.size = size
        self.hasBytes = hasBytes
    }

    package var name: RowName { RowName(address, ref.stamp) }
}

package struct WalkPage: Sendable {
    package var rows: [RowSight]
    /// Nil when the walk has come to its end.
    package var next: WalkPlace?

    package init(rows: [RowSight], next: WalkPlace?) {
        self.rows = rows
        self.next = next
    }
}

/// Where a walk goes on; only the store that made it can read it.
package struct WalkPlace: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
}
