/// Appends fixed-width integers, big end first.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int) { bytes.reserveCapacity(capacity) }

    package var count: Int { bytes.count }

    package mutating func put(_ value: UInt8) { bytes.append(value) }

    package mutating func put(_ value: UInt16) { put(UInt64(value), width: 2) }

    package mutating func put(_ value: UInt32) { put(UInt64(value), width: 4) }

    package mutating func put(_ value: UInt64) { put(value, width: 8) }

    private mutating func put(_ value: UInt64, width: Int) {
        for shift in stride(from: 8 * (width - 1), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    package mutating func put(_ value: [UInt8]) { bytes.append(contentsOf: value) }

    /// Overwrites a byte that was put before, for counts that are known last.
    package mutating func patch(_ index: Int, _ value: UInt8) { bytes[index] = value }

    /// Takes back what was put after a mark, when it turned out not to fit.
    package mutating func truncate(to mark: Int) { bytes.removeLast(bytes.count - mark) }
}

/// Reads fixed-width integers and never past the end: a short read gives zero and sets `failed`, which sticks.
///
/// The flag spares a branch and an optional at each field; a decoder asks once, at the end, and believes nothing before.
package struct ByteReader: Sendable {
    private let bytes: [UInt8]
    package private(set) var position: Int
    package private(set) var failed = false

    package init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    package var remaining: Int { bytes.count - position }

    package mutating func fail() { failed = true }

    private mutating func claim(_ count: Int) -> Bool {
        guard !failed, count >= 0, remaining >= count else {
            failed = true
            return false
        }
        return true
    }

    package mutating func skip(_ count: Int) {
        if claim(count) { position += count }
    }

    package mutating func byte() -> UInt8 {
        guard claim(1) else { return 0 }
        position += 1
        return bytes[position - 1]
    }

    package mutating func word16() -> UInt16 {
        UInt16(truncatingIfNeeded: word(2))
    }

    package mutating func word32() -> UInt32 {
        UInt32(truncatingIfNeeded: word(4))
    }

    package mutating func word64() -> UInt64 { word(8) }

    package mutating func array(_ count: Int) -> [UInt8] {
        guard claim(count) else { return [] }
        position += count
        return Array(bytes[position - count..<position])
    }

    private mutating func word(_ width: Int) -> UInt64 {
        guard claim(width) else { return 0 }
        var value: UInt64 = 0
        for index in position..<position + width {
            value = value << 8 | UInt64(bytes[index])
        }
        position += width
        return value
    }
}
