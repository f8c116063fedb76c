package import NIOCore
package import Store

/// What two nodes' repair say to each other. Each question carries the epoch that the asker goes by: a node that has not
/// taken up that epoch refuses, so what it answers counts as said behind its fences.
enum RepairMessage {
    /// Room in a frame, with some to spare.
    static let bytesMax = 1 << 20
    /// Rows in one page of a walk, one question or one transaction.
    static let rowsMax = 512

    /// `1 | answer`, or `0 | refusal`
    static func answer(_ value: some WireValue) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 1 + value.sizeHint)
        buffer.writeInteger(1 as UInt8)
        value.write(into: &buffer)
        return buffer
    }

    static func refusal(_ refusal: Store.Refusal) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(0 as UInt8)
        refusal.write(into: &buffer)
        return buffer
    }
}

/// `epoch 8 | question`
struct RepairQuestion<Body: WireValue>: WireValue {
    let epoch: UInt64
    let body: Body

    init(epoch: UInt64, _ body: Body) {
        self.epoch = epoch
        self.body = body
    }

    var sizeHint: Int { 8 + body.sizeHint }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(epoch)
        body.write(into: &buffer)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        epoch = try buffer.number()
        body = try Body(from: &buffer)
    }
}

// MARK: Walks

/// `leaves | from 1+(4+n)? | limit 2`
struct WalkQuestion: WireValue {
    var leaves: LeafSet
    var after: WalkPlace?
    var limit: UInt16

    var sizeHint: Int { 64 + leaves.partitions.count * 35 }

    init(_ leaves: LeafSet, after: WalkPlace?, limit: UInt16) {
        self.leaves = leaves
        self.after = after
        self.limit = limit
    }

    func write(into buffer: inout ByteBuffer) {
        leaves.write(into: &buffer)
        buffer.writeOptional(after)
        buffer.writeInteger(limit)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        leaves = try LeafSet(from: &buffer)
        after = try buffer.optional()
        limit = try buffer.number()
    }
}

extension WalkPlace: WireValue {
    private static let bytesMax = 8192

    package func write(into buffer: inout ByteBuffer) { buffer.writeCounted(bytes) }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(bytes: try buffer.counted(max: Self.bytesMax))
    }
}

/// `rows 4+n·(…) | next 1+(4+n)?`
extension WalkPage: WireValue {
    package var sizeHint: Int { rows.reduce(64) { $0 + 120 + $1.address.key.bytes.count } }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeList(rows)
        buffer.writeOptional(next)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(
            rows: try buffer.list(bytesMin: RowSight.leastBytes, max: 8 * RepairMessage.rowsMax),
            next: try buffer.optional()
        )
    }
}

/// `address | row | size 8 | has bytes 1`
extension RowSight: WireValue {
    static let leastBytes = RowAddress.leastBytes + RowRef.leastBytes + 9

    package var sizeHint: Int { Self.leastBytes + Stamp.leastBytes + address.key.bytes.count }

    package func write(into buffer: inout ByteBuffer) {
        address.write(into: &buffer)
        ref.write(into: &buffer)
        buffer.writeInteger(size)
        buffer.writeInteger(hasBytes ? 1 as UInt8 : 0)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let address = try RowAddress(from: &buffer)
        let ref = try RowRef(from: &buffer)
        let size = try buffer.number(UInt64.self)
        self.init(address, ref, size: size, hasBytes: try buffer.flag())
    }
}

/// `address | stamp 20`
extension RowName: WireValue {
    static let leastBytes = RowAddress.leastBytes + Stamp.leastBytes

    package var sizeHint: Int { Self.leastBytes + address.key.bytes.count }

    package func write(into buffer: inout ByteBuffer) {
        address.write(into: &buffer)
        stamp.write(into: &buffer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(try RowAddress(from: &buffer), try Stamp(from: &buffer))
    }
}

/// `count 2 | (partition 2 | whole 1 | four words 32?)…`
extension LeafSet: WireValue {
    package func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt16(partitions.count))
        for (partition, bits) in partitions {
            partition.write(into: &buffer)
            buffer.writeInteger(bits == .all ? 1 as UInt8 : 0)
            if bits != .all { for word in bits.words { buffer.writeInteger(word) } }
        }
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init()
        for _ in 0..<(try buffer.number(UInt16.self)) {
            let partition = try Partition(from: &buffer)
            if try buffer.flag() {
                insert(partition, .all)
            } else {
                let words = (
                    try buffer.number(UInt64.self), try buffer.number(UInt64.self), try buffer.number(UInt64.self),
                    try buffer.number(UInt64.self)
                )
                insert(partition, Bits(words: words))
            }
        }
    }
}

