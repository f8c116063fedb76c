/// What the row of an upload (space `.upload`) has in its attributes: the state of a register that any node may carry
/// on. An upload that is done or aborted is a tombstone, and with it go the rows of its parts.
///
/// The tags of the object to be are the row's own; the time of initiation and the id are in its key (`UploadKey`).
package struct UploadRow: Sendable {
    /// What the finished object will carry, in Mesh's encoding; opaque here.
    package var attributes: [UInt8]
    /// Nil: open for parts. Else the object that the parts are being made, decided once.
    package var completion: Completion?

    /// One manifest has won: no other can, and nobody can abort until it is written or found impossible.
    package struct Completion: Sendable, Hashable {
        /// The stamp of the object's row. Of a conditional completion it is the successor of what the condition held of.
        package var stamp: Stamp
        package var isConditional: Bool
        /// The operation of the object's row: whoever finishes it writes the same.
        package var op: OpID
        package var parts: [PartName]
        package var size: UInt64
        package var etag: ETag
        package var attributes: [UInt8]
        package var isNull: Bool
        package var modifiedMillis: UInt64

        package init(
            stamp: Stamp,
            isConditional: Bool,
            op: OpID,
            parts: [PartName],
            size: UInt64,
            etag: ETag,
            attributes: [UInt8],
            isNull: Bool,
            modifiedMillis: UInt64
        ) {
            self.stamp = stamp
            self.isConditional = isConditional
            self.op = op
            self.parts = parts
            self.size = size
            self.etag = etag
            self.attributes = attributes
            self.isNull = isNull
            self.modifiedMillis = modifiedMillis
        }
    }

    package init(attributes: [UInt8], completion: Completion? = nil) {
        self.attributes = attributes
        self.completion = completion
    }

    /// Nil: the record is no unfinished upload, or of a later form.
    package init?(_ record: Record) {
        guard record.kind == .object else { return nil }
        self.init(encoded: record.attributes)
    }

    package var encoded: [UInt8] {
        var bytes = ByteWriter(capacity: 8 + attributes.count + (completion?.parts.count ?? 0) * 48)
        bytes.counted(attributes)
        bytes.number(UInt8(completion == nil ? 0 : 1))
        guard let completion else { return bytes.bytes }
        bytes.number(completion.stamp.t)
        bytes.number(completion.stamp.w)
        bytes.number(completion.stamp.q)
        bytes.number(UInt8((completion.isConditional ? 1 : 0) | (completion.isNull ? 2 : 0)))
        bytes.number(completion.op.high)
        bytes.number(completion.op.low)
        bytes.number(completion.size)
        bytes.number(completion.etag.high)
        bytes.number(completion.etag.low)
        bytes.number(completion.etag.parts)
        bytes.number(completion.modifiedMillis)
        bytes.counted(completion.attributes)
        for part in completion.parts {
            bytes.number(part.number)
            bytes.number(part.op.high)
            bytes.number(part.op.low)
            bytes.number(part.size)
            bytes.counted(part.attributes)
        }
        return bytes.bytes
    }

    /// Nil: not such bytes, or of a later form.
    package init?(encoded: [UInt8]) {
        guard let row = encoded.withUnsafeBytes({ try? Self.decode($0) }) else { return nil }
        self = row
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> UploadRow {
        var bytes = ByteScanner(bytes)
        var row = UploadRow(attributes: try bytes.counted())
        switch try bytes.number(UInt8.self) {
        case 0:
            try bytes.end()
            return row
        case 1: break
        default: throw Malformed()
        }
        let stamp = Stamp(t: try bytes.number(), w: try bytes.number(), q: try bytes.number())
        let flags = try bytes.number(UInt8.self)
        guard flags < 4 else { throw Malformed() }
        let op = OpID(high: try bytes.number(), low: try bytes.number())
        let size = try bytes.number(UInt64.self)
        let etag = ETag(high: try bytes.number(), low: try bytes.number(), parts: try bytes.number())
        let modified = try bytes.number(UInt64.self)
        let attributes = try bytes.counted()
        var parts: [PartName] = []
        while bytes.remaining > 0 {
            parts.append(
                PartName(
                    number: try bytes.number(),
                    op: OpID(high: try bytes.number(), low: try bytes.number()),
                    size: try bytes.number(),
                    attributes: try bytes.counted()
                )
            )
        }
        row.completion = Completion(
            stamp: stamp,
            isConditional: flags & 1 != 0,
            op: op,
            parts: parts,
            size: size,
            etag: etag,
            attributes: attributes,
            isNull: flags & 2 != 0,
            modifiedMillis: modified
        )
        return row
    }
}
