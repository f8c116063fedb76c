import Foundation
import Mesh
import Swim
import Testing

/// What a node keeps of its mesh, when the disk fails or the file was damaged.
@Suite(.serialized, .timeLimit(.minutes(10))) struct MeshStateTests {
    @Test("a decree that cannot be written did not happen, and can be given again")
    func unwritable() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(2)
            let (decree, secret) = try bed.decree(machines[0], .rotate, epoch: 2, reason: "")
            let node = machines[1].node!
            let away = machines[1].directory + ".away"
            try FileManager.default.moveItem(atPath: machines[1].directory, toPath: away)
            await #expect(throws: MeshError.self) { try await node.decree(decree, secret: secret) }
            await #expect(throws: MeshError.self) { try await node.decree(decree, secret: secret) }
            let epochs = try await node.epochs()
            #expect(epochs.newest == 1 && epochs.announced == 1 && epochs.decrees.isEmpty)
            // Once for each trouble: a write that was under way when the folder went met another one.
            let told = machines[1].tap.lines.filter { $0.contains("mesh-state cannot be written") }
            #expect(!told.isEmpty && Set(told).count == told.count)
            try FileManager.default.moveItem(atPath: away, toPath: machines[1].directory)
            try await node.decree(decree, secret: secret)
            let state = try #require(try MeshState.read(from: machines[1].directory))
            #expect(state.decrees == [decree] && state.keyring.newest == 2, "it is on disk when the call returns")
            for machine in machines { try await machine.tap.line("sealing with key epoch 2") }
        }
    }

    @Test("a decree that only the snapshot remembers is written to the state again")
    func forgottenDecree() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(2)
            let outcast = NodeIdentity().id
            let (decree, secret) = try bed.decree(machines[0], .expel(outcast), epoch: 2, reason: "lost")
            try await machines[0].node!.decree(decree, secret: secret)
            try await machines[1].tap.line("sealing with key epoch 2")
            await bed.kill(machines[1])
            var state = try #require(try MeshState.read(from: machines[1].directory))
            state.decrees = []
            try state.write(to: machines[1].directory)
            try await bed.start(machines[1])
            var decrees: [Decree] = []
            while decrees.isEmpty {
                await Task.yield()
                decrees = try MeshState.read(from: machines[1].directory)?.decrees ?? []
            }
            #expect(decrees == [decree])
        }
    }

    @Test("a state with numbers that no life could have is damaged")
    func damagedState() async throws {
        try await MeshBed.with { bed in
            let machine = try bed.machine("n0")
            try await bed.start(machine)
            await bed.kill(machine)
            let file = MeshState.file(in: machine.directory)
            let text = try String(contentsOfFile: file, encoding: .utf8)
            for (key, value) in [
                ("generation", "18446744073709551615"), ("generation", "9223372036854775808"), ("addedAt", "-1"),
                ("addedAt", "9223372036854775807"),
            ] {
                let broken = text.replacing(try Regex("\"\(key)\" : [0-9]+"), with: "\"\(key)\" : \(value)")
                #expect(broken != text)
                try broken.write(toFile: file, atomically: true, encoding: .utf8)
                do {
                    _ = try MeshState.read(from: machine.directory)
                    Issue.record("\(key) of \(value) was believed")
                } catch { #expect("\(error)".contains("is damaged")) }
            }
        }
    }
}
