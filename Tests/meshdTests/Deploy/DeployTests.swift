import ArgumentParser
import Foundation
import Mesh
import NIOHTTP1
import Store
import Testing

@testable import meshd

/// Templates, containers, and the limits that a configuration sets.
@Suite(.serialized) struct DeployTests {
    private static let environment = ["MESHD_ADMIN_TOKEN": "an-operators-token-for-all-nodes"]
    private static let bearer = "Authorization: Bearer an-operators-token-for-all-nodes"

    // MARK: Templates

    @Test("each template names every setting, is valid, and sets limits", arguments: ConfigTemplate.allCases)
    func templates(_ template: ConfigTemplate) throws {
        let text = template.text(name: "cellar", zone: "house")
        let settings = try SettingsSources(file: ("t.toml", text)).resolve()
        #expect(settings.name == "cellar" && settings.zone == "house" && settings.warnings.isEmpty)
        #expect(settings.nodesMax != nil && settings.bucketsMax != nil)
        for setting in Setting.all where !setting.kind.isSecret {
            #expect(text.contains("\n# \(setting.purpose)\n") && text.contains("\(setting.name) = "), "\(setting.name)")
        }
        #expect(!text.contains("\njoin = ") && !text.contains("#join = "))
        // What has a # before it is the default: without it nothing changes.
        let bare = text.split(separator: "\n").map { line -> Substring in
            let rest = line.dropFirst()
            let isDefault = line.hasPrefix("#") && rest.first?.isLetter == true && !rest.hasPrefix("name =")
            return isDefault ? rest : line
        }.joined(separator: "\n")
        let whole = try SettingsSources(file: ("t.toml", bare)).resolve()
        #expect(zip(whole.entries, settings.entries).allSatisfy { $0.text == $1.text })
    }

    // MARK: Containers

    @Test("the file of containers holds no secret, gives each node its own ports, and the first one the admin key")
    func containers() throws {
        for isSwarm in [false, true] {
            let text = ComposeText(nodes: 4, isSwarm: isSwarm, image: "meshd:1").text
            for number in 1...4 {
                #expect(text.contains("\n  n\(number):\n    image: meshd:1\n"))
                #expect(text.contains("--mesh-advertise n\(number):9002 --seeds "))
                #expect(text.contains("- \"\(9000 + (number - 1) * 10):9000\"") == !isSwarm)
                #expect(text.contains("node.labels.meshd == n\(number)") == isSwarm)
            }
            #expect(text.ranges(of: "- admin-key").count == 1 && text.ranges(of: "- join-token").count == 3)
            #expect(!text.contains("\t") && text.contains("file: ./secrets/root-key"))
        }
    }

    @Test("what is written has three secrets that only the owner reads, none of them in another file")
    func files() throws {
        let out = NSTemporaryDirectory() + "compose-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: out) }
        let command = try ComposeCommand.parse(["--nodes", "3", "--out", out, "--no-image-files", "--json"])
        try command.run()
        let yaml = try String(contentsOfFile: out + "/compose.yaml", encoding: .utf8)
        for name in ["admin-key", "root-key", "join-token"] {
            let path = out + "/secrets/" + name
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            for line in try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isNewline) {
                let secret = line.split(separator: "=").last.map(String.init) ?? ""
                #expect(secret.count >= 16 && !yaml.contains(secret))
            }
        }
        #expect(throws: CommandFailure.self) { try command.run() }
    }

    @Test("a token that was signed before the mesh was founded lets nodes into it")
    func earlyToken() async throws {
        let path = NSTemporaryDirectory() + "founder-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let key = AdminKey()
        try SmallFile.makeDirectory(path)
        try SmallFile.write(Array(Hex.encode(key.seed.revealedBytes).utf8), to: path + "/admin-key")
        try await LiveNode.run(path: path) { founder in
            let address = try #require(SeedAddress(parsing: founder.endpoints.mesh))
            let token = try JoinToken.make(
                adminKey: key,
                addresses: [address],
                expiresAt: Int64(JSON.nowMillis() / 1_000) + 600,
                epoch: 1,
                secret: key.epochSecret(1)
            )
            try await LiveNode.run(flags: [("join", token.text), ("name", "n2")]) { joined in
                let own = try await joined.node.mesh().meshID()
                let founded = try await founder.node.mesh().meshID()
                #expect(own == founded)
            }
        }
    }

    // MARK: Limits

    @Test("no more buckets are made than the limit says, and the limit counts what there is")
    func buckets() async throws {
        try await LiveNode.run(flags: [("max-buckets", "2")], environment: Self.environment) { live in
            func make(_ name: String) async throws -> Int {
                let json = ["Content-Type: application/json", Self.bearer]
                return try await live.exchange("POST /api/v1/buckets", json, #"{"name":"\#(name)"}"#).status
            }
            let made = [try await make("first"), try await make("second")]
            #expect(made == [201, 201])
            #expect(try await make("third") == 409)
            #expect(try await live.exchange("DELETE /api/v1/buckets/first", [Self.bearer]).status == 200)
            #expect(try await make("third") == 201)
        }
    }

    @Test("a node with as many bytes as it may have takes no more, says so, and takes more when some are gone")
    func bytes() async throws {
        try await LiveNode.run(flags: [("max-bytes", "64KiB")], environment: Self.environment) { live in
            _ = try await live.exchange(
                "POST /api/v1/buckets",
                ["Content-Type: application/json", Self.bearer],
                #"{"name":"photos"}"#
            )
            func put(_ key: String) async throws -> Int {
                let body = String(repeating: "x", count: 40_000)
                return try await live.exchange("PUT /api/v1/buckets/photos/object?key=\(key)", [Self.bearer], body)
                    .status
            }
            #expect(try await put("a") == 201)
            #expect(try await put("b") == 201)
            #expect(try await put("c") == 507)
            let condition = await live.node.condition()
            #expect(condition.isReadOnly && condition.freeBytes == 0)
            let gone = try await live.exchange("DELETE /api/v1/buckets/photos/object?key=a", [Self.bearer])
            #expect(gone.status == 200)
            #expect(try await put("c") == 201)
        }
    }
}
