import Mesh
import Swim
import Synchronization
import Testing

/// What a node tells its own coordinators about the others.
@Suite(.serialized, .timeLimit(.minutes(10))) struct PresenceTests {
    @Test("presence names every member with address and zone, and changes when a member is killed")
    func changes() async throws {
        try await MeshBed.with { bed in
            let machines = try await bed.mesh(3)
            let node = machines[0].node!
            let (changes, news) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            node.onPresence { _ in news.yield() }
            news.yield()
            var presence = node.presence
            #expect(presence.own == machines[0].identity.id && presence.peers.count == 3)
            // A member is seen alive a moment before its name and zone are known.
            for await _ in changes {
                presence = node.presence
                if machines.allSatisfy({ presence[$0.identity.id]?.name == $0.name }) { break }
            }
            for machine in machines {
                let peer = try #require(presence[machine.identity.id])
                #expect(peer.status == .alive && peer.endpoint == machine.endpoint)
                #expect(peer.name == machine.name && peer.zone == "z1")
            }
            let lost = machines[2].identity.id
            await bed.kill(machines[2])
            for await _ in changes {
                presence = node.presence
                if presence[lost]?.status == .dead { break }
            }
            #expect(!presence.isPresent(lost) && presence.isPresent(machines[1].identity.id))
        }
    }
}
