package import NIOCore
package import Store
package import Swim

/// The road from a coordinator to the nodes that hold rows, itself included.
///
/// Every answer comes exactly once, from any thread, and never while the asker is still inside the call of another one's
/// lock: askers hold none when they ask. Nil and false mean that nobody knows what became of it.
package protocol Holders: Sendable {
    var own: NodeID { get }

    func call(
        _ node: NodeID,
        _ call: ReplicaCall,
        timeoutMicros: UInt64,
        _ done: @escaping @Sendable (ReplicaReply?) -> Void
    )

    /// Takes one chunk of a body that no row names yet. Chunks of one operation may be under way together.
    func stage(_ node: NodeID, _ chunk: StagedChunk, _ done: @escaping @Sendable (Bool) -> Void)
    /// Makes the staged bytes durable, if all `chunks` of them came.
    func finishStage(_ node: NodeID, _ op: OpID, chunks: UInt32, _ done: @escaping @Sendable (Bool) -> Void)
    func unstage(_ node: NodeID, _ op: OpID)
    /// Bytes of a version, from a holder that may have them.
    func read(_ node: NodeID, _ piece: BodyPiece, _ done: @escaping @Sendable (PieceAnswer) -> Void)

    /// Brings this node and one that refused its epoch to the same layout. False: it could not be done.
    func align(_ node: NodeID, _ refusal: Store.Refusal, _ done: @escaping @Sendable (Bool) -> Void)

    /// Durably, whether the node takes writes to a bucket.
    func setClosed(_ node: NodeID, _ bucket: BucketID, _ isClosed: Bool, _ done: @escaping @Sendable (Bool) -> Void)
    /// Brings a decided row of small state to the node's own copy; false: it did not take it, or too late.
    func tell(_ node: NodeID, _ row: Row, timeoutMicros: UInt64, _ done: @escaping @Sendable (Bool) -> Void)
    /// Asks a node that has these rows to bring them to those who missed them.
    func hint(_ node: NodeID, _ missed: [MissedRow])

    /// The same nodes, those that will answer soonest first.
    func ranked(_ nodes: [NodeID]) -> [NodeID]
    /// Whether the node will answer, as far as this one knows.
    func isExpected(_ node: NodeID) -> Bool
}

extension Holders {
    package func isExpected(_ node: NodeID) -> Bool { true }
}

/// A piece of a body on its way to a holder, under the name of the operation that will commit it.
package struct StagedChunk: Sendable {
    package let op: OpID
    /// From 0, without gaps.
    package let number: UInt32
    /// `BlobWriter.chunkBytes`, less only in the last one.
    package let bytes: ByteBuffer

    package init(op: OpID, number: UInt32, bytes: ByteBuffer) {
        self.op = op
        self.number = number
        self.bytes = bytes
    }
}

/// Bytes `offset..<offset + count` of one version.
package struct BodyPiece: Sendable {
    /// One answer fits into a frame between nodes.
    package static let countMax = BlobWriter.chunkBytes

    package let address: RowAddress
    package let stamp: Stamp
    package let offset: UInt64
    package let count: Int

    package init(address: RowAddress, stamp: Stamp, offset: UInt64, count: Int) {
        self.address = address
        self.stamp = stamp
        self.offset = offset
        self.count = count
    }
}

package enum PieceAnswer: Sendable {
    /// Exactly as many as were asked for, verified.
    case bytes(ByteBuffer)
    /// The holder has no such version, or not its bytes.
    case gone
    case failed
}

/// A row that a holder did not acknowledge.
package struct MissedRow: Sendable {
    package let node: NodeID
    package let address: RowAddress
    package let stamp: Stamp

    package init(node: NodeID, address: RowAddress, stamp: Stamp) {
        self.node = node
        self.address = address
        self.stamp = stamp
    }
}
