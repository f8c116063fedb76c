internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Swim
internal import Synchronization

/// Finds meshd nodes on the local network by UDP multicast, and lets this one be found while it is alone.
///
/// The sockets are bound to the group's own address: only multicast reaches them, which routers do not carry, so
/// nobody outside the network can ask.
package enum LanDiscovery {
    /// Administratively scoped (RFC 2365): for one site. The port is beside the default ports of a node.
    private static let group = "239.255.109.100"
    private static let port = 9004
    /// Answers per second of one node: enough for a room of curious people, too few to be a nuisance.
    private static let answersPerSecond = 32
    /// Sockets for all networks of one machine.
    private static let devicesMax = 16
    /// A question is asked so often, in case that one is lost.
    private static let asks = 3
    /// Nodes that one search lists at most: a flood of made-up ones ends here.
    private static let nodesMax = 1_024

    private static let ipMulticastAll = NIOBSDSocket.Option(rawValue: IP_MULTICAST_ALL)
    private static let ipAddMembership = NIOBSDSocket.Option(rawValue: IP_ADD_MEMBERSHIP)

    /// One node that answered, and how fast.
    package struct Finding: Sendable {
        package let node: LanNode
        package let roundTripMicros: Int64
    }

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

    /// The nodes that answer within `millis`, by name; each once, with its best round trip.
    package static func search(millis: Int64) async throws -> [Finding] {
        let devices = try devices(for: "0.0.0.0")
        return try await withThrowingTaskGroup(of: [Finding].self) { tasks in
            for device in devices {
                tasks.addTask { try await search(on: device, millis: millis) }
            }
            var best: [NodeID: Finding] = [:]
            for try await findings in tasks {
                for finding in findings where best.count < nodesMax || best[finding.node.id] != nil {
                    let known = best[finding.node.id]?.roundTripMicros ?? .max
                    if finding.roundTripMicros < known { best[finding.node.id] = finding }
                }
            }
            return best.values.sorted { ($0.node.name, $0.node.id) < ($1.node.name, $1.node.id) }
        }
    }

    /// Asks on one network. A socket that is bound to a device's address sends multicast out of that device.
    private static func search(on device: NIONetworkDevice, millis: Int64) async throws -> [Finding] {
        guard let host = device.address?.ipAddress else { return [] }
        let group = try SocketAddress(ipAddress: group, port: port)
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(to: SocketAddress(ipAddress: host, port: 0)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
        let start = NIODeadline.now()
        let gapMillis = millis / Int64(2 * asks)
        let departures = Departures()
        return try await channel.executeThenClose { inbound, outbound in
            try await withThrowingTaskGroup(of: [Finding].self) { tasks in
                tasks.addTask {
                    var findings: [Finding] = []
                    for try await envelope in inbound {
                        let now = NIODeadline.now()
                        guard case .answer(let nonce, let node) = LanMessage(Array(envelope.data.readableBytesView)),
                            let left = departures.time(of: nonce), findings.count < asks * nodesMax
                        else { continue }
                        let trip = now - left
                        findings.append(Finding(node: node, roundTripMicros: max(0, trip.nanoseconds / 1_000)))
                    }
                    return findings
                }
                tasks.addTask {
                    for index in 0..<asks {
                        try await sleep(until: start + .milliseconds(gapMillis * Int64(index)))
                        let nonce = SecureRandom.word()
                        departures.note(nonce, at: NIODeadline.now())
                        let bytes = ByteBuffer(bytes: LanMessage.question(nonce: nonce).encoded)
                        // A network that takes no multicast has nobody to be found.
                        try? await outbound.write(AddressedEnvelope(remoteAddress: group, data: bytes))
                    }
                    try await sleep(until: start + .milliseconds(millis))
                    // Ends the other task, with what it has.
                    channel.channel.close(promise: nil)
                    return []
                }
                var all: [Finding] = []
                for try await findings in tasks { all += findings }
                return all
            }
        }
    }

    private static func sleep(until deadline: NIODeadline) async throws {
        let left = deadline - NIODeadline.now()
        if left > .nanoseconds(0) { try await Task.sleep(for: .nanoseconds(left.nanoseconds)) }
    }

    /// The IPv4 devices whose network a node that listens on `host` is on.
    private static func devices(for host: String) throws -> [NIONetworkDevice] {
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

/// When the question with each nonce left, for the task that hears the answers.
private final class Departures: Sendable {
    private let times = Mutex<[UInt64: NIODeadline]>([:])

    func note(_ nonce: UInt64, at now: NIODeadline) { times.withLock { $0[nonce] = now } }

    func time(of nonce: UInt64) -> NIODeadline? { times.withLock { $0[nonce] } }
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
