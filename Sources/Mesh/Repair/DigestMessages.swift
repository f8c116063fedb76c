package import NIOCore
internal import Store

/// Sums of one node beside those of another one, from coarse to fine. Half of a sum is enough to tell two apart, except
/// at the top, where a mistake would last.
enum DigestQuestion: WireValue {
    /// The asker's own sums of these partitions: which of them are different?
    case roots([Partition], [DigestSum])
    /// Each partition's leaves, in 16 groups of 16.
    case groups([Partition])
    /// The 16 leaves of each of these groups.
    case leaves([LeafGroup])

    var sizeHint: Int {
        switch self {
        case .roots(let partitions, _): 16 + 18 * partitions.count
        case .groups(let partitions): 16 + 2 * partitions.count
        case .leaves(let groups): 16 + 3 * groups.count
        }
    }

    func write(into buffer: inout ByteBuffer) {
        switch self {
        case .roots(let partitions, let sums):
            buffer.writeInteger(1 as UInt8)
            buffer.writeList(partitions)
            for sum in sums { buffer.writeMultipleIntegers(sum.high, sum.low) }
        case .groups(let partitions):
            buffer.writeInteger(2 as UInt8)
            buffer.writeList(partitions)
        case .leaves(let groups):
            buffer.writeInteger(3 as UInt8)
            buffer.writeList(groups)
        }
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        switch try buffer.number(UInt8.self) {
        case 1:
            let partitions: [Partition] = try buffer.list(bytesMin: 2, max: Partition.all)
            var sums: [DigestSum] = []
            sums.reserveCapacity(partitions.count)
            for _ in partitions { sums.append(DigestSum(high: try buffer.number(), low: try buffer.number())) }
            self = .roots(partitions, sums)
        case 2: self = .groups(try buffer.list(bytesMin: 2, max: Partition.all))
        case 3: self = .leaves(try buffer.list(bytesMin: 3, max: LeafGroup.askedMax))
        default: throw WireError()
        }
    }
}

/// Sixteen neighbouring leaves of a partition.
struct LeafGroup: Hashable, Sendable, WireValue {
    static let count = 16
    static let leaves = 16
    /// In one question: the answer fits a frame.
    static let askedMax = 4096

    let partition: Partition
    /// 0 to 15.
    let number: Int

    init(_ partition: Partition, _ number: Int) {
        self.partition = partition
        self.number = number
    }

    var range: Range<Int> { number * Self.leaves..<(number + 1) * Self.leaves }

    func write(into buffer: inout ByteBuffer) {
        partition.write(into: &buffer)
        buffer.writeInteger(UInt8(number))
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        partition = try Partition(from: &buffer)
        number = Int(try buffer.number(UInt8.self))
        guard number < Self.count else { throw WireError() }
    }
}

enum DigestAnswer: WireValue {
    /// The start-up scan is not through.
    case unknown
    /// Partitions whose sums differ from the asker's.
    case different([Partition])
    /// In the order of the question, 16 for each partition or group.
    case sums([UInt64])

    var sizeHint: Int {
        switch self {
        case .unknown: 1
        case .different(let partitions): 8 + 2 * partitions.count
        case .sums(let sums): 8 + 8 * sums.count
        }
    }

    func write(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown: buffer.writeInteger(0 as UInt8)
        case .different(let partitions):
            buffer.writeInteger(1 as UInt8)
            buffer.writeList(partitions)
        case .sums(let sums):
            buffer.writeInteger(2 as UInt8)
            buffer.writeInteger(UInt32(sums.count))
            for sum in sums { buffer.writeInteger(sum) }
        }
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        switch try buffer.number(UInt8.self) {
        case 0: self = .unknown
        case 1: self = .different(try buffer.list(bytesMin: 2, max: Partition.all))
        case 2:
            let count = Int(try buffer.number(UInt32.self))
            guard count <= buffer.readableBytes / 8 else { throw WireError() }
            var sums: [UInt64] = []
            sums.reserveCapacity(count)
            for _ in 0..<count { sums.append(try buffer.number()) }
            self = .sums(sums)
        default: throw WireError()
        }
    }
}

/// How far a node is with what the layout wants of it.
package struct SyncStatus: WireValue, Sendable, Equatable {
    /// The epoch that its store has taken up.
    package var epoch: UInt64
    /// It has everything that it is to hold in that epoch.
    package var isSynced: Bool
    /// Objects and bytes on its disk.
    package var objects: UInt64
    package var bytes: UInt64
    package var storeID: UInt64
    /// What it wants to be in the layout.
    package var zone: String
    package var weight: UInt32
    package var collection: CollectionStatus

    package init(
        epoch: UInt64,
        isSynced: Bool,
        objects: UInt64,
        bytes: UInt64,
        storeID: UInt64,
        zone: String,
        weight: UInt32,
        collection: CollectionStatus = CollectionStatus()
    ) {
        self.epoch = epoch
        self.isSynced = isSynced
        self.objects = objects
        self.bytes = bytes
        self.storeID = storeID
        self.zone = zone
        self.weight = weight
        self.collection = collection
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(epoch, isSynced ? 1 as UInt8 : 0, objects, bytes, storeID, weight)
        buffer.writeCounted(Array(zone.utf8))
        collection.write(into: &buffer)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        epoch = try buffer.number()
        isSynced = try buffer.flag()
        objects = try buffer.number()
        bytes = try buffer.number()
        storeID = try buffer.number()
        weight = try buffer.number()
        zone = String(decoding: try buffer.counted(max: LayoutMember.zoneBytesMax), as: UTF8.self)
        collection = try CollectionStatus(from: &buffer)
    }
}

/// `sum 16? | epoch 8`: what the node has of small state, and which layout.
struct SmallStateAnswer: WireValue {
    var sum: DigestSum?
    var epoch: UInt64

    init(sum: DigestSum?, epoch: UInt64) {
        self.sum = sum
        self.epoch = epoch
    }

    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(sum == nil ? 0 as UInt8 : 1)
        if let sum { buffer.writeMultipleIntegers(sum.high, sum.low) }
        buffer.writeInteger(epoch)
    }

    init(from buffer: inout ByteBuffer) throws(WireError) {
        if try buffer.flag() { sum = DigestSum(high: try buffer.number(), low: try buffer.number()) }
        epoch = try buffer.number()
    }
}
