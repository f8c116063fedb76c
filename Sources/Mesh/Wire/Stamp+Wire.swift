package import NIOCore
package import Store

/// `t 8 | w 8 | q 4`
extension Stamp: WireValue {
    package static let leastBytes = 20

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(t, w, q)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        guard let (t, w, q) = buffer.readMultipleIntegers(as: (UInt64, UInt64, UInt32).self) else { throw WireError() }
        self.init(t: t, w: w, q: q)
    }
}

/// `high 8 | low 8`
extension OpID: WireValue {
    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(high, low)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(high: try buffer.number(), low: try buffer.number())
    }
}

/// `round 8 | proposer 8`
extension Ballot: WireValue {
    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(round, proposer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(round: try buffer.number(), proposer: try buffer.number())
    }
}

/// `bucket 8 | key 4+n`
extension RowAddress: WireValue {
    package static let leastBytes = 12

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(bucket.rawValue)
        buffer.writeCounted(key.bytes)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(
            BucketID(rawValue: try buffer.number()),
            Key(try buffer.counted(max: WireLimit.keyBytes))
        )
    }
}

/// `kind 1 | flags 1 | stamp 20 | op 16 | target 20?`; flags: 1 the version is `null`, 2 there is a target.
extension RowRef: WireValue {
    package static let leastBytes = 38

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(kind.rawValue, RowFlags.of(isNull: isNull, target: target))
        stamp.write(into: &buffer)
        op.write(into: &buffer)
        target?.write(into: &buffer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let kind = try buffer.choice(Record.Kind.self)
        let flags = try RowFlags(from: &buffer)
        self.init(
            stamp: try Stamp(from: &buffer),
            op: try OpID(from: &buffer),
            kind: kind,
            isNull: flags.isNull,
            target: flags.hasTarget ? try Stamp(from: &buffer) : nil
        )
    }
}

/// The byte of flags that rows and their references share.
struct RowFlags {
    let isNull: Bool
    let hasTarget: Bool

    static func of(isNull: Bool, target: Stamp?) -> UInt8 { (isNull ? 1 : 0) | (target == nil ? 0 : 2) }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        let byte = try buffer.number(UInt8.self)
        guard byte < 4 else { throw WireError() }
        isNull = byte & 1 != 0
        hasTarget = byte & 2 != 0
    }
}

/// `0` the current version, `1` the one called `null`, `2 | stamp 20`
extension VersionSelector: WireValue {
    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .current: buffer.writeInteger(0 as UInt8)
        case .null: buffer.writeInteger(1 as UInt8)
        case .stamp(let stamp):
            buffer.writeInteger(2 as UInt8)
            stamp.write(into: &buffer)
        }
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        switch try buffer.number(UInt8.self) {
        case 0: self = .current
        case 1: self = .null
        case 2: self = .stamp(try Stamp(from: &buffer))
        default: throw WireError()
        }
    }
}
