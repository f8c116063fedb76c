import Mesh
import NIOCore
import NIOPosix
import Swim
import Testing

/// What strangers, recordings and noise do to a node: nothing, and each is counted by its kind.
@Suite(.serialized, .timeLimit(.minutes(10))) struct HostileInputTests {
    private typealias Envelope = AddressedEnvelope<ByteBuffer>

    @Test("garbage, forged, replayed, oversized and wrong-epoch datagrams change nothing and are counted")
    func datagrams() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(3)
            let target = machines[0]
            // The third node stops, and the test speaks in its place, with its keys, from its port.
            let speaker = machines[2]
            let state = try #require(try MeshState.read(from: speaker.directory))
            await bed.kill(speaker)
            try await target.tap.line("member n2 is dead")
            let port = Int(speaker.endpoint!.port)
            var sealer = DatagramSealer(
                identity: speaker.identity,
                keyring: state.keyring,
                boot: DatagramSealer.boot(generation: state.generation + 1)
            )
            let id = target.identity.id
            sealer.learn(id, key: PublicKey(bytes: target.identity.publicKey)!)
            let before = try await target.node!.counters()
            let view = try await target.node!.report()

            let channel = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .bind(host: "127.0.0.1", port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<Envelope, Envelope>(wrappingChannelSynchronously: channel)
                    }
                }
            let there = try SocketAddress(ipAddress: "127.0.0.1", port: Int(target.endpoint!.port))
            try await channel.executeThenClose { inbound, outbound in
                var answers = inbound.makeAsyncIterator()
                // A first body from a new boot waits until the boot is proved, and then it is no message.
                let body = [UInt8](repeating: 0xff, count: 40)
                let first = sealer.seal(body, to: id)!
                let noise = [10, 100, 1_700].map { [UInt8](repeating: 7, count: $0) }
                for round in 0..<3 {
                    var batch = round == 0 ? [first] : []
                    if round == 2 {
                        var changed = sealer.seal(body, to: id)!
                        changed[changed.count - 1] ^= 1
                        var epoch = sealer.seal(body, to: id)!
                        epoch[1] = 9
                        var stranger = sealer.seal(body, to: id)!
                        stranger[8] ^= 0xff
                        batch = [first, first, changed, epoch, stranger] + noise
                    }
                    let question = sealer.challenge(id, padTo: 100, now: 0)!
                    for bytes in batch + [question.datagram] {
                        try await outbound.write(Envelope(remoteAddress: there, data: ByteBuffer(bytes: bytes)))
                    }
                    // Hears what comes and answers questions; at the answer to its own, all before it was heard.
                    while let next = try await answers.next() {
                        let opened = sealer.open(Array(next.data.readableBytesView), now: 0)
                        guard case .accepted(let delivery) = opened else { continue }
                        if let reply = delivery.reply {
                            try await outbound.write(Envelope(remoteAddress: there, data: ByteBuffer(bytes: reply)))
                        }
                        if delivery.echo?.nonce == question.nonce { break }
                    }
                }
            }
            let after = try await target.node!.counters()
            func grew(_ kind: String) -> UInt64 { after.refused(kind) - before.refused(kind) }
            #expect(grew("message") == 1)
            #expect(grew("replayed") == 2)
            #expect(grew("short") == 1)
            #expect(grew("malformed") == 1)
            #expect(grew("oversized") == 1)
            #expect(grew("forged") == 1)
            #expect(grew("epoch") == 1)
            #expect(grew("unknownSender") == 1)
            let report = try await target.node!.report()
            #expect(report.viewDigest == view.viewDigest && report.present == 2)
            #expect(report["n2"]?.state == .dead, "noise in its name does not revive the dead")
        }
    }

    @Test("who connects and proves nothing is told nothing")
    func streams() async throws {
        try await MeshBed.with { bed in
            let node = try bed.machine("n0")
            try await bed.start(node)
            let knocks: [[UInt8]] = [
                Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 0], [0, 0, 0, 1, 7], [0xff, 0xff, 0xff, 0xff],
                [0, 0, 0, 80] + [UInt8](repeating: 3, count: 80),
            ]
            for knock in knocks {
                let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connect(host: "127.0.0.1", port: Int(node.endpoint!.port)) { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                        }
                    }
                let heard = try await channel.executeThenClose { inbound, outbound in
                    try await outbound.write(ByteBuffer(bytes: knock))
                    var heard = 0
                    // A reset is an end like any other.
                    do { for try await bytes in inbound { heard += bytes.readableBytes } } catch is IOError {}
                    return heard
                }
                #expect(heard == 0, "\(knock.prefix(8)) was answered")
            }
            let counters = try await node.node!.counters()
            let refused = counters.refused("handshake") + counters.refused("connections")
            #expect(refused == UInt64(knocks.count))
        }
    }

    @Test("strangers who fill the door and say nothing keep nobody out")
    func crowd() async throws {
        try await MeshBed.with { bed in
            let node = try bed.machine("n0")
            try await bed.start(node)
            var crowd: [any Channel] = []
            for _ in 0..<80 {
                let bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                crowd.append(try await bootstrap.connect(host: "127.0.0.1", port: Int(node.endpoint!.port)).get())
            }
            let newcomer = try bed.machine("n1")
            try await bed.start(newcomer, token: try await bed.token(node))
            try await node.tap.line("member n1 is alive")
            #expect(try await node.node!.counters().refused("connections") > 0)
            for channel in crowd { try? await channel.close() }
        }
    }

    @Test("a member of another mesh finds no door")
    func otherMesh() async throws {
        try await MeshBed.with { bed in
            let one = try bed.machine("one")
            let two = try bed.machine("two")
            try await bed.start(one)
            try await bed.start(two) { $0.seeds = [one.endpoint!.description] }
            let three = try bed.machine("three")
            try await bed.start(three, token: try await bed.token(two))
            try await two.tap.line("member three is alive")
            #expect(try await one.node!.report().members.count == 1)
            // It may not have knocked yet.
            while try await one.node!.counters().refused("handshake") == 0 {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
