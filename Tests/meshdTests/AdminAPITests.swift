import Foundation
import Mesh
import NIOHTTP1
import Store
import Testing

@testable import meshd

/// The admin API of a real node, over its port and its socket file.
@Suite(.serialized) struct AdminAPITests {
    private static let token = "an-operators-token-for-all-nodes"
    private static let environment = ["MESHD_ADMIN_TOKEN": token]

    @Test("a node is alive, ready, and says where it is, once")
    func life() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            #expect(try await live.request("GET /health/live").status == 200)
            #expect(try await live.request("GET /health/ready").status == 200)
            #expect(live.bannerCount == 1)
            for text in [live.endpoints.s3, live.endpoints.admin, live.endpoints.mesh, "meshd token create"] {
                #expect(live.banner.contains(text), "\(text)")
            }
            let bytes = try #require(try SmallFile.read(live.directory.endpointsFile))
            let written = try JSON.value(Endpoints.self, from: bytes)
            #expect(written == live.endpoints && written.mesh.hasPrefix("127.0.0.1:") && !written.mesh.hasSuffix(":0"))
            let metrics = try await live.request("GET /metrics").body
            #expect(metrics.contains("meshd_ready 1") && metrics.contains("meshd_mesh_members 1"))
            #expect(!FileManager.default.fileExists(atPath: live.directory.path + "/endpoints.json.new"))
        }
    }

    @Test("a wrong token, no token and an unknown path get their envelopes, and nothing else")
    func refusals() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            for token in [nil, "", "wrong", Self.token + "x"] {
                let answer = try await live.request("GET /api/v1/status", token: token)
                #expect(answer.status == 401 && answer.body.contains("\"unauthorized\""), "\(token ?? "none")")
            }
            let unknown = try await live.request("GET /api/v1/nothing", token: Self.token)
            #expect(unknown.status == 404 && unknown.body.contains("\"success\":false"))
        }
    }

    @Test("bad JSON, wrong types and bodies that are too long are refused, and change nothing")
    func badBodies() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let long = "{\"name\":\"" + String(repeating: "x", count: 70 << 10) + "\"}"
            let cases: [(String, String, Int)] = [
                ("POST /api/v1/buckets", "{", 400), ("POST /api/v1/buckets", "{\"name\":7}", 400),
                ("POST /api/v1/buckets", "{\"name\":\"A B\"}", 400), ("POST /api/v1/buckets", long, 413),
                ("POST /api/v1/buckets", "{\"name\":\"good\",\"versioning\":\"maybe\"}", 400),
                ("POST /api/v1/keys", "{\"id\":\"only\"}", 400), ("POST /api/v1/mesh/probe", "{}", 400),
                ("POST /api/v1/mesh/probe", "{\"to\":\"a\",\"via\":\"b\",\"from\":\"c\"}", 400),
                ("POST /api/v1/mesh/decrees", "{\"decree\":\"zz\"}", 400),
                ("POST /api/v1/mesh/decrees", "{\"decree\":\"00\"}", 400), ("GET /api/v1/mesh/diff?a=n1", "", 400),
                ("GET /api/v1/mesh/members/nobody", "", 404), ("GET /api/v1/mesh/why/nobody", "", 404),
            ]
            for (line, body, status) in cases {
                let answer = try await live.request(line, token: Self.token, body: body)
                #expect(
                    answer.status == status && answer.body.contains("\"success\":false"),
                    "\(line) \(body.prefix(60))"
                )
            }
            let buckets = try await live.client().call(.GET, "buckets", as: BucketsAnswer.self)
            #expect(buckets.buckets.isEmpty)
        }
    }

    @Test("a field that a call does not know is refused and named; one that is null is left out")
    func strayFields() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            for (line, body, status, field) in [
                ("POST /api/v1/buckets", "{\"name\":\"photos\",\"copys\":2}", 400, "copys"),
                ("POST /api/v1/tenants", "{\"name\":\"acme\",\"quota\":{\"byte\":5}}", 400, "quota.byte"),
                ("POST /api/v1/buckets", "{\"name\":\"photos\",\"copies\":null}", 201, ""),
                ("PUT /api/v1/buckets/photos/quota", "{\"byte\":5}", 400, "byte"),
                ("PUT /api/v1/buckets/photos/quota", "{\"bytes\":5,\"objects\":null}", 200, ""),
                ("POST /api/v1/mesh/probe", "{\"to\":\"\(live.node.settings.name)\"}", 400, "itself"),
                ("DELETE /api/v1/buckets/photos/version?key=a&version=null", "", 404, "no_such_version"),
            ] as [(String, String, Int, String)] {
                let answer = try await live.request(line, token: Self.token, body: body)
                #expect(answer.status == status && (field.isEmpty || answer.body.contains(field)), "\(line) \(answer)")
            }
        }
    }

    @Test("buckets and keys are made, shown, changed and removed")
    func bucketsAndKeys() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let client = try live.client()
            let new = try JSON.bytes(NewBucket(name: "photos", versioning: "enabled"))
            #expect(try await client.call(.POST, "buckets", body: new, as: BucketAnswer.self).versioning == "enabled")
            await #expect(throws: CommandFailure.self) {
                _ = try await client.call(.POST, "buckets", body: new, as: BucketAnswer.self)
            }
            let key = try await client.call(.POST, "keys", body: JSON.bytes(NewKey()), as: KeyAnswer.self)
            #expect(key.secret?.isEmpty == false && !key.admin)
            let grant = try JSON.bytes(GrantChange(bucket: "photos", rights: ["read"]))
            let granted = try await client.call(.POST, "keys/\(key.id)/grant", body: grant, as: KeyAnswer.self)
            #expect(granted.grants.map(\.rights) == [["read"]] && granted.secret == nil)
            #expect(try await client.call(.GET, "keys", as: KeysAnswer.self).keys.count == 2)
            let status = try await client.call(.GET, "status", as: StatusAnswer.self)
            #expect(status.health == "healthy" && status.name == "n1" && status.accessKeys == 2)
            _ = try await client.call(.DELETE, "keys/\(key.id)", as: Nothing.self)
            _ = try await client.call(.DELETE, "buckets/photos", as: Nothing.self)
            #expect(try await client.call(.GET, "buckets", as: BucketsAnswer.self).buckets.isEmpty)
        }
    }

    @Test("a bucket moves to one of three kinds of places, and in a mesh of one to none")
    func moves() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let new = try JSON.bytes(NewBucket(name: "photos"))
            _ = try await live.client().call(.POST, "buckets", body: new, as: BucketAnswer.self)
            let path = "POST /api/v1/buckets/photos/move"
            for (line, body, status, text) in [
                (path, "{}", 400, "everywhere: true"), (path, "{\"everywhere\":false}", 400, "everywhere: true"),
                (path, "{\"nodes\":[\"n1\"],\"zones\":[\"a\"]}", 400, "everywhere: true"),
                (path, "{\"nodes\":[]}", 400, "1 to 32 nodes"), (path, "{\"zones\":[]}", 400, "1 to 32 zones"),
                (path, "{\"nodes\":[\"nobody\"]}", 404, "nobody"), (path, "{\"node\":[\"n1\"]}", 400, "node"),
                (path, "{\"nodes\":[\"n1\"]}", 409, "There is one node"),
                (path + "?dry-run=true", "{\"nodes\":[\"n1\"]}", 409, "There is one node"),
                (path, "{\"everywhere\":true}", 200, "so already"),
                (path + "?dry-run=true", "{\"everywhere\":true}", 200, "nothing would move"),
                ("POST /api/v1/buckets/none/move", "{\"everywhere\":true}", 404, "no_such_bucket"),
            ] as [(String, String, Int, String)] {
                let answer = try await live.request(line, token: Self.token, body: body)
                #expect(answer.status == status && answer.body.contains(text), "\(line) \(body) \(answer)")
            }
            let shown = try await live.client().call(.GET, "buckets/photos", as: BucketAnswer.self)
            #expect(shown.place == nil && shown.moving == nil)
        }
    }

    @Test("a bucket is made with copies, gets another number, and says what it wants and has")
    func copies() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let client = try live.client()
            let new = try JSON.bytes(NewBucket(name: "photos", copies: 2))
            let made = try await client.call(.POST, "buckets", body: new, as: BucketAnswer.self)
            #expect(made.copies == 2 && made.copiesHeld == 1)
            let change = try JSON.bytes(CopiesChange(copies: 5))
            let order = try await client.call(.PUT, "buckets/photos/copies", body: change, as: OrderAnswer.self)
            #expect(order.message.contains("gets 5 copies") && order.message.contains("there are nodes for 1"))
            let shown = try await client.call(.GET, "buckets/photos", as: BucketAnswer.self)
            #expect(shown.copies == 5 && shown.copiesHeld == 1)
            let again = try await client.call(.PUT, "buckets/photos/copies", body: change, as: OrderAnswer.self)
            #expect(again.message.contains("so already") && again.epoch == order.epoch)
            let status = try await client.call(.GET, "status", as: StatusAnswer.self)
            #expect(status.cluster.findings.map(\.message) == ["bucket photos wants 5 copies, has 1"])
            for (path, body) in [("buckets/photos/copies", 4), ("buckets/none/copies", 3)] {
                await #expect(throws: CommandFailure.self) {
                    let body = try JSON.bytes(CopiesChange(copies: body))
                    _ = try await client.call(.PUT, path, body: body, as: OrderAnswer.self)
                }
            }
        }
    }

    @Test("a command finds a node by its directory, over TLS where there is no socket file, and checks whom it finds")
    func pinnedCertificate() async throws {
        // A socket file's path has 107 bytes at most.
        let path = NSTemporaryDirectory() + "meshd-" + UUID().uuidString + String(repeating: "x", count: 90)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try SmallFile.makeDirectory(path)
        try SmallFile.write(Array(Self.certificate.utf8), to: path + "/tls.pem")
        try SmallFile.write(Array(Self.privateKey.utf8), to: path + "/tls.key")
        let flags = [("admin-tls-certificate", path + "/tls.pem"), ("admin-tls-key", path + "/tls.key")]
        try await LiveNode.run(flags: flags, environment: Self.environment, path: path) { live in
            let client = try live.client()
            guard case .tcp(let host, let port, .pinned(let leaf)) = client.road else {
                Issue.record("the road is \(client.road)")
                return
            }
            #expect(try await client.call(.GET, "status", as: StatusAnswer.self).name == "n1")
            for shield: AdminClient.Shield in [.tls, .none, .pinned(leaf.dropLast() + [leaf.last.map { ~$0 } ?? 0])] {
                let other = AdminClient(road: .tcp(host: host, port: port, shield), token: client.token)
                await #expect(throws: CommandFailure.self) {
                    _ = try await other.call(.GET, "status", as: StatusAnswer.self)
                }
            }
        }
    }

    /// Self-signed, for node.example, for a hundred years; nobody else uses it.
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBhTCCASugAwIBAgIUEHyeD8jGmv6koGe8ZYROuEJNB+swCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMbm9kZS5leGFtcGxlMCAXDTI2MTEyMTA4MzU1OVoYDzIxMjYx
        MDI4MDgzNTU5WjAXMRUwEwYDVQQDDAxub2RlLmV4YW1wbGUwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAAQ6fdUHap7IeCee0XKP/F1uHfxTHGqrqEQBp1SZZlyYFQnn
        42NEkzrWUW+DRVLpBsgLdk+OB9FitXVhB7Agno9Ao1MwUTAdBgNVHQ4EFgQUoAg5
        mq7c4cfHL7iLwqRfR+zAryowHwYDVR0jBBgwFoAUoAg5mq7c4cfHL7iLwqRfR+zA
        ryowDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiACKlouIUMRyPZk
        5/io0uR4tfYOZNlgK8hbxqBiPv+W1wIhAM2x1y8j+ef6esd4G3MVCphksNDQJCl5
        TUYGEYUe01Ok
        -----END CERTIFICATE-----

        """
    private static let privateKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+HxObuIYmLE23MAY
        4mRRXdEYf9B0Q6eLSuRDMJOG5byhRANCAAQ6fdUHap7IeCee0XKP/F1uHfxTHGqr
        qEQBp1SZZlyYFQnn42NEkzrWUW+DRVLpBsgLdk+OB9FitXVhB7Agno9A
        -----END PRIVATE KEY-----

        """

    @Test("a join token in the settings is shown to nobody")
    func secretSettings() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let config = try await live.request("GET /api/v1/config", token: Self.token)
            #expect(config.status == 200 && config.body.contains("\"join\"") && !config.body.contains(Self.token))
        }
    }
}
