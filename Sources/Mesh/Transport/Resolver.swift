internal import Glibc
internal import NIOCore
internal import NIOPosix
package import Swim

/// Names to addresses, by the system's own rules. Blocks; for threads that may.
package enum Resolver {
    private static let addressesMax = 16

    /// Looks something up on threads that nothing else waits for: a name server may take long to say nothing.
    static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(work)
    }

    /// The same for a loop.
    static func run<Value: Sendable>(
        on loop: any EventLoop,
        _ work: @escaping @Sendable () -> Value
    ) -> EventLoopFuture<Value> {
        NIOThreadPool.singleton.runIfActive(eventLoop: loop, work)
    }

    /// All addresses of `HOST:PORT`, IPv4 and IPv6 as the system prefers them; none for a name that is not known.
    package static func endpoints(of text: String, defaultPort: Int? = nil) -> [Endpoint] {
        if let literal = Endpoint(parsing: text) { return [literal] }
        guard let (host, given) = Endpoint.split(text), let port = given ?? defaultPort,
            let port = UInt16(exactly: port)
        else { return [] }
        return endpoints(host: host, port: port)
    }

    static func endpoints(host: String, port: UInt16) -> [Endpoint] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [Endpoint] = []
        var next = list
        while let entry = next, found.count < addressesMax {
            next = entry.pointee.ai_next
            let bytes = UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
            guard let endpoint = Endpoint(raw: bytes)?.with(port: port), !found.contains(endpoint) else { continue }
            found.append(endpoint)
        }
        return found
    }

    /// The address that this machine uses towards the world, found without a packet: connecting a UDP socket only
    /// chooses a route. Nil where there is no route but loopback. A socket that is bound to the IPv4 wildcard hears no
    /// IPv6, while one bound to that of IPv6 hears both.
    static func primaryAddress(of bound: Endpoint) -> Endpoint? {
        // Addresses that are routed like any other and belong to nobody (RFC 5737 and RFC 3849).
        let world = [Endpoint(ipv4: 0xc633_6401, port: 9), Endpoint(ipv6High: 0x2001_0db8_0000_0000, low: 1, port: 9)]
        for far in world where bound.isIPv6 || !far.isIPv6 {
            if let near = localAddress(towards: far), !near.isLoopback, !near.isWildcard {
                return near.with(port: bound.port)
            }
        }
        return nil
    }

    private static func localAddress(towards far: Endpoint) -> Endpoint? {
        let family = far.isIPv6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0, let address = far.socketAddress else { return nil }
        defer { close(descriptor) }
        guard address.withSockAddr({ connect(descriptor, $0, socklen_t($1)) }) == 0 else { return nil }
        var storage = [UInt64](repeating: 0, count: 16)
        var size = socklen_t(128)
        return storage.withUnsafeMutableBytes { bytes in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
            guard let pointer, getsockname(descriptor, pointer, &size) == 0 else { return nil }
            return Endpoint(raw: UnsafeRawBufferPointer(rebasing: bytes[..<Int(min(size, 128))]))
        }
    }
}
