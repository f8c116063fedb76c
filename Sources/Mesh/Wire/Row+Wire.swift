package import NIOCore
package import Store

/// ```
/// kind 1 | flags 1 | stamp 20 | op 16 | target 20? | bucket 8 | key 4+n
/// size 8 | etag 8 8 4 | modified 8 | attributes 4+n | tags 4+n | body
/// ```
/// What a row is on this disk does not travel: `record.body` comes out as `.empty`.
extension Row: WireValue {
    /// With nothing in what may be empty.
    package static let leastBytes = 95

    package var sizeHint: Int {
        let fields = record.key.bytes.count + record.attributes.count + record.tags.count
        return Self.leastBytes + Stamp.leastBytes + fields + body.sizeHint
    }

    package func write(into buffer: inout ByteBuffer) {
        ref.write(into: &buffer)
        address.write(into: &buffer)
        buffer.writeMultipleIntegers(
            record.size,
            record.etag.high,
            record.etag.low,
            record.etag.parts,
            record.modifiedMillis
        )
        buffer.writeCounted(record.attributes)
        buffer.writeCounted(record.tags)
        body.write(into: &buffer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let ref = try RowRef(from: &buffer)
        let address = try RowAddress(from: &buffer)
        guard
            let (size, high, low, parts, modified) = buffer.readMultipleIntegers(
                as: (UInt64, UInt64, UInt64, UInt32, UInt64).self
            )
        else { throw WireError() }
        var record = Record(
            bucket: address.bucket,
            key: address.key,
            stamp: ref.stamp,
            kind: ref.kind,
            isNull: ref.isNull,
            size: size,
            etag: ETag(high: high, low: low, parts: parts),
            body: .empty,
            attributes: try buffer.counted(max: WireLimit.fieldBytes),
            tags: try buffer.counted(max: WireLimit.fieldBytes),
            modifiedMillis: modified
        )
        record.op = ref.op
        record.target = ref.target
        self.init(record: record, body: try RowBody(from: &buffer))
    }
}

/// `0` empty, `1 | bytes 4+n`, `2` staged, `3 | parts 4+n·(…)`, `4` absent, `5` handed over. Small bodies come out
/// as slices of the payload.
extension RowBody: WireValue {
    package var sizeHint: Int {
        switch self {
        case .empty, .staged, .absent, .handedOver: 1
        case .inline(let bytes): 5 + bytes.readableBytes
        case .parts(let names): names.reduce(5) { $0 + PartName.leastBytes + $1.attributes.count }
        }
    }

    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .empty: buffer.writeInteger(0 as UInt8)
        case .inline(let bytes):
            buffer.writeInteger(1 as UInt8)
            buffer.writeInteger(UInt32(bytes.readableBytes))
            buffer.writeImmutableBuffer(bytes)
        case .staged: buffer.writeInteger(2 as UInt8)
        case .parts(let names):
            buffer.writeInteger(3 as UInt8)
            buffer.writeList(names)
        case .absent: buffer.writeInteger(4 as UInt8)
        case .handedOver: buffer.writeInteger(5 as UInt8)
        }
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        switch try buffer.number(UInt8.self) {
        case 0: self = .empty
        case 1: self = .inline(try buffer.countedSlice(max: buffer.readableBytes))
        case 2: self = .staged
        case 3: self = .parts(try buffer.list(bytesMin: PartName.leastBytes, max: WireLimit.parts))
        case 4: self = .absent
        case 5: self = .handedOver
        default: throw WireError()
        }
    }
}

/// `number 2 | op 16 | size 8 | attributes 4+n`
extension PartName: WireValue {
    package static let leastBytes = 30

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(number)
        op.write(into: &buffer)
        buffer.writeInteger(size)
        buffer.writeCounted(attributes)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(
            number: try buffer.number(),
            op: try OpID(from: &buffer),
            size: try buffer.number(),
            attributes: try buffer.counted(max: WireLimit.fieldBytes)
        )
    }
}
