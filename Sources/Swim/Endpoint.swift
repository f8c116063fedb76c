/// Where a node listens: an IPv4 or IPv6 address and a port, as fixed-width words. It says where, never who.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// The 16 address bytes, big end first; an IPv4 address sits in the last four bytes of `low`.
    package let high: UInt64
    package let low: UInt64
    package let port: UInt16
    package let isIPv6: Bool

    package init(ipv4 address: UInt32, port: UInt16) {
        high = 0
        low = UInt64(address)
        self.port = port
        isIPv6 = false
    }

    package init(ipv6High high: UInt64, low: UInt64, port: UInt16) {
        self.high = high
        self.low = low
        self.port = port
        isIPv6 = true
    }

    /// `10.0.0.1:7946`, or `[fd00:0:0:0:0:0:0:1]:7946` with no group left out.
    package var description: String {
        guard isIPv6 else {
            let bytes = [24, 16, 8, 0].map { String((low >> UInt64($0)) & 0xff) }
            return bytes.joined(separator: ".") + ":" + String(port)
        }
        var groups: [String] = []
        for word in [high, low] {
            for shift in [48, 32, 16, 0] {
                groups.append(String((word >> UInt64(shift)) & 0xffff, radix: 16))
            }
        }
        return "[" + groups.joined(separator: ":") + "]:" + String(port)
    }
}