extension Partition: WireValue {
    package func write(into buffer: inout ByteBuffer) { buffer.writeInteger(number) }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let number = try buffer.number(UInt16.self)
        guard number < Partition.all else { throw WireError() }
        self.init(number: number)
    }
}

// MARK: Rows and what became of them

/// `values 4+n·(…)`
struct WireList<Value: WireValue>: WireValue {
    var values: [Value]

    init(_ values: [Value]) { self.values = values }

    var sizeHint: Int { values.reduce(8) { $0 + $1.sizeHint } }

    func write(into buffer: inout ByteBuffer) { buffer.writeList(values) }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        values = try buffer.list(bytesMin: 1, max: 8 * RepairMessage.rowsMax)
    }
}

extension RowStanding: WireValue {
    package var sizeHint: Int { 1 }
    package func write(into buffer: inout ByteBuffer) { buffer.writeInteger(rawValue) }
    package init(from buffer: inout ByteBuffer) throws(WireError) { self = try buffer.choice() }
}

extension Stored: WireValue {
    package var sizeHint: Int { 1 }
    package func write(into buffer: inout ByteBuffer) { buffer.writeInteger(rawValue) }
    package init(from buffer: inout ByteBuffer) throws(WireError) { self = try buffer.choice() }
}

/// `seen 4 | rows 4+n·(…)`: of the first `seen` names that were asked for, the rows that are here.
struct RowsAnswer: WireValue {
    var seen: Int
    var rows: [Row]

    init(seen: Int, rows: [Row]) {
        self.seen = seen
        self.rows = rows
    }

    var sizeHint: Int { rows.reduce(8) { $0 + $1.sizeHint } }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(seen))
        buffer.writeList(rows)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        seen = Int(try buffer.number(UInt32.self))
        rows = try buffer.list(bytesMin: Row.leastBytes)
    }
}

/// `address | row`
extension SpentRow: WireValue {
    package var sizeHint: Int { RowSight.leastBytes + address.key.bytes.count }

    package func write(into buffer: inout ByteBuffer) {
        address.write(into: &buffer)
        ref.write(into: &buffer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        let address = try RowAddress(from: &buffer)
        self.init(address, try RowRef(from: &buffer))
    }
}

extension SpentStanding: WireValue {
    package var sizeHint: Int { 1 }
    package func write(into buffer: inout ByteBuffer) { buffer.writeInteger(rawValue) }
    package init(from buffer: inout ByteBuffer) throws(WireError) { self = try buffer.choice() }
}

// MARK: Instances

/// `partitions 4+n·2 | behind 1+n?`
struct InstancesQuestion: WireValue {
    var partitions: [Partition]
    var after: RowAddress?

    init(_ partitions: [Partition], after: RowAddress?) {
        self.partitions = partitions
        self.after = after
    }

    var sizeHint: Int { 64 + 2 * partitions.count }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeList(partitions)
        buffer.writeOptional(after)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        partitions = try buffer.list(bytesMin: 2, max: Partition.all)
        after = try buffer.optional()
    }
}

/// `more 1 | instances 4+n·(…)`
struct InstancesAnswer: WireValue {
    var isTruncated: Bool
    var instances: [OpenInstance]

    init(_ instances: [OpenInstance], isTruncated: Bool) {
        self.instances = instances
        self.isTruncated = isTruncated
    }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(isTruncated ? 1 as UInt8 : 0)
        buffer.writeList(instances)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        isTruncated = try buffer.flag()
        instances = try buffer.list(bytesMin: 1)
    }
}

/// `address | predecessor 1+20? | promised 16 | accepted 1+n?`
extension OpenInstance: WireValue {
    package var sizeHint: Int { 128 + address.key.bytes.count + (accepted?.row.sizeHint ?? 0) }

    package func write(into buffer: inout ByteBuffer) {
        address.write(into: &buffer)
        buffer.writeOptional(predecessor)
        promised.write(into: &buffer)
        buffer.writeOptional(accepted)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        self.init(
            try RowAddress(from: &buffer),
            predecessor: try buffer.optional(),
            promised: try Ballot(from: &buffer),
            accepted: try buffer.optional()
        )
    }
}
