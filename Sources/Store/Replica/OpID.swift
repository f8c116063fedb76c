/// The name of one operation, random and never used again: it tells two rows with one stamp apart, and names the bytes
/// that were staged for a row before it is committed.
package struct OpID: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    /// Of rows that were written before there were others to tell.
    package static let none = OpID(high: 0, low: 0)

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func < (a: OpID, b: OpID) -> Bool { a.high != b.high ? a.high < b.high : a.low < b.low }
}
