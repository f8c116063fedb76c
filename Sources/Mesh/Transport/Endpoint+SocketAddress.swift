internal import Glibc
internal import NIOCore
package import Swim

extension Endpoint {
    /// The endpoint of a socket address; an IPv4 address in IPv6 clothes is an IPv4 address. Nil for a path.
    init?(_ address: SocketAddress) {
        guard let endpoint = address.withSockAddr({ Endpoint(raw: UnsafeRawBufferPointer(start: $0, count: $1)) })
        else { return nil }
        self = endpoint
    }

    /// Reads a `sockaddr_in` or a `sockaddr_in6` where the kernel of Linux puts their fields; nil for other families.
    init?(raw bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 8 else { return nil }
        let port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        switch CInt(bytes.loadUnaligned(as: UInt16.self)) {
        case AF_INET:
            let address = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            self.init(ipv4: address, port: port)
        case AF_INET6:
            guard bytes.count >= 24 else { return nil }
            let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            if high == 0, low >> 32 == 0xffff {
                self.init(ipv4: UInt32(truncatingIfNeeded: low), port: port)
            } else {
                self.init(ipv6High: high, low: low, port: port)
            }
        default: return nil
        }
    }

    /// `10.0.0.1:7946` or `[fd00::1]:7946`; nil for names and for anything else.
    package init?(parsing text: String) {
        guard let (host, port) = Self.split(text), let port else { return nil }
        guard let address = try? SocketAddress(ipAddress: host, port: port) else { return nil }
        self.init(address)
    }

    /// Cuts `HOST:PORT`, `[IPV6]:PORT` or `HOST` in two; nil for an empty host or a port that is none.
    package static func split(_ text: String) -> (host: String, port: Int?)? {
        guard text.utf8.count <= 300 else { return nil }
        if text.hasPrefix("[") {
            guard let close = text.lastIndex(of: "]") else { return nil }
            let host = String(text[text.index(after: text.startIndex)..<close])
            let rest = text[text.index(after: close)...]
            if rest.isEmpty { return host.isEmpty ? nil : (host, nil) }
            guard rest.hasPrefix(":"), let port = UInt16(rest.dropFirst()), !host.isEmpty else { return nil }
            return (host, Int(port))
        }
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        guard colons == 1, let colon = text.lastIndex(of: ":") else { return text.isEmpty ? nil : (text, nil) }
        guard let port = UInt16(text[text.index(after: colon)...]), colon != text.startIndex else { return nil }
        return (String(text[..<colon]), Int(port))
    }

    /// What the sockets take. An address that cannot be written is none; sixteen bytes always can.
    var socketAddress: SocketAddress? { socketAddress(isDual: false) }

    /// With `isDual`, an IPv4 address wears its IPv6 clothes, as a socket of both families wants it.
    func socketAddress(isDual: Bool) -> SocketAddress? {
        var bytes = ByteBuffer()
        if isIPv6 {
            bytes.writeInteger(high)
            bytes.writeInteger(low)
        } else if isDual {
            bytes.writeInteger(0 as UInt64)
            bytes.writeInteger(0xffff_0000_0000 | low)
        } else {
            bytes.writeInteger(UInt32(truncatingIfNeeded: low))
        }
        return try? SocketAddress(packedIPAddress: bytes, port: Int(port))
    }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool { isIPv6 ? high == 0 && low == 1 : low >> 24 == 127 }

    /// Every address of this machine: where one may listen, and where nobody can be reached.
    package var isWildcard: Bool { high == 0 && low == 0 }

    /// The host behind it, for counting strangers: whoever has an IPv6 address usually has a network of 64 bits.
    var origin: Endpoint { isIPv6 ? Endpoint(ipv6High: high, low: 0, port: 0) : with(port: 0) }

    /// The same address with another port.
    package func with(port: UInt16) -> Endpoint {
        guard isIPv6 else { return Endpoint(ipv4: UInt32(truncatingIfNeeded: low), port: port) }
        return Endpoint(ipv6High: high, low: low, port: port)
    }
}
