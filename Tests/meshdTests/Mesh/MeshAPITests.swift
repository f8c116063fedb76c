import ArgumentParser
import Foundation
import Mesh
import NIOHTTP1
import Swim
import Testing

@testable import meshd

/// The mesh part of the admin API and the commands, over real nodes on loopback.
@Suite(.serialized) struct MeshAPITests {
    private static let environment = ["MESHD_ADMIN_TOKEN": "an-operators-token-for-all-nodes"]

    /// Asks until the answer is as wanted; the test's time limit ends a wait that is in vain.
    private static func wait(_ isReached: () async throws -> Bool) async throws {
        // More often would be more questions than a node answers.
        while (try? await isReached()) != true { try await Task.sleep(for: .milliseconds(200)) }
    }

    private static func token(of live: LiveNode) async throws -> String {
        let command = try TokenCommand.Create.parse(["--data-dir", live.directory.path, "--expires", "1m"])
        return try await command.make().token
    }

    @Test("a node that is alone is a mesh of one, and the doctor finds it well", .timeLimit(.minutes(10)))
    func alone() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let client = try live.client()
            let report = try await client.call(.GET, "mesh/members", as: MembersReport.self)
            #expect(report.members.map(\.name) == ["n1"] && report.agreeing == 1 && report.seenFrom == "n1")
            #expect(report.members[0].state == .alive && report.members[0].reach == "self")
            let answer = try await client.call(.GET, "mesh/doctor", as: DiagnosesAnswer.self)
            #expect(answer.diagnoses.count == 10 && answer.diagnoses.allSatisfy { $0.status != .error })
            let keys = try await client.call(.GET, "mesh/keys", as: EpochsReport.self)
            #expect(keys.sending == 1 && keys.decrees.isEmpty)
        }
    }

    @Test("a node that is alone is found on its network, with its name and its free space", .timeLimit(.minutes(10)))
    func discovery() async throws {
        let name = "lan-\(UInt32.random(in: 0 ... .max))"
        try await LiveNode.run(flags: [("name", name)], environment: Self.environment) { live in
            try await Self.wait {
                let found = try await LanSearch.search(millis: 300).first { $0.node.name == name }
                guard let found else { return false }
                #expect(found.node.mesh == live.endpoints.mesh && found.node.version == Meshd.version)
                #expect(found.node.freeBytes > 0 && found.node.id == live.node.identity.id)
                return true
            }
        }
    }

    @Test("a token lets a second node in; both are seen, asked, compared; one leaves", .timeLimit(.minutes(10)))
    func two() async throws {
        try await LiveNode.run(environment: Self.environment) { first in
            let flags = [("name", "n2"), ("join", try await Self.token(of: first))]
            try await LiveNode.run(flags: flags, environment: Self.environment) { second in
                let (one, two) = (try first.client(), try second.client())
                try await Self.wait {
                    let agree = try await one.call(.GET, "mesh/agree", as: AgreeReport.self)
                    let report = try await one.call(.GET, "mesh/members", as: MembersReport.self)
                    return agree.agreeing == 2 && report["n2"] != nil
                }
                let prefix = second.node.identity.id.description.prefix(12)
                let line = try await one.call(.GET, "mesh/members/\(prefix)", as: MemberLine.self)
                #expect(line.name == "n2" && line.state == .alive)
                // A word of the join may still be on its way.
                try await Self.wait {
                    try await two.call(.GET, "mesh/diff?a=n1&b=n2", as: DiffReport.self).differences.isEmpty
                }
                let body = try JSON.bytes(ProbeOrder(to: "n2"))
                // A datagram may be lost.
                try await Self.wait {
                    let probe = try await one.call(.POST, "mesh/probe", body: body, as: ProbeReport.self)
                    return probe.datagram.isAnswered && probe.fullDatagram.isAnswered && probe.stream.isAnswered
                }
                try await Self.wait {
                    let status = try await two.call(.GET, "status", as: StatusAnswer.self)
                    return status.present == 2 && status.mode == "ha"
                }
                #expect(try await two.call(.POST, "mesh/leave", as: LeaveAnswer.self).left == "n2")
                try await Self.wait {
                    try await one.call(.GET, "mesh/members/n2", as: MemberLine.self).state == .left
                }
                #expect(try await second.request("GET /health/ready").status == 200)
                await #expect(throws: CommandFailure.self) {
                    _ = try await two.call(.GET, "mesh/members", as: MembersReport.self)
                }
            }
        }
    }

    @Test("a signed decree rotates the key and expels; a stranger's decree is refused", .timeLimit(.minutes(10)))
    func decrees() async throws {
        try await LiveNode.run(environment: Self.environment) { first in
            let flags = [("name", "n2"), ("join", try await Self.token(of: first))]
            try await LiveNode.run(flags: flags, environment: Self.environment) { second in
                let (one, two) = (try first.client(), try second.client())
                try await Self.wait {
                    try await one.call(.GET, "mesh/members", as: MembersReport.self)["n2"]?.state == .alive
                }
                let stranger = DecreeErrand(client: one, key: AdminKey())
                await #expect(throws: CommandFailure.self) { _ = try await stranger.proclaim(.rotate, reason: "x") }
                let options = try ClientOptions.parse(["--data-dir", first.directory.path])
                let errand = DecreeErrand(client: two, key: try AdminKeyOption.parse([]).read(options))
                #expect(try await errand.proclaim(.rotate, reason: "spring").epoch == 2)
                try await Self.wait { try await one.call(.GET, "mesh/keys", as: EpochsReport.self).newest == 2 }
                let expulsion = try await DecreeErrand(client: one, key: errand.key)
                    .proclaim(.expel(second.node.identity.id), reason: "stolen")
                #expect(expulsion.kind == "expel" && expulsion.sequence == 2)
                try await Self.wait {
                    try await one.call(.GET, "mesh/members", as: MembersReport.self)
                        .members.contains { $0.state == .expelled && $0.note == "stolen" }
                }
                let why = try await one.call(.GET, "mesh/why/n2", as: WhyReport.self)
                #expect(why.state == .expelled && why.reason == "stolen")
            }
        }
    }

    @Test("the list of a node that is down is read from its directory", .timeLimit(.minutes(10)))
    func savedList() async throws {
        let path = NSTemporaryDirectory() + "meshd-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await LiveNode.run(environment: Self.environment, path: path) { _ in }
        let command = try MembersCommand.parse(["--data-dir", path])
        let (report, isSaved) = try await command.look()
        #expect(isSaved && report.seenFrom == "n1" && report.members.count == 1)
    }
}
