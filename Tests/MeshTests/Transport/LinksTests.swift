import Dispatch
import Mesh
import NIOCore
import NIOPosix
import Swim
import Testing

/// Requests between nodes over real sockets.
@Suite(.serialized, .timeLimit(.minutes(10))) struct LinksTests {
    @Test("every node is answered by every other, in every class, and by itself")
    func calls() async throws {
        try await LinkBed.with(3) { bed in
            for from in 0..<3 {
                for to in 0..<3 {
                    for traffic in Links.Traffic.allCases {
                        let payload = ByteBuffer(string: "\(from) to \(to), \(traffic)")
                        let answer = try await bed.links[from].ask(bed.id(to), 1, payload, traffic)
                        #expect(answer == payload)
                    }
                }
            }
            let health = bed.links[0].health(of: bed.id(1))
            #expect(health.isConnected && health.inFlight == 0 && health.failuresInRow == 0)
            #expect(health.roundTripMicros > 0)
            #expect(await bed.links[0].failure(bed.id(1), 99) == .unserved)
            var page = PrometheusText()
            bed.links[0].write(to: &page)
            #expect(page.text.contains("meshd_link_answers_total{class=\"control\"} 2"))
        }
    }

    @Test("thousands of parallel calls of all sizes come back whole and to whom they belong")
    func parallel() async throws {
        try await LinkBed.with(2) { bed in
            let (links, peer) = (bed.links[0], bed.id(1))
            let seed = UInt64.random(in: 0 ... .max)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for worker in 0..<64 {
                    group.addTask {
                        var random = SeededBytes(seed &+ UInt64(worker))
                        for round in 0..<100 {
                            let size = [0, 10, 3_000, 16_384, 70_000, 300_000][Int(random.word() % 6)]
                            var payload = ByteBuffer(integer: UInt64(worker * 1_000 + round))
                            payload.writeRepeatingByte(UInt8(truncatingIfNeeded: round), count: size)
                            guard try await links.ask(peer, 1, payload) == payload else { return false }
                        }
                        return true
                    }
                }
                for try await isRight in group { #expect(isRight, "seed \(seed)") }
            }
        }
    }

    @Test("the longest payload passes, and a longer one is refused before it is sent")
    func longPayloads() async throws {
        try await LinkBed.with(2) { bed in
            let longest = ByteBuffer(repeating: 3, count: Links.payloadBytesMax)
            let whole = try await bed.links[0].ask(bed.id(1), 1, longest)
            #expect(whole == longest)
            let longer = ByteBuffer(repeating: 3, count: Links.payloadBytesMax + 1)
            #expect(await bed.links[0].failure(bed.id(1), 1, longer) == .tooLong)
            // An answer that no link carries is as good as none.
            let wanted = ByteBuffer(integer: UInt32(Links.payloadBytesMax + 1))
            #expect(await bed.links[0].failure(bed.id(1), 4, wanted) == .unserved)
        }
    }

    @Test("a call that nobody answers ends at its time, and the connection goes on")
    func timeouts() async throws {
        try await LinkBed.with(2) { bed in
            let clock = ContinuousClock()
            let took = await clock.measure {
                #expect(await bed.links[0].failure(bed.id(1), 2, millis: 300) == .timedOut)
            }
            #expect(took >= .milliseconds(300), "\(took)")
            // Signs of life keep a connection whose answers take longer than the silence that ends one.
            #expect(await bed.links[0].failure(bed.id(1), 2, millis: 3_000) == .timedOut)
            let payload = ByteBuffer(string: "still here")
            let answer = try await bed.links[0].ask(bed.id(1), 1, payload)
            #expect(answer == payload)
        }
    }

    @Test("a node that falls silent is given up after two seconds, while one that is only slow is waited for")
    func silence() async throws {
        try await LinkBed.with(2) { bed in
            let clock = ContinuousClock()
            let begun = clock.now
            let failure = await bed.links[0].failure(bed.id(1), 5)
            let took = clock.now - begun
            bed.hanging.signal()
            // Closed: long before the call's own time was over.
            #expect(failure == .closed)
            #expect(took > .milliseconds(1_500), "\(took)")
        }
    }

    @Test("calls in flight to a node that stops fail at once, later ones until it is back")
    func killed() async throws {
        try await LinkBed.with(2) { bed in
            let (links, peer) = (bed.links[0], bed.id(1))
            var arrivals = bed.held.arrivals.makeAsyncIterator()
            async let failure = links.failure(peer, 3)
            _ = await arrivals.next()
            await bed.links[1].stop()
            await bed.bed.kill(bed.machines[1])
            // Closed: long before the call's own time was over.
            #expect(await failure == .closed)
            #expect(await links.failure(peer, 1) == .notConnected)
            try await bed.bed.start(bed.machines[1])
            await bed.replace(1)
            let payload = ByteBuffer(string: "back")
            var answer: ByteBuffer?
            // The rest between two attempts is two seconds at most.
            while answer == nil { answer = try? await links.ask(peer, 1, payload, millis: 1_000) }
            #expect(answer == payload)
        }
    }

    @Test("a node that plays dead neither calls nor is called, is held for dead, and takes part again by itself")
    func playingDead() async throws {
        try await LinkBed.with(3) { bed in
            let (near, links, subject) = (bed.links[0], bed.links[2], bed.id(2))
            let (observer, actor) = (bed.machines[0].node!, bed.machines[2].node!)
            let payload = ByteBuffer(string: "hello")
            _ = try await near.ask(subject, 1, payload)
            _ = try await links.ask(bed.id(0), 1, payload)
            var arrivals = bed.held.arrivals.makeAsyncIterator()
            async let inward = near.failure(subject, 3)
            _ = await arrivals.next()
            let (over, ended) = AsyncStream<Void>.makeStream()
            let silent: @Sendable () -> Void = { links.hangUp() }
            #expect(
                try await actor.playDead(afterMillis: 50, seconds: 8, silent: silent, ended: { ended.finish() })
            )
            #expect(try await !actor.playDead(afterMillis: 0, seconds: 8, silent: {}, ended: {}))
            #expect(await inward == .closed)
            #expect(await near.failure(subject, 1) == .notConnected)
            #expect(await links.failure(bed.id(0), 1) == .notConnected)
            let watching = Task {
                while !Task.isCancelled {
                    if observer.presence[subject]?.status == .dead { return true }
                    try? await Task.sleep(for: .milliseconds(20))
                }
                return false
            }
            for await _ in over {}
            watching.cancel()
            #expect(await watching.value)
            while observer.presence[subject]?.status != .alive { try await Task.sleep(for: .milliseconds(20)) }
            var answers = (ByteBuffer?.none, ByteBuffer?.none)
            while answers.0 == nil { answers.0 = try? await near.ask(subject, 1, payload, millis: 1_000) }
            while answers.1 == nil { answers.1 = try? await links.ask(bed.id(0), 1, payload, millis: 1_000) }
            #expect(answers.0 == payload && answers.1 == payload)
        }
    }

    @Test("an expelled node is cut off at once: its calls fail, and it is called no more")
    func expelled() async throws {
        try await LinkBed.with(3) { bed in
            let (near, far) = (bed.links[0], bed.links[2])
            let (judge, outcast) = (bed.id(0), bed.id(2))
            var arrivals = bed.held.arrivals.makeAsyncIterator()
            async let inward = near.failure(outcast, 3)
            async let outward = far.failure(judge, 3)
            _ = await arrivals.next()
            _ = await arrivals.next()
            let (decree, secret) = try bed.bed.decree(
                bed.machines[0],
                .expel(outcast),
                epoch: 2,
                reason: "lost"
            )
            try await bed.machines[0].node!.decree(decree, secret: secret)
            // Whichever end hears of it first.
            for ending in [await inward, await outward] { #expect(ending == .closed || ending == .expelled) }
            #expect(await near.failure(outcast, 1) == .expelled)
            let later = await far.failure(judge, 1)
            #expect(later == .notConnected || later == .expelled)
            let payload = ByteBuffer(string: "the others")
            let answer = try await bed.links[0].ask(bed.id(1), 1, payload)
            #expect(answer == payload)
        }
    }

    @Test("who lost its place is cut off at once: what waits fails, only what is open passes, until it is let in again")
    func outsiders() async throws {
        try await LinkBed.with(3) { bed in
            let (member, outsider) = (bed.links[0], bed.links[2])
            var arrivals = bed.held.arrivals.makeAsyncIterator()
            let (memberID, outsiderID) = (bed.id(0), bed.id(2))
            async let asked = member.failure(outsiderID, 3)
            async let asking = outsider.failure(memberID, 3)
            for _ in 0..<2 { _ = await arrivals.next() }
            member.shutOut(.some([bed.id(2)]))
            #expect(await asked == .outside)
            #expect(await asking == .closed)
            for traffic in Links.Traffic.allCases {
                #expect(await member.failure(bed.id(2), 1, ByteBuffer(string: "x"), traffic) == .outside)
                #expect(await outsider.failure(bed.id(0), 1, ByteBuffer(string: "x"), traffic) == .unserved)
            }
            #expect(await member.failure(bed.id(2), 6) == nil)
            #expect(await outsider.failure(bed.id(0), 6) == nil)
            #expect(await member.failure(bed.id(1), 1) == nil)
            // It hears of it: now it asks nobody any more.
            outsider.shutOut(.everybody)
            #expect(await outsider.failure(bed.id(1), 1) == .outside)
            member.shutOut(.some([]))
            outsider.shutOut(.some([]))
            // Connections of before end in their own time.
            for (from, to) in [(member, 2), (outsider, 0), (outsider, 1)] {
                while await from.failure(bed.id(to), 1) != nil {}
            }
        }
    }

    @Test("more than the bound is refused as overloaded, and the rest is answered")
    func overload() async throws {
        try await LinkBed.with(2) { bed in
            let (links, peer) = (bed.links[0], bed.id(1))
            let payload = ByteBuffer(repeating: 1, count: 1 << 20)
            let outcomes = await withTaskGroup(of: LinkFailure?.self) { group in
                for _ in 0..<40 { group.addTask { await links.failure(peer, 3, payload, .bulk) } }
                var outcomes: [LinkFailure?] = []
                while outcomes.count < 24, let next = await group.next() { outcomes.append(next) }
                // Sixteen mebibytes are in flight; the listener reads on as it answers.
                var arrivals = bed.held.arrivals.makeAsyncIterator()
                var count = 0
                while count < 16, await arrivals.next() != nil {
                    count += 1
                    bed.held.release()
                }
                for await next in group { outcomes.append(next) }
                return outcomes
            }
            #expect(outcomes.count { $0 == .overloaded } == 24)
            #expect(outcomes.count { $0 == nil } == 16)
        }
    }

    @Test("a listener with enough to do reads no further, and goes on when it has answered")
    func paused() async throws {
        try await LinkBed.with(2) { bed in
            let (links, peer) = (bed.links[0], bed.id(1))
            await withTaskGroup(of: LinkFailure?.self) { group in
                for _ in 0..<200 { group.addTask { await links.failure(peer, 3, ByteBuffer(string: "x"), .bulk) } }
                var arrivals = bed.held.arrivals.makeAsyncIterator()
                var count = 0
                while count < 200, await arrivals.next() != nil {
                    count += 1
                    if bed.held.count >= 32 || count > 160 { bed.held.release() }
                }
                for await failure in group { #expect(failure == nil) }
            }
        }
    }

    @Test("nodes without a common version refuse each other, and say which versions there are")
    func versions() async throws {
        try await MeshBed.with { bed in
            let old = try bed.machine("n0")
            try await bed.start(old)
            let token = try await bed.token(old)
            let new = try bed.machine("n1")
            try await bed.start(new, token: token) { $0.linkVersions = 3...5 }
            let middle = try bed.machine("n2")
            try await bed.start(middle, token: token) { $0.linkVersions = 1...4 }
            for machine in bed.machines {
                for other in bed.machines { try await machine.tap.line("member \(other.name) is alive") }
            }
            let links = LinkBed(bed, bed.machines)
            #expect(await links.links[0].failure(links.id(1), 1) == .incompatible(3...5))
            #expect(await links.links[1].failure(links.id(0), 1) == .incompatible(1...2))
            #expect(await links.links[2].failure(links.id(0), 1) == nil)
            #expect(await links.links[2].failure(links.id(1), 1) == nil)
            try await bed.machines[0].tap.line("n1 cannot be asked for data: the node speaks versions 3 to 5")
            await links.stop()
        }
    }

    @Test("who is no member gets no data link, with whatever bytes")
    func strangers() async throws {
        try await LinkBed.with(1) { bed in
            let endpoint = bed.machines[0].endpoint!
            let knock: [UInt8] = [1, 3, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 3]
            for body in [knock, knock + [UInt8](repeating: 9, count: 48), [1, 3, 0, 0, 0, 0, 0, 0, 0, 1, 1, 9, 1, 3]] {
                let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connect(host: "127.0.0.1", port: Int(endpoint.port)) { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                        }
                    }
                let heard = try await channel.executeThenClose { inbound, outbound in
                    var bytes = ByteBuffer(integer: UInt32(body.count))
                    bytes.writeBytes(body)
                    try await outbound.write(bytes)
                    var heard = 0
                    do { for try await bytes in inbound { heard += bytes.readableBytes } } catch is IOError {}
                    return heard
                }
                #expect(heard == 0)
            }
            #expect(await bed.links[0].failure(NodeID(high: 1, low: 2), 1) == .notConnected)
        }
    }
}
