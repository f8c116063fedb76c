internal import NIOCore
internal import NIOPosix
internal import Swim
internal import Synchronization

/// Finds meshd nodes on the local network by asking the group of `LanDiscovery`, on every network of this machine.
package enum LanSearch {
    /// A question is asked so often, in case that one is lost.
    private static let asks = 3
    /// Nodes that one search lists at most: a flood of made-up ones ends here.
    private static let nodesMax = 1_024

    /// One node that answered, and how fast.
    package struct Finding: Sendable {
        package let node: LanNode
        package let roundTripMicros: Int64
    }

    /// The nodes that answer within `millis`, by name; each once, with its best round trip.
    package static func search(millis: Int64) async throws -> [Finding] {
        let devices = try LanDiscovery.devices(for: "0.0.0.0")
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
        let group = try SocketAddress(ipAddress: LanDiscovery.group, port: LanDiscovery.port)
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
}

/// When the question with each nonce left, for the task that hears the answers.
private final class Departures: Sendable {
    private let times = Mutex<[UInt64: NIODeadline]>([:])

    func note(_ nonce: UInt64, at now: NIODeadline) { times.withLock { $0[nonce] = now } }

    func time(of nonce: UInt64) -> NIODeadline? { times.withLock { $0[nonce] } }
}
