import Mesh
import NIOHTTP1
import Store
import Swim
import Testing

@testable import meshd

@Suite struct ConsentFlowTests {
    private static func token() throws -> JoinToken {
        try JoinToken.make(
            adminKey: AdminKey(),
            addresses: [try #require(SeedAddress(parsing: "127.0.0.1:9"))],
            expiresAt: Int64(JSON.nowMillis() / 1_000) + 60,
            epoch: 1,
            secret: Secret(bytes: SecureRandom.bytes(32))
        )
    }

    private static func refusal(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch let failure as CommandFailure {
            return failure.code ?? failure.message
        } catch {
            return "\(error)"
        }
    }

    @Test("a fresh node shows a code; who knows it hands over a token, and nobody else")
    func invited() async throws {
        try await LiveNode.run { live in
            let door = try #require(NewcomerDoor(live.endpoints.admin))
            let look = try await door.look()
            #expect(look.awaitsCode && look.id == live.node.identity.id.description && look.freeBytes > 0)
            let shown = try await live.client().call(.GET, "consent/code", as: CodeAnswer.self)
            let code = try #require(shown.code)
            #expect(live.banner.contains(ConsentDoor.shown(code)))
            let wrong = code == "00000000" ? "00000001" : "00000000"
            #expect(await Self.refusal { _ = try await door.prove(code: wrong, words: "n0 m") } == "wrong_code")
            #expect(try await live.client().call(.GET, "consent/code", as: CodeAnswer.self).triesLeft == 4)
            let proven = try await door.prove(code: code, words: "n0 m")
            try proven.expect(look)
            var other = look
            other.id = String(look.id.reversed())
            #expect(throws: CommandFailure.self) { try proven.expect(other) }
            // Nothing was changed so far.
            #expect(try Invitation.read(in: live.directory.path) == nil && !live.node.consent.isReborn)
            let token = try Self.token()
            try await door.hand(token, to: proven)
            let invitation = try #require(try Invitation.read(in: live.directory.path))
            #expect(invitation.stage == .leaving && invitation.token == token.text && live.node.consent.isReborn)
            #expect(try await !door.look().awaitsCode)
            // The inviter alone may call it back.
            let stranger = Secret(bytes: SecureRandom.bytes(32))
            #expect(await Self.refusal { try await door.end(.undo, bond: stranger) } == "wrong_mark")
            #expect(await Self.refusal { try await door.end(.settle, bond: proven.keys.bond) } == "not_entered")
            try await door.end(.undo, bond: proven.keys.bond)
            #expect(try Invitation.read(in: live.directory.path) == nil)
        }
    }

    @Test("a door keeps how it is protected, and hears no long stories")
    func doors() throws {
        for text in ["https://h:1", "h:1"] { #expect(NewcomerDoor(text)?.text == text) }
        #expect(NewcomerDoor("http://h:1/")?.text == "h:1")
        #expect(NewcomerDoor("h:1")?.client.answerBytesMax == 64 << 10)
    }

    @Test("a node that holds anything shows no code and refuses every knock")
    func holdsSomething() async throws {
        try await LiveNode.run { live in
            let bucket = try JSON.bytes(NewBucket(name: "photos"))
            _ = try await live.client().call(.POST, "buckets", body: bucket, as: BucketAnswer.self)
            let door = try #require(NewcomerDoor(live.endpoints.admin))
            let look = try await door.look()
            #expect(!look.awaitsCode && look.reason?.contains("buckets") == true)
            #expect(look.freeBytes == 0 && look.mesh.isEmpty, "the rest is nobody's business")
            #expect(try await live.client().call(.GET, "consent/code", as: CodeAnswer.self).code == nil)
            #expect(await Self.refusal { _ = try await door.prove(code: "12345678", words: "n0") } == "not_invitable")
        }
    }

    @Test("only its operator sees the code, and what knocks is checked")
    func gates() async throws {
        try await LiveNode.run { live in
            #expect(live.node.reasonAgainstInviting == nil)
            let answer = try await live.request("GET /api/v1/consent/code")
            #expect(answer.status == 401, "only its operator sees the code")
            let form = try await live.exchange("POST /api/v1/consent/knock", ["Content-Type: text/plain"], "{}")
            #expect(form.status == 415)
            let odd = try await live.exchange(
                "POST /api/v1/consent/knock",
                ["Content-Type: application/json"],
                #"{"session":"00","message":"zz","words":""}"#
            )
            #expect(odd.status == 400)
        }
    }

    @Test("an order with wrong codes begins nothing, and says which code is wrong")
    func wrongCodes() async throws {
        try await LiveNode.run { first in
            try await LiveNode.run(flags: [("name", "n2")]) { second in
                let order = ActivationOrder(
                    mode: "pair",
                    nodes: [.init(address: second.endpoints.admin, code: "0000 0000", zone: nil)]
                )
                let answer = try await first.exchange(
                    "POST /api/v1/cluster/activation",
                    ["Authorization: Bearer \(first.node.adminToken.revealed)"],
                    String(decoding: try JSON.bytes(order), as: UTF8.self)
                )
                let code = try await second.client().call(.GET, "consent/code", as: CodeAnswer.self)
                guard code.code != "00000000" else { return }
                #expect(answer.status == 422 && answer.body.contains("nodes[0].code"))
                #expect(first.node.activation.answer == nil && !first.node.activation.isBusy)
                #expect(second.node.reasonAgainstInviting == nil && code.triesLeft == 4)
            }
        }
    }

    @Test("an activation that was under way when its node ended is taken back")
    func restarted() async throws {
        try await LiveNode.run { live in
            let newcomer = Activation.Newcomer(
                id: "00",
                name: "n9",
                address: "127.0.0.1:1",
                zone: "",
                bond: "",
                sinceMillis: 0
            )
            let kept = Activation(id: "a", mode: "pair", copies: nil, nodes: [newcomer], nowMillis: 0)
            try SmallFile.write(try JSON.bytes(kept), to: live.directory.path + "/activation.json")
            let answer = try #require(try ActivationDesk(in: live.directory.path).answer)
            #expect(answer.phase == "undoing" && answer.error != nil)
        }
    }
}
