internal import NIOCore
internal import NIOPosix
internal import Store

/// Finds the nodes that a DNS name stands for, by its SRV records, from the servers in `/etc/resolv.conf`.
///
/// Seeds only say where to knock: who answers there has to prove itself. So a short list or a forged one costs time and
/// nothing else.
package enum ServiceLookup {
    private static let patienceMillis: Int64 = 2_000
    /// Rounds over all servers.
    private static let rounds = 2
    /// What resolv.conf(5) promises to look at.
    private static let serversMax = 3

    /// `HOST:PORT` of each node under `name` (`_meshd._udp.example.org`), best first; empty when the name has none.
    package static func nodes(of name: String) async throws(MeshError) -> [String] {
        let configuration: [UInt8]
        do {
            configuration = try SmallFile.read("/etc/resolv.conf", bytesMax: 64 << 10) ?? []
        } catch {
            throw .unreachable("/etc/resolv.conf cannot be read: \(error)")
        }
        return try await nodes(of: name, servers: servers(in: String(decoding: configuration, as: UTF8.self)), port: 53)
    }

    /// The same, from the servers given.
    static func nodes(of name: String, servers: [String], port: Int) async throws(MeshError) -> [String] {
        let plain = (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
        var failure = "no name server answered"
        for _ in 0..<rounds {
            for server in servers {
                let message = ServiceMessage(id: UInt16(truncatingIfNeeded: SecureRandom.word()), name: plain)
                guard let question = message.encoded else { throw .unreachable("\(name) is no DNS name") }
                switch await ask(server, port: port, question, message) {
                case .targets(let targets)?:
                    return targets.map { "\($0.host):\($0.port)" }
                case .nothing?:
                    return []
                case .failure(let code)?:
                    failure = "the name server \(server) answered with code \(code)"
                case nil:
                    continue
                }
            }
        }
        throw .unreachable("\(name) cannot be looked up: \(failure)")
    }

    /// The name servers of a resolv.conf; the machine itself when it names none, as in the C library.
    static func servers(in configuration: String) -> [String] {
        let named = configuration.split(whereSeparator: \.isNewline).compactMap { line -> String? in
            let words = line.split { $0 == " " || $0 == "\t" }
            return words.count >= 2 && words[0] == "nameserver" ? String(words[1]) : nil
        }
        return named.isEmpty ? ["127.0.0.1"] : Array(named.prefix(serversMax))
    }

    /// One question to one server; nil when nothing that answers it came in time.
    private static func ask(
        _ server: String,
        port: Int,
        _ question: [UInt8],
        _ message: ServiceMessage
    ) async -> ServiceMessage.Reply? {
        guard let address = try? SocketAddress(ipAddress: server, port: port) else { return nil }
        // A connected socket takes datagrams from that server only, on a port that the kernel picked at random.
        let connected = try? await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
        guard let channel = connected else { return nil }
        return try? await channel.executeThenClose { inbound, outbound in
            try await outbound.write(AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: question)))
            return try await withThrowingTaskGroup(of: ServiceMessage.Reply?.self) { tasks in
                tasks.addTask {
                    for try await envelope in inbound {
                        if let reply = message.reply(in: Array(envelope.data.readableBytesView)) { return reply }
                    }
                    return nil
                }
                tasks.addTask {
                    try await Task.sleep(for: .milliseconds(patienceMillis))
                    return nil
                }
                defer { tasks.cancelAll() }
                return try await tasks.next() ?? nil
            }
        }
    }
}
