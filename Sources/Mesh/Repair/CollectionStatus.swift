package import NIOCore

/// How far a member is with the round of collection in its epoch: part of what it says of its sync.
///
/// `clean 1 | listed 1 | rows 4 | highest 8`
package struct CollectionStatus: WireValue, Sendable, Equatable {
    /// It has nothing that it is not to have: nothing old can come from it.
    package var isClean = false
    /// It has listed what may go of the partitions that it lists, all holders have agreed, and all were told.
    package var isListed = false
    package var rows: UInt32 = 0
    /// The highest time word among them.
    package var highest: UInt64 = 0

    package init(isClean: Bool = false, isListed: Bool = false, rows: UInt32 = 0, highest: UInt64 = 0) {
        self.isClean = isClean
        self.isListed = isListed
        self.rows = rows
        self.highest = highest
    }

    package var sizeHint: Int { 14 }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(isClean ? 1 as UInt8 : 0, isListed ? 1 as UInt8 : 0, rows, highest)
    }

    package init(from buffer: inout ByteBuffer) throws(WireError) {
        isClean = try buffer.flag()
        isListed = try buffer.flag()
        rows = try buffer.number()
        highest = try buffer.number()
    }
}
