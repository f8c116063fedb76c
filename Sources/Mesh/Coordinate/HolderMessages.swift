package import NIOCore
internal import Store
internal import Swim

/// What coordinators ask of holders beside replica calls; the numbers are those of the links.
enum HolderMethod: UInt8 {
    case replica = 1
    case stage = 2
    case finishStage = 3
    case read = 4
    case setClosed = 15
    case unstage = 16
    case hint = 18
    case tell = 21
}

/// `op 16 | number 4 | checksum 8 | bytes`, the bytes to the end.
extension StagedChunk: WireValue {
    package var sizeHint: Int { 28 + bytes.readableBytes }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(op.high, op.low, number, bytes.chunkChecksum)
        buffer.writeImmutableBuffer(bytes)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let op = OpID(high: try buffer.number(), low: try buffer.number())
        let number = try buffer.number(UInt32.self)
        let checksum = try buffer.number(UInt64.self)
        guard buffer.readableBytes <= BlobWriter.chunkBytes, let bytes = buffer.readSlice(length: buffer.readableBytes),
            bytes.chunkChecksum == checksum
        else { throw WireError() }
        self.init(op: op, number: number, bytes: bytes)
    }
}

/// `op 16 | chunks 4`
struct StageEnd: WireValue {
    let op: OpID
    let chunks: UInt32

    func write(into buffer: inout ByteBuffer) { buffer.writeMultipleIntegers(op.high, op.low, chunks) }

    init(op: OpID, chunks: UInt32) {
        self.op = op
        self.chunks = chunks
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        op = OpID(high: try buffer.number(), low: try buffer.number())
        chunks = try buffer.number()
    }
}

/// `address | stamp 20 | offset 8 | count 4`
extension BodyPiece: WireValue {
    package func write(into buffer: inout ByteBuffer) {
        address.write(into: &buffer)
        stamp.write(into: &buffer)
        buffer.writeMultipleIntegers(offset, UInt32(count))
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(
            address: try RowAddress(from: &buffer),
            stamp: try Stamp(from: &buffer),
            offset: try buffer.number(),
            count: Int(try buffer.number(UInt32.self))
        )
    }
}

/// `0 failed | 1 gone | 2 checksum 8 bytes`, the bytes to the end.
extension PieceAnswer: WireValue {
    package var sizeHint: Int {
        if case .bytes(let bytes) = self { 9 + bytes.readableBytes } else { 1 }
    }

    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .failed: buffer.writeInteger(0 as UInt8)
        case .gone: buffer.writeInteger(1 as UInt8)
        case .bytes(let bytes):
            buffer.writeMultipleIntegers(2 as UInt8, bytes.chunkChecksum)
            buffer.writeImmutableBuffer(bytes)
        }
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        switch try buffer.number(UInt8.self) {
        case 0: self = .failed
        case 1: self = .gone
        case 2:
            let checksum = try buffer.number(UInt64.self)
            guard let bytes = buffer.readSlice(length: buffer.readableBytes), bytes.chunkChecksum == checksum else {
                throw WireError()
            }
            self = .bytes(bytes)
        default: throw WireError()
        }
    }
}

/// `bucket 8 | closed 1`
struct BucketClosing: WireValue {
    let bucket: BucketID
    let isClosed: Bool

    func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(bucket.rawValue, isClosed ? 1 as UInt8 : 0)
    }

    init(bucket: BucketID, isClosed: Bool) {
        self.bucket = bucket
        self.isClosed = isClosed
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        bucket = BucketID(rawValue: try buffer.number())
        isClosed = try buffer.flag()
    }
}

/// `node 16 | address | stamp 20`
extension MissedRow: WireValue {
    /// Of one, with an empty key.
    static let leastBytes = 48
    /// Rows in one message.
    static let countMax = 1024

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(node.high, node.low)
        address.write(into: &buffer)
        stamp.write(into: &buffer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(
            node: NodeID(high: try buffer.number(), low: try buffer.number()),
            address: try RowAddress(from: &buffer),
            stamp: try Stamp(from: &buffer)
        )
    }
}
