internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Swim

/// Lets this node be found on the local network by UDP multicast while it is alone; `LanSearch` is who looks for it.
///
/// The sockets are bound to the group's own address: only multicast reaches them, which routers do not carry, so
/// nobody outside the network can ask.
package enum LanDiscovery {
    /// Administratively scoped (RFC 2365): for one site. The port is beside the default ports of a node.
    static let group = "239.255.109.100"
    static let port = 9004
    /// Answers per second of one node: enough for a room of curious people, too few to be a nuisance.
    private static let answersPerSecond = 32
    /// Sockets for all networks of one machine.
    private static let devicesMax = 16
    private static let ipMulticastAll = NIOBSDSocket.Option(rawValue: IP_MULTICAST_ALL)
    private static let ipAddMembership = NIOBSDSocket.Option(rawValue: IP_ADD_MEMBERSHIP)

    /// Answers questions until it is cancelled. `host` is where the node listens for others: it answers on that network
    /// only, on all for `0.0.0.0` and `::`. `describe` says what this node is now, or nothing when it is not alone.
    package static func answer(on host: String, describe: @escaping @Sendable () async -> LanNode?) async throws {
        let group = try SocketAddress(ipAddress: group, port: port)
        let devices = try devices(for: host)
        guard !devices.isEmpty else { return }
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.socketOption(.so_reuseaddr), value: 1)
            // Linux gives a socket every group that anybody on the machine has joined, unless it is told not to.
            .channelOption(ChannelOptions.Types.SocketOption(level: .ip, name: ipMulticastAll), value: 0)
            .bind(to: group) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            for device in devices { try await join(on: device, with: channel.channel) }
            var budget = Budget(perSecond: answersPerSecond)
            for try await question in inbound {
                guard case .question(let nonce) = LanMessage(Array(question.data.readableBytesView)),
                    budget.take(at: NIODeadline.now()), let node = await describe()
                else { continue }
                let answer = LanMessage.answer(nonce: nonce, node).encoded
                // Who asked and cannot be reached harms nobody: the next one may be.
                try? await outbound.write(
                    AddressedEnvelope(remoteAddress: question.remoteAddress, data: ByteBuffer(bytes: answer))
                )
            }
        }
    }

    /// Hears the group on one device. NIO's own call refuses loopback, which Linux does not mark as able to multicast
    /// though it is.
    private static func join(on device: NIONetworkDevice, with channel: any Channel) async throws {
        guard let host = device.address?.ipAddress, let options = channel as? any SocketOptionProvider else { return }
        // Safe because this is ip(7)'s `ip_mreq`, field by field: two addresses of four bytes, in network order.
        let request = (group: inet_addr(group), device: inet_addr(host))
        try await options.unsafeSetSocketOption(level: .ip, name: ipAddMembership, value: request).get()
    }

    /// The IPv4 devices whose network a node that listens on `host` is on.
    static func devices(for host: String) throws -> [NIONetworkDevice] {
        let all = try System.enumerateDevices().filter { $0.address?.protocol == .inet }
        let isEverywhere = host == "0.0.0.0" || host == "::"
        let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        let chosen = all.filter { device in
            guard let address = device.address?.ipAddress else { return false }
            return isEverywhere || address == host || isLoopback && address.hasPrefix("127.")
        }
        return Array(chosen.prefix(devicesMax))
    }
}

/// So many a second, and no more than that at once.
struct Budget {
    private let perSecond: Int
    private var left: Int
    private var filled: NIODeadline = .uptimeNanoseconds(0)

    init(perSecond: Int) {
        self.perSecond = perSecond
        self.left = perSecond
    }

    mutating func take(at now: NIODeadline) -> Bool {
        if now - filled >= .seconds(1) {
            left = perSecond
            filled = now
        }
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}
