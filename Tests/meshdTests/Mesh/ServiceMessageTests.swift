import NIOCore
import NIOPosix
import Testing

@testable import Mesh

@Suite struct ServiceMessageTests {
    private static let question = ServiceMessage(id: 0x1234, name: "_meshd._udp.example.org")

    /// An answer to `question` with these records; each target is written whole or as a pointer.
    private static func answer(
        id: UInt16 = 0x1234,
        flags: UInt16 = 0x8180,
        records: [(priority: UInt16, weight: UInt16, port: UInt16, target: [UInt8])]
    ) -> [UInt8] {
        var bytes = question.encoded ?? []
        func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
        bytes.replaceSubrange(0..<4, with: word(id) + word(flags))
        bytes.replaceSubrange(6..<8, with: word(UInt16(records.count)))
        // The additional record of the question goes last.
        let tail = Array(bytes.suffix(11))
        bytes.removeLast(11)
        for record in records {
            let data = word(record.priority) + word(record.weight) + word(record.port) + record.target
            bytes += [0xC0, 12] + word(33) + word(1) + [0, 0, 0, 60] + word(UInt16(data.count)) + data
        }
        return bytes + tail
    }

    private static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + $0.utf8 } + [0]
    }

    @Test("targets come best first, compressed names included")
    func targets() {
        // The domain of the question begins at byte 24: 12 of head, 7 of _meshd, 5 of _udp.
        let bytes = Self.answer(records: [
            (20, 0, 9002, Self.name("B.example.org")), (10, 5, 9003, [1, UInt8(ascii: "a"), 0xC0, 24]),
            (10, 9, 9004, Self.name("c.example.org")),
        ])
        guard case .targets(let targets)? = Self.question.reply(in: bytes) else {
            Issue.record("no targets")
            return
        }
        #expect(
            targets.map { "\($0.host):\($0.port)" } == [
                "c.example.org:9004", "a.example.org:9003", "b.example.org:9002",
            ]
        )
    }

    @Test("an answer to another question, with another id, or that is a question is none")
    func strangers() {
        let records = [(UInt16(1), UInt16(1), UInt16(9002), Self.name("a.org"))]
        #expect(Self.question.reply(in: Self.answer(records: records)) != nil)
        #expect(Self.question.reply(in: Self.answer(id: 1, records: records)) == nil)
        #expect(Self.question.reply(in: Self.answer(flags: 0x0180, records: records)) == nil)
        let other = ServiceMessage(id: 0x1234, name: "_meshd._udp.example.com")
        #expect(other.reply(in: Self.answer(records: records)) == nil)
        #expect(Self.question.reply(in: Self.answer(flags: 0x8183, records: [])) == .nothing)
        #expect(Self.question.reply(in: Self.answer(flags: 0x8182, records: [])) == .failure(code: 2))
        #expect(Self.question.reply(in: Self.answer(records: [])) == .nothing)
    }

    @Test("names that point at themselves or forward end, and hosts that are none are left out")
    func hostileNames() {
        let start = UInt8((Self.question.encoded ?? []).count - 11 + 12 + 6)
        for target: [UInt8] in [[0xC0, start], [0xC0, 0xFF], [0xFF, 0xFF], [64, 1], [3, 0x1B, 0x5B, 0x4A, 0], [0]] {
            #expect(Self.question.reply(in: Self.answer(records: [(1, 1, 9002, target)])) == .nothing, "\(target)")
        }
    }

    @Test("truncation at every byte and garbage never trap")
    func garbage() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        let valid = Self.answer(records: [
            (1, 1, 9002, Self.name("a.example.org")), (1, 1, 9002, [1, UInt8(ascii: "b"), 0xC0, 24]),
        ])
        for count in 0..<valid.count { _ = Self.question.reply(in: Array(valid[..<count])) }
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 4..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard case .targets(let targets)? = Self.question.reply(in: bytes) else { continue }
            #expect(targets.count <= ServiceMessage.targetsMax && targets.allSatisfy { $0.port != 0 }, "seed \(seed)")
        }
    }

    @Test("a service is looked up over UDP, at the second server when the first one is silent about it")
    func lookup() async throws {
        let server = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(to: SocketAddress(ipAddress: "127.0.0.1", port: 0)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
        let port = try #require(server.channel.localAddress?.port)
        let nodes = try await server.executeThenClose { inbound, outbound in
            try await withThrowingTaskGroup(of: [String]?.self) { tasks in
                tasks.addTask {
                    for try await envelope in inbound {
                        let id = envelope.data.getInteger(at: 0, as: UInt16.self) ?? 0
                        let bytes = Self.answer(id: id, records: [(1, 1, 9002, Self.name("a.example.org"))])
                        let address = envelope.remoteAddress
                        try await outbound.write(
                            AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: bytes))
                        )
                    }
                    return nil
                }
                tasks.addTask {
                    // Nothing listens at the first address: the kernel says so at once.
                    let servers = ["127.0.0.2", "127.0.0.1"]
                    return try await ServiceLookup.nodes(of: "_MESHD._udp.example.org.", servers: servers, port: port)
                }
                defer { tasks.cancelAll() }
                return try await tasks.next() ?? nil
            }
        }
        #expect(nodes == ["a.example.org:9002"])
    }

    @Test("resolv.conf names the servers, three at most; without it, this machine")
    func servers() {
        let text = "# x\nnameserver 10.0.0.1\noptions a\n nameserver\tfe80::1%eth0\nnameserver 3\nnameserver 4\n"
        #expect(ServiceLookup.servers(in: text) == ["10.0.0.1", "fe80::1%eth0", "3"])
        #expect(ServiceLookup.servers(in: "search example.org\n") == ["127.0.0.1"])
    }
}
