/// The sum of the hashes of rows: two nodes with the same rows have the same sum, whatever the order in which they came,
/// and a row that comes or goes changes it by an addition.
package struct DigestSum: Hashable, Sendable {
    package static let zero = DigestSum(high: 0, low: 0)

    package private(set) var high: UInt64
    package private(set) var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Each half for itself, modulo 2^64.
    package static func += (a: inout DigestSum, b: DigestSum) {
        a.high &+= b.high
        a.low &+= b.low
    }

    package static func -= (a: inout DigestSum, b: DigestSum) {
        a.high &-= b.high
        a.low &-= b.low
    }
}
