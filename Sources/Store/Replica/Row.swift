package import NIOCore

/// One change to a key as it travels between nodes: immutable, placed by its stamp in the one order of its key.
///
/// The state of a key on a node is a set of rows in normal form (`KeyRules`), and two sets merge by union: rows may
/// come in any order, twice, and over any road.
package struct Row: Sendable, Hashable {
    /// `record.body` says nothing here; `body` does.
    package var record: Record
    package var body: RowBody

    package init(record: Record, body: RowBody) {
        self.record = record
        self.body = body
    }

    package var address: RowAddress { RowAddress(record.bucket, record.key) }
    package var stamp: Stamp { record.stamp }
    package var ref: RowRef {
        RowRef(stamp: record.stamp, op: record.op, kind: record.kind, isNull: record.isNull, target: record.target)
    }

    package static func == (a: Row, b: Row) -> Bool { a.ref == b.ref && a.address == b.address }
    package func hash(into hasher: inout Hasher) { hasher.combine(ref) }
}

/// The bytes of a row, by names that every node understands.
package enum RowBody: Sendable, Hashable {
    case empty
    case inline(ByteBuffer)
    /// Staged under the row's `record.op` before the row came. Of an upload that is being completed, in an answer: the
    /// bytes of its parts are here.
    case staged
    /// Parts of a completed upload, in order. Their bytes are in the part rows of the upload, or staged by their names.
    case parts([PartName])
    /// Not sent along: a row that is only compared, or one whose bytes the sender does not have.
    case absent
    /// Of an upload that is being completed, in an answer: bytes of its parts are those of the object, which was made.
    case handedOver
}

/// One part of a completed upload, by its mesh-wide name.
package struct PartName: Sendable, Hashable {
    package let number: UInt16
    /// The operation that wrote the part.
    package let op: OpID
    package let size: UInt64
    /// Its checksums, in Mesh's encoding; opaque here.
    package let attributes: [UInt8]

    package init(number: UInt16, op: OpID, size: UInt64, attributes: [UInt8]) {
        self.number = number
        self.op = op
        self.size = size
        self.attributes = attributes
    }
}

/// What the rules of a key need to know of a row.
package struct RowRef: Sendable, Hashable {
    package let stamp: Stamp
    package let op: OpID
    package let kind: Record.Kind
    package let isNull: Bool
    /// The version that a change row is about.
    package let target: Stamp?

    package init(stamp: Stamp, op: OpID, kind: Record.Kind, isNull: Bool, target: Stamp? = nil) {
        self.stamp = stamp
        self.op = op
        self.kind = kind
        self.isNull = isNull
        self.target = target
    }
}
