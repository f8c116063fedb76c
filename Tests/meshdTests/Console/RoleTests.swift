import Foundation
import HTTPTypes
import Mesh
import NIOHTTP1
import Testing

@testable import meshd

@Suite struct RoleTests {
    // MARK: The table

    @Test("every call of the admin API has the role that it is to have, and what is not known is for admins")
    func table() throws {
        let operators: Set = [
            "get config", "put buckets/x/quota", "post buckets/x/move", "post mesh/probe",
            "patch cluster/nodes/x", "post cluster/nodes/x/drain", "post cluster/nodes/x/forget",
            "post cluster/nodes/x/join", "post cluster/nodes/remove",
            "post cluster/nodes/x/remove", "post cluster/nodes/x/replace",
            "post cluster/nodes/x/resume", "post cluster/rehearsal", "post cluster/repair/limit",
            "post cluster/repair/x", "post replication", "patch replication/x", "delete replication/x",
            "post replication/x/resync", "post replication/x/retry",
        ]
        let admins: Set = [
            "post cluster/activation", "post cluster/activation/cancel", "post cluster/layout/recover",
            "post cluster/packages", "get consent/code", "get discovery", "get discovery/look", "post tenants",
            "delete tenants/x", "patch tenants/x", "post mesh/decrees",
            "post mesh/leave", "get mesh/token-material", "post doctor",
        ]
        let users: Set = [
            "get buckets", "get buckets/x", "get buckets/x/objects", "get buckets/x/object", "get buckets/x/versions",
            "put buckets/x/object", "delete buckets/x/object", "delete buckets/x/version", "post buckets/x/restore",
            "post buckets/x/share", "put buckets/x/versioning", "put buckets/x/copies", "delete buckets/x",
            // Judged where the caller's key is known.
            "post buckets", "get keys", "post keys", "get keys/x", "delete keys/x", "patch keys/x", "post keys/x/grant",
            "post keys/x/revoke",
        ]
        var seen: Set<String> = []
        for (method, path) in try Self.calls() {
            let call = "\(method) \(path)"
            seen.insert(call)
            let least = RoleGate.least(try #require(HTTPRequest.Method(method.uppercased())), path)
            let lists: [(Set<String>, Role)] = [(admins, .admin), (operators, .operator), (users, .user)]
            #expect(least == lists.first { $0.0.contains(call) }?.1 ?? .viewer, "\(call)")
            if least == .viewer { #expect(method == "get", "\(call)") }
        }
        #expect(seen.isSuperset(of: operators.union(admins).union(users)))
        for path in ["keys/x/y", "cluster/nodes/x/drain/y", "something", "", "cluster/repair"] {
            #expect(RoleGate.least(.post, path) == .admin)
        }
        #expect(RoleGate.least(.head, "status") == .viewer && RoleGate.least(.delete, "status") == .admin)
    }

    /// Method and path of each call behind the gate, as the published description has them.
    private static func calls() throws -> [(String, String)] {
        let file = URL(fileURLWithPath: #filePath).appending(path: "../../../../docs/openapi.yaml").standardized
        var path = ""
        var found: [(String, String)] = []
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("  /") {
                path = String(line.dropFirst(2).prefix { $0 != ":" }).replacing(/\{[^}]*\}/, with: "x")
            } else if let match = line.prefixMatch(of: /\s{4}(get|put|post|patch|delete):/), path.hasPrefix("/api/v1/")
            {
                found.append((String(match.1), String(path.dropFirst(8))))
            }
        }
        // Outside the gate: the way in, and what nodes say to each other.
        let open = ["session", "consent", "consent/knock", "consent/prove", "consent/token", "consent/end"]
        return found.filter { !open.contains($0.1) }
    }

    // MARK: On a node

    private static let json = "Content-Type: application/json"
    private static let environment = [
        "MESHD_ROOT_ACCESS_KEY": "MKROOT", "MESHD_ROOT_SECRET_KEY": "the-secret-of-the-root-key",
    ]

    /// Signed in, with what each request is to carry.
    private struct Caller {
        let live: LiveNode
        let headers: [String]

        init(_ live: LiveNode, _ id: String, _ secret: String? = nil) async throws {
            self.live = live
            let answer = try await live.signIn(id, secret ?? "the-secret-of-\(id)")
            #expect(answer.status == 200, "\(id)")
            let (cookie, mark) = try LiveNode.session(answer)
            headers = [cookie, mark, RoleTests.json]
        }

        /// The status, and the code of the refusal.
        func ask(_ line: String, _ body: String = "") async throws -> String {
            let answer = try await live.exchange(line, headers, body)
            let fault = try? JSON.value(Envelope<Nothing>.self, from: Array(answer.body.utf8)).error
            return fault.map { "\(answer.status) \($0.code)" } ?? "\(answer.status)"
        }
    }

    private static func key(_ id: String, _ role: String, _ live: LiveNode) async throws {
        let new = try JSON.bytes(NewKey(id: id, secret: "the-secret-of-\(id)", role: role))
        let key = try await live.client().call(.POST, "keys", body: new, as: KeyAnswer.self)
        #expect(key.role == role && key.admin == (role == "admin"))
    }

    @Test("a viewer sees, an operator runs the mesh, and neither gets at keys, secrets or others' objects")
    func roles() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            try await Self.key("VIEWER", "viewer", live)
            try await Self.key("OPERATOR", "operator", live)
            let (viewer, op) = (try await Caller(live, "VIEWER"), try await Caller(live, "OPERATOR"))
            let bucket = "{\"name\":\"photos\"}"
            for path in ["status", "cluster/status", "events", "keys", "buckets", "mesh/members"] {
                #expect(try await viewer.ask("GET /api/v1/\(path)") == "200", "\(path)")
            }
            #expect(try await viewer.ask("POST /api/v1/buckets", bucket) == "403 not_operator")
            #expect(try await viewer.ask("POST /api/v1/cluster/repair/pause") == "403 not_operator")
            #expect(try await op.ask("POST /api/v1/buckets", bucket) == "201")
            #expect(try await op.ask("POST /api/v1/cluster/repair/pause") == "200")
            #expect(try await op.ask("POST /api/v1/cluster/repair/resume") == "200")
            for caller in [viewer, op] {
                #expect(try await caller.ask("GET /api/v1/mesh/token-material") == "403 not_admin")
                #expect(try await caller.ask("GET /api/v1/consent/code") == "403 not_admin")
                #expect(try await caller.ask("PATCH /api/v1/keys/VIEWER", "{\"role\":\"admin\"}") == "403 not_admin")
                #expect(try await caller.ask("GET /api/v1/buckets/photos/objects") == "403 no_grant")
                #expect(try await caller.ask("GET /api/v1/cluster/where?bucket=photos&key=a") == "403 no_grant")
                #expect(try await caller.ask("PUT /api/v1/buckets/photos/object?key=a", "x") == "403 no_grant")
                #expect(try await caller.ask("DELETE /api/v1/buckets/photos") == "403 no_grant")
                #expect(try await caller.ask("GET /api/v1/mesh/token%2Dmaterial") != "200")
            }
            let name = live.node.settings.name
            let removal = "POST /api/v1/cluster/nodes/\(name)/remove"
            #expect(try await op.ask(removal, "{\"force\":true}") == "403 not_admin")
            #expect(try await op.ask(removal, "{}") == "409 refused", "it is the last holder")
            // What was refused is written down, too.
            let root = try await Caller(live, "MKROOT", "the-secret-of-the-root-key")
            func events(_ query: String, _ caller: Caller) async throws -> String {
                try await live.exchange("GET /api/v1/\(query)", caller.headers).body
            }
            #expect(try await events("events?kind=audit", root).contains("not_operator"))
            // For admins: it names objects and keys.
            #expect(try await root.ask("PUT /api/v1/buckets/photos/object?key=hidden", "x") == "201")
            #expect(try await events("events", root).contains("hidden"))
            for query in ["events", "events?kind=audit,node", "events/export", "events?of=all&text=hidden"] {
                #expect(try await !events(query, viewer).contains("hidden"), "\(query)")
                #expect(try await !events(query, op).contains("writes an object"), "\(query)")
            }
            #expect(try await viewer.ask("GET /api/v1/events?kind=audit") == "403 not_admin")
            #expect(try await op.ask("GET /api/v1/events/export?kind=sign-in,audit") == "403 not_admin")
            // Fewer copies are no operator's matter, more are; a viewer has to own the bucket for both.
            #expect(try await viewer.ask("PUT /api/v1/buckets/photos/copies", "{\"copies\":5}") == "403 no_grant")
            #expect(try await op.ask("PUT /api/v1/buckets/photos/copies", "{\"copies\":1}") == "403 no_grant")
            #expect(try await op.ask("PUT /api/v1/buckets/photos/copies", "{\"copies\":5}") == "200")
        }
    }

    @Test("a user sees the buckets where he has a grant, does there what it says, and is told of nothing else")
    func users() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let client = try live.client()
            let new = try JSON.bytes(NewKey(id: "USER", secret: "the-secret-of-USER"))
            _ = try await client.call(.POST, "keys", body: new, as: KeyAnswer.self)
            for name in ["shared", "private"] {
                let body = try JSON.bytes(NewBucket(name: name))
                _ = try await client.call(.POST, "buckets", body: body, as: BucketAnswer.self)
            }
            let user = try await Caller(live, "USER")
            func buckets() async throws -> String {
                try await live.exchange("GET /api/v1/buckets", user.headers).body
            }
            #expect(try await !buckets().contains("shared"))
            #expect(try await user.ask("GET /api/v1/buckets/shared") == "403 no_grant")
            let grant = try JSON.bytes(GrantChange(bucket: "shared", rights: ["read"]))
            _ = try await client.call(.POST, "keys/USER/grant", body: grant, as: KeyAnswer.self)
            let seen = try await buckets()
            #expect(seen.contains("shared") && !seen.contains("private"))
            #expect(try await user.ask("GET /api/v1/buckets/shared") == "200")
            #expect(try await user.ask("GET /api/v1/buckets/shared/objects") == "200")
            #expect(try await user.ask("PUT /api/v1/buckets/shared/object?key=a", "x") == "403 no_grant")
            #expect(try await user.ask("GET /api/v1/buckets/private/objects") == "403 no_grant")
            #expect(try await user.ask("PUT /api/v1/buckets/shared/copies", "{\"copies\":5}") == "403 no_grant")
            for path in ["status", "cluster/status", "events", "keys", "mesh/members", "stream", "metrics/history"] {
                #expect(try await user.ask("GET /api/v1/\(path)") == "403 not_viewer", "\(path)")
            }
            #expect(try await user.ask("POST /api/v1/buckets", "{\"name\":\"mine\"}") == "403 not_operator")
        }
    }

    @Test("grants open what is in a bucket, whatever the role; a role that is given or taken counts at once")
    func grants() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            try await Self.key("VIEWER", "viewer", live)
            let viewer = try await Caller(live, "VIEWER")
            let client = try live.client()
            _ = try await client.call(
                .POST,
                "buckets",
                body: JSON.bytes(NewBucket(name: "photos")),
                as: BucketAnswer.self
            )
            func give(_ right: String) async throws {
                let grant = try JSON.bytes(GrantChange(bucket: "photos", rights: [right]))
                _ = try await client.call(.POST, "keys/VIEWER/grant", body: grant, as: KeyAnswer.self)
            }
            try await give("read")
            #expect(try await viewer.ask("GET /api/v1/buckets/photos/objects") == "200")
            #expect(try await viewer.ask("PUT /api/v1/buckets/photos/object?key=a", "x") == "403 no_grant")
            try await give("write")
            #expect(try await viewer.ask("PUT /api/v1/buckets/photos/object?key=a", "x") == "201")
            #expect(
                try await viewer.ask("PUT /api/v1/buckets/photos/versioning", "{\"versioning\":\"enabled\"}")
                    == "403 no_grant"
            )
            try await give("owner")
            #expect(
                try await viewer.ask("PUT /api/v1/buckets/photos/versioning", "{\"versioning\":\"enabled\"}") == "200"
            )

            func set(_ change: KeyChange) async throws -> KeyAnswer {
                try await client.call(.PATCH, "keys/VIEWER", body: JSON.bytes(change), as: KeyAnswer.self)
            }
            #expect(try await set(KeyChange(role: "operator")).role == "operator")
            #expect(
                try await viewer.ask("POST /api/v1/buckets", "{\"name\":\"films\"}") == "201",
                "the session has the new role"
            )
            #expect(try await set(KeyChange(role: "none")).role == "none")
            #expect(try await viewer.ask("GET /api/v1/status") == "403 not_viewer")
            #expect(try await viewer.ask("GET /api/v1/buckets/photos/objects") == "200")
            #expect(try await set(KeyChange(admin: true)).role == "admin")
            for wrong in [KeyChange(role: "root"), KeyChange(admin: true, role: "viewer")] {
                await #expect(throws: (any Error).self) { _ = try await set(wrong) }
            }
        }
    }
}
