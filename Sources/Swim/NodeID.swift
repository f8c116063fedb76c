/// The name of a node: the 16-byte BLAKE2b hash of its public key. It says who, never where.
///
/// Two 64-bit words keep it in registers; the order is that of the bytes.
package struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func < (a: NodeID, b: NodeID) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }

    /// 32 lower-case hexadecimal digits.
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(32)
        for word in [high, low] {
            for shift in stride(from: 60, through: 0, by: -4) {
                text.append(digits[Int(truncatingIfNeeded: word >> UInt64(shift)) & 15])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension NodeID {
    /// The first eight bytes: what datagrams carry where the sixteen would be waste.
    ///
    /// Two members that share a handle cannot be told apart on the wire, so a roster takes the first and refuses the
    /// second; with honest keys that is one pair in 2^64.
    package var handle: UInt64 { high }
}
