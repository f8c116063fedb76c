internal import NIOCore
package import Store
package import Swim

/// What the layout's driver needs of this node's store.
package protocol LayoutDisk: Sendable {
    /// Random, of the data directory: another one means that what the node had is gone.
    var storeID: UInt64 { get }
    /// The highest time word that the store ever gave out.
    var lastTime: UInt64 { get async }
    /// The decided row of the layout, as far as this node knows it.
    func layoutRow() async throws -> Row?
    /// Writes the layout of a node that founds a mesh.
    func found(_ layout: Layout) async throws
    /// Forgets the small state of a mesh of its own, if nothing else is here; false: there are buckets.
    func forgetOwnMesh() async throws -> Bool
    /// Keeps a decided row; a newer one that is here wins.
    func keep(_ row: Row) async throws
    /// Behind all writes that were queued before, the store goes by this layout.
    func adopt(_ layout: Layout, own: NodeID) async throws
}

/// Where layouts are decided: the register `layout` of small state, whose acceptors are the voters.
package protocol LayoutRegister: Sendable {
    /// Proposes a successor of the present layout. The row that was decided, this one or another; nil when that is not
    /// known.
    func propose(_ layout: Layout) async -> Row?
}

extension Layout {
    /// The row that holds the layout.
    package static let address = RowAddress(.system, Key("layout"))

    /// A row for the register; its stamp is chosen there.
    package func row(_ op: OpID, nowMillis: UInt64) -> Row {
        var record = Record(
            bucket: Self.address.bucket,
            key: Self.address.key,
            stamp: .zero,
            kind: .object,
            isNull: true,
            size: 0,
            etag: ETag(high: 0, low: 0),
            body: .empty,
            attributes: Array(encoded.readableBytesView),
            tags: [],
            modifiedMillis: nowMillis
        )
        record.op = op
        return Row(record: record, body: .empty)
    }

    /// Nil: the row holds no layout.
    package init?(_ row: Row) { self.init(encoded: ByteBuffer(bytes: row.record.attributes)) }
}
