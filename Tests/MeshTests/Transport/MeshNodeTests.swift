import Foundation
import Mesh
import Swim
import Testing

/// Whole nodes over real sockets. One after the other: each test is a mesh, and the machine is shared.
@Suite(.serialized, .timeLimit(.minutes(10))) struct MeshNodeTests {
    @Test("a node without a mesh founds one, and others join it with one token")
    func found() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(5)
            #expect(try MeshState.adminKey(in: machines[0].directory) != nil)
            #expect(try MeshState.adminKey(in: machines[1].directory) == nil)
            for machine in machines {
                let report = try await machine.node!.report()
                #expect(report.present == 5)
                #expect(report.members.map(\.name) == ["n0", "n1", "n2", "n3", "n4"])
                #expect(report.members.allSatisfy { $0.state == .alive && $0.zone == "z1" })
                #expect(report.seenFrom == machine.name)
                #expect(report.meshID.count == 64 && report.epoch == 1)
                #expect(report[machine.name]?.reach == "self")
            }
            // One that was suspected for a moment says so to all.
            func digests() async throws -> Set<String> {
                Set(try await [machines[0].node!.report().viewDigest, machines[4].node!.report().viewDigest])
            }
            while try await digests().count > 1 { try await Task.sleep(for: .milliseconds(50)) }
        }
    }

    @Test("a killed node is suspect and then dead for everybody, each can say why, and it comes back")
    func killAndReturn() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(4)
            let victim = machines[3]
            await bed.kill(victim)
            for machine in machines.prefix(3) {
                try await machine.tap.line("member n3 is suspect")
                try await machine.tap.line("member n3 is dead")
                let why = try await machine.node!.why(NodeRef("n3"))
                #expect(why.state == .dead && why.subject == "n3")
                #expect(!why.evidence.isEmpty, "nobody dies without evidence")
                #expect(why.entries.contains { $0.what == "became suspect" })
                #expect(why.entries.last?.what == "became dead")
                #expect(why.entries.contains { $0.what == "accused" && $0.by != [] })
            }
            let marks = machines.prefix(3).map(\.tap.mark)
            try await bed.start(victim)
            for (machine, mark) in zip(machines, marks) {
                try await machine.tap.line("member n3 is alive", after: mark)
            }
            let line = try await machines[0].node!.report()["n3"]
            #expect(line?.state == .unstable || line?.state == .alive)
            #expect(
                try await victim.node!.report().present == 4,
                "the returned node knows the others from its snapshot"
            )
        }
    }

    @Test("a node that leaves is gone at once and not called dead")
    func leave() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(3)
            await machines[2].node!.stop(leave: true)
            machines[2].node = nil
            for machine in machines.prefix(2) {
                try await machine.tap.line("member n2 is left")
                #expect(!machine.tap.lines.contains { $0.contains("member n2 is dead") })
                #expect(try await machine.node!.report()["n2"]?.state == .left)
            }
        }
    }

    @Test("an expelled node is out everywhere and cannot come back, and the keys are new")
    func expel() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(4)
            let token = try await bed.token(machines[0])
            let outcast = machines[3]
            let (decree, secret) = try bed.decree(machines[0], .expel(outcast.identity.id), epoch: 2, reason: "stolen")
            try await machines[1].node!.decree(decree, secret: secret)
            for machine in machines.prefix(3) {
                try await machine.tap.line("member n3 is expelled")
                try await machine.tap.line("sealing with key epoch 2")
                let why = try await machine.node!.why(NodeRef("n3"))
                #expect(why.state == .expelled && why.reason == "stolen")
            }
            try await outcast.tap.line("this node was expelled")
            await bed.kill(outcast)
            // Neither its old place nor a new name with the old token opens the door.
            try FileManager.default.removeItem(atPath: MeshState.file(in: outcast.directory))
            await #expect(throws: MeshError.self) { try await bed.start(outcast, token: token) }
            let stranger = try bed.machine("n4")
            await #expect(throws: MeshError.self) { try await bed.start(stranger, token: token) }
            #expect(try await machines[0].node!.report().present == 3)
        }
    }

    @Test("a rotation reaches everybody, and the one who slept through it")
    func rotate() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(4)
            let sleeper = machines[3]
            let early = try await bed.token(machines[0])
            await bed.kill(sleeper)
            let (decree, _) = try bed.decree(machines[0], .rotate, epoch: 2, reason: "monthly")
            // Without a secret the node where it is commanded makes one.
            try await machines[2].node!.decree(decree, secret: nil)
            for machine in machines.prefix(3) { try await machine.tap.line("sealing with key epoch 2") }
            try await bed.start(sleeper)
            try await sleeper.tap.line("sealing with key epoch 2")
            let epochs = try await sleeper.node!.epochs()
            #expect(epochs.newest == 2 && epochs.sending == 2 && epochs.decrees.count == 1)
            // What was made before the rotation lets no stranger in any more; what is made after it does.
            let stranger = try bed.machine("n4")
            do {
                try await bed.start(stranger, token: early)
                Issue.record("a token of the old epoch let a stranger in")
            } catch let MeshError.notAdmitted(reason) {
                #expect(reason.contains(TokenError.withdrawn.description), "\(reason)")
            }
            try await bed.start(stranger, token: try await bed.token(machines[0]))
            try await machines[0].tap.line("member n4 is alive")
            let mark = machines[0].tap.mark
            await bed.kill(machines[2])
            try await machines[0].tap.line("member n2 is dead", after: mark)
            #expect(try await machines[0].node!.report()["n3"]?.state != .dead)
        }
    }

    @Test("a decree that the admin did not sign, or of an old epoch, is refused")
    func badDecrees() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(2)
            var (forged, secret) = try bed.decree(machines[0], .rotate, epoch: 2, reason: "")
            forged.signature = Signature(bytes: AdminKey().sign(forged.signedBytes))!
            await #expect(throws: MeshError.self) { try await machines[1].node!.decree(forged, secret: secret) }
            let (old, _) = try bed.decree(machines[0], .rotate, epoch: 1, reason: "")
            await #expect(throws: MeshError.self) { try await machines[1].node!.decree(old, secret: nil) }
            #expect(try await machines[1].node!.epochs().announced == 1)
        }
    }

    @Test("a restarted node is the same member in a new life, and knows the others' names before they speak")
    func restart() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(3)
            let before = try await machines[1].node!.report()
            await bed.kill(machines[1])
            #expect(MeshNode.savedReport(in: machines[1].directory)?.members.count == 3)
            try await bed.start(machines[1])
            let after = try await machines[1].node!.report()
            #expect(after.meshID == before.meshID && after.seenFromID == before.seenFromID)
            #expect(Set(after.members.map(\.name)) == ["n0", "n1", "n2"])
            #expect(after["n1"]!.generation > before["n1"]!.generation)
            let diff = try await machines[0].node!.diff(NodeRef("n0"), NodeRef("n2"))
            #expect(diff.a == "n0" && diff.b == "n2")
        }
    }

    @Test("a node that lost its own key says so, and is a new member with a token")
    func lostKey() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(2)
            await bed.kill(machines[1])
            machines[1].identity = NodeIdentity()
            await #expect(throws: MeshError.self) { try await bed.start(machines[1]) }
            let mark = machines[0].tap.mark
            try await bed.start(machines[1], token: try await bed.token(machines[0]))
            try await machines[0].tap.line("member n1 is alive", after: mark)
        }
    }

    @Test("a start that waits for a member to let it in is given up at once")
    func givenUp() async throws {
        try await MeshBed.with { bed in
            let founder = try bed.machine("n1")
            try await bed.start(founder)
            // Nobody listens there.
            let token = try await bed.token(founder, to: ["127.0.0.1:9"])
            let directory = try bed.machine("n2").directory
            let description = Description(name: "n2")
            var settings = MeshNodeSettings(
                listenHost: "127.0.0.1",
                listenPort: 0,
                directory: directory,
                description: description
            )
            settings.joinToken = token
            let tap = LogTap("n2")
            let node = try MeshNode(settings, identity: NodeIdentity(), logger: tap.logger)
            let start = Task { try await node.start() }
            try await tap.line("no member lets this node in yet")
            node.giveUp()
            await #expect(throws: MeshError.stopped) { try await start.value }
        }
    }

    @Test("a node for which nobody named a zone takes its token's, also in its next life")
    func tokenZone() async throws {
        try await MeshBed.with { bed in
            let founder = try bed.machine("n1")
            try await bed.start(founder) { $0.description.zone = "" }
            #expect(founder.node!.zone == "default")
            let guest = try bed.machine("n2")
            let token = try await bed.token(founder, zone: "attic")
            try await bed.start(guest, token: token) { $0.description.zone = "" }
            #expect(guest.node!.zone == "attic")
            // What meshd says again and again, without a zone of its own, changes nothing.
            guest.node!.describe(Description(name: "n2", s3: "127.0.0.1:9"))
            try await founder.tap.line("member n2 is alive")
            await bed.kill(guest)
            try await bed.start(guest) { $0.description.zone = "" }
            #expect(guest.node!.zone == "attic")
            #expect(try await guest.node!.report()["n2"]?.zone == "attic")
            await bed.kill(guest)
            try await bed.start(guest) { $0.description.zone = "cellar" }
            #expect(guest.node!.zone == "cellar")
        }
    }

    @Test("of two seeds in a token one may be dead")
    func deadSeed() async throws {
        try await MeshBed.with { bed in
            let founder = try bed.machine("n0")
            try await bed.start(founder)
            let here = founder.endpoint!.description
            let token = try await bed.token(founder, to: ["127.0.0.1:9", "localhost:9", here])
            let second = try bed.machine("n1")
            try await bed.start(second, token: token)
            try await founder.tap.line("member n1 is alive")
            try await second.tap.line("member n0 is alive")
        }
    }

    @Test("a token that has expired, or is of another mesh, is refused with a sentence")
    func badTokens() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(2)
            let stranger = try bed.machine("n2")
            let expired = try await bed.token(machines[0], seconds: -1)
            await #expect(throws: MeshError.badToken(TokenError.expired.description)) {
                try await bed.start(stranger, token: expired)
            }
            let other = try bed.machine("other")
            try await bed.start(other)
            let elsewhere = try await bed.token(other)
            await bed.kill(machines[1])
            do {
                try await bed.start(machines[1], token: elsewhere)
                Issue.record("a member of one mesh took the token of another")
            } catch let MeshError.badToken(reason) {
                #expect(reason.contains("this node belongs to mesh"))
            }
            // A node that is alone in a mesh of its own may still move.
            let lonely = try bed.machine("lonely")
            try await bed.start(lonely)
            await bed.kill(lonely)
            try await bed.start(lonely, token: try await bed.token(machines[0]))
            try await machines[0].tap.line("member lonely is alive")
            #expect(try MeshState.adminKey(in: lonely.directory) == nil)
        }
    }

    @Test("a probe tries every way, from here, from elsewhere and in another's place")
    func probe() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(3)
            #expect(try await machines[0].node!.report()["n1"]?.clockSkewMillis == nil, "nobody asked yet")
            var straight = try await machines[0].node!.probe(NodeRef("n1"), via: nil, from: nil)
            // A datagram may be lost.
            for _ in 0..<10 where !(straight.datagram.isAnswered && straight.fullDatagram.isAnswered) {
                straight = try await machines[0].node!.probe(NodeRef("n1"), via: nil, from: nil)
            }
            #expect(straight.datagram.isAnswered && straight.fullDatagram.isAnswered && straight.stream.isAnswered)
            #expect(straight.from == "n0" && straight.to == "n1" && straight.datagramBytes == 1_200)
            let skew = try #require(try await machines[0].node!.report()["n1"]?.clockSkewMillis)
            #expect(skew.magnitude < 2_000, "it is one clock")
            let elsewhere = try await machines[0].node!.probe(NodeRef("n1"), via: nil, from: NodeRef("n2"))
            #expect(elsewhere.from == "n2" && elsewhere.datagram.isAnswered)
            let relayed = try await machines[0].node!.probe(NodeRef("n1"), via: NodeRef("n2"), from: nil)
            #expect(relayed.from == "n0" && relayed.via == "n2" && relayed.to == "n1")
            await #expect(throws: MeshError.self) {
                try await machines[0].node!.probe(NodeRef("nobody"), via: nil, from: nil)
            }
        }
    }
}
