import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Store
import Testing

@testable import Mesh
@testable import meshd

/// Tenants and quotas on a node, by S3 and by the admin API.
@Suite(.serialized) struct TenantTests {
    private static let environment = [
        "MESHD_ROOT_ACCESS_KEY": "MKROOT", "MESHD_ROOT_SECRET_KEY": "the-secret-of-MKROOT",
    ]

    /// Signs S3 requests with one key.
    private struct S3Caller: Sendable {
        let http: HTTPClient
        let endpoint: String
        let id: String

        func ask(_ method: HTTPMethod, _ target: String, _ body: String = "", _ more: [(String, String)] = [])
            async throws -> (status: Int, text: String)
        {
            var headers = [("host", endpoint)] + more
            try S3Signer(accessKey: id, secret: "the-secret-of-\(id)", region: "us-east-1").sign(
                method: method.rawValue,
                target: target,
                headers: &headers,
                payload: "UNSIGNED-PAYLOAD",
                now: JSON.nowMillis() / 1_000
            )
            var request = HTTPClientRequest(url: "http://" + endpoint + target)
            request.method = method
            request.headers = HTTPHeaders(headers)
            if method == .PUT || method == .POST { request.body = .bytes(ByteBuffer(string: body)) }
            let answer = try await http.execute(request, timeout: .seconds(30))
            let bytes = try await answer.body.collect(upTo: 1 << 20)
            return (Int(answer.status.code), String(buffer: bytes))
        }

        /// The status, and the code of the refusal.
        func code(_ method: HTTPMethod, _ target: String, _ body: String = "", _ more: [(String, String)] = [])
            async throws -> String
        {
            let answer = try await ask(method, target, body, more)
            let code = TargetAnswer(status: answer.status, headers: [:], body: answer.text).code
            return code.isEmpty ? "\(answer.status)" : "\(answer.status) \(code)"
        }
    }

    private struct Bench: Sendable {
        let live: LiveNode
        let http: HTTPClient

        static func run(
            flags: [(String, String)] = [],
            _ body: @escaping @Sendable (Bench) async throws -> Void
        ) async throws {
            let http = S3Target.client()
            let result = await Task {
                try await LiveNode.run(flags: flags, environment: TenantTests.environment) { live in
                    try await body(Bench(live: live, http: http))
                }
            }.result
            try await http.shutdown()
            try result.get()
        }

        func s3(_ id: String) -> S3Caller { S3Caller(http: http, endpoint: live.endpoints.s3, id: id) }

        @discardableResult
        func call<Value: Codable & Sendable>(
            _ method: HTTPMethod,
            _ path: String,
            _ body: (any Encodable & Sendable)? = nil,
            as type: Value.Type
        ) async throws -> Value {
            try await live.client().call(method, path, body: body.map { try JSON.bytes($0) }, as: type)
        }

        func tenant(_ name: String, _ quota: TenantQuota? = nil) async throws {
            try await call(.POST, "tenants", NewTenant(name: name, quota: quota), as: TenantAnswer.self)
        }

        func key(_ id: String, of tenant: String?, isAdmin: Bool = false) async throws {
            let new = NewKey(
                id: id,
                secret: "the-secret-of-\(id)",
                tenant: tenant,
                tenantAdmin: tenant == nil ? nil : isAdmin
            )
            try await call(.POST, "keys", new, as: KeyAnswer.self)
        }

        /// The code of the refusal; nil: there was none.
        func refusal(_ method: HTTPMethod, _ path: String, _ body: any Encodable & Sendable) async -> String? {
            do {
                _ = try await live.client().call(method, path, body: JSON.bytes(body), as: Nothing.self)
                return nil
            } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
        }

        /// A call of the admin API by somebody who is signed in.
        func ask(_ headers: [String], _ line: String, _ body: String = "") async throws -> String {
            let answer = try await live.exchange(line, headers + ["Content-Type: application/json"], body)
            let fault = try? JSON.value(Envelope<Nothing>.self, from: Array(answer.body.utf8)).error
            return fault.map { "\(answer.status) \($0.code)" } ?? "\(answer.status)"
        }

        func signIn(_ id: String) async throws -> [String] {
            let answer = try await live.signIn(id, "the-secret-of-\(id)")
            let (cookie, mark) = try LiveNode.session(answer)
            return [cookie, mark]
        }
    }

    @Test("two tenants have buckets of one name, see their own and nothing else, and not even by asking")
    func isolation() async throws {
        try await Bench.run { bench in
            for tenant in ["acme", "bell"] {
                try await bench.tenant(tenant)
                try await bench.key("ADMIN-\(tenant)", of: tenant, isAdmin: true)
                let s3 = bench.s3("ADMIN-\(tenant)")
                #expect(try await s3.code(.PUT, "/photos") == "200")
                #expect(try await s3.code(.PUT, "/photos/k", tenant) == "200")
            }
            let (acme, bell, root) = (bench.s3("ADMIN-acme"), bench.s3("ADMIN-bell"), bench.s3("MKROOT"))
            #expect(try await root.code(.PUT, "/common") == "200")
            for (caller, tenant) in [(acme, "acme"), (bell, "bell")] {
                #expect(try await caller.ask(.GET, "/photos/k").text == tenant)
                let list = try await caller.ask(.GET, "/").text
                #expect(list.contains("<Name>photos</Name>") && !list.contains("\(tenant):"))
                #expect(!list.contains("common"))
                #expect(try await caller.ask(.GET, "/photos?list-type=2").text.contains("<Name>photos</Name>"))
            }
            #expect(try await acme.code(.GET, "/common/k") == "404 NoSuchBucket")
            for target in ["/bell:photos/k", "/acme:photos/k", "/bell%3Aphotos/k", "/:photos/k", "/bell:nothing/k"] {
                #expect(try await acme.code(.GET, target) == "400 InvalidBucketName", "\(target)")
            }
            let source = [("x-amz-copy-source", "bell:photos/k")]
            #expect(try await acme.code(.PUT, "/photos/copy", "", source) == "400 InvalidBucketName")
            #expect(try await acme.code(.PUT, "/photos/copy", "", [("x-amz-copy-source", "photos/k")]) == "200")

            // An admin of the mesh reaches both by their full names, and does not see them among his own.
            #expect(try await root.ask(.GET, "/bell:photos/k").text == "bell")
            #expect(try await root.ask(.GET, "/acme%3Aphotos/copy").text == "acme")
            let list = try await root.ask(.GET, "/").text
            #expect(list.contains("common") && !list.contains("photos"))
            #expect(try await root.code(.PUT, "/acme:mine") == "400 InvalidBucketName")
            // A plain key is no way round.
            try await bench.key("PLAIN", of: nil)
            let grant = GrantChange(bucket: "acme:photos", rights: ["owner"])
            #expect(await bench.refusal(.POST, "keys/PLAIN/grant", grant) == "invalid")
            #expect(try await bench.s3("PLAIN").code(.GET, "/acme:photos/k") == "400 InvalidBucketName")
            let plain = try await bench.signIn("PLAIN")
            for name in ["acme:photos", "acme%3Aphotos", "acme:nothing"] {
                #expect(try await bench.ask(plain, "GET /api/v1/buckets/\(name)") == "404 no_such_bucket")
                #expect(try await bench.ask(plain, "GET /api/v1/buckets/\(name)/objects") == "404 no_such_bucket")
            }
            try await bench.call(.PATCH, "keys/PLAIN", KeyChange(createBuckets: true), as: KeyAnswer.self)
            let intruder = "{\"name\":\"intruder\",\"tenant\":\"acme\"}"
            #expect(try await bench.ask(plain, "POST /api/v1/buckets", intruder) == "403 not_operator")
            #expect(try await bench.ask(plain, "POST /api/v1/buckets", "{\"name\":\"intruder\"}") == "201")
            #expect(try await bench.s3("PLAIN").code(.PUT, "/intruder/k", "own") == "200")
            // What buckets are called is on no page that needs no secret.
            #expect(!(try await bench.live.exchange("GET /metrics").body.contains("photos")))
            let token = bench.live.node.adminToken.revealed
            let page = try await bench.live.exchange("GET /metrics", ["Authorization: Bearer \(token)"]).body
            #expect(page.contains("meshd_bucket_bytes{bucket=\"acme:photos\"}"))
        }
    }

    @Test("a key that loses its rights while its request comes in has lost them, and its tenant with it")
    func lost() async throws {
        try await Bench.run { bench in
            try await bench.tenant("acme")
            for (body, code) in [
                ("{\"role\":\"admin\"}", 401), ("{}", 401), ("{\"id\":\"NEW\",\"secret\":\"a-secret-of-new\"}", 401),
            ] {
                try await bench.key("ADMIN", of: "acme", isAdmin: true)
                let session = try await bench.signIn("ADMIN")
                let answer = try await bench.live.exchange(
                    "POST /api/v1/keys",
                    session,
                    body,
                    meanwhile: {
                        // So that the head has been judged.
                        try await Task.sleep(for: .milliseconds(300))
                        try await bench.call(.DELETE, "keys/ADMIN", as: Nothing.self)
                    }
                )
                #expect(answer.status == code, "\(body): \(answer.body)")
                #expect(bench.live.node.accessKeys.all().map(\.id) == ["MKROOT"])
            }
            // A tenant of the same name is another one.
            try await bench.key("ADMIN", of: "acme", isAdmin: true)
            let key = try #require(bench.live.node.accessKeys.lookup("ADMIN"))
            try await bench.call(.DELETE, "keys/ADMIN", as: Nothing.self)
            try await bench.call(.DELETE, "tenants/acme", as: Nothing.self)
            try await bench.live.node.accessKeys.add(key)
            #expect(await bench.refusal(.POST, "tenants", NewTenant(name: "acme")) == "tenant_not_empty")
            try await bench.live.node.tenants.add(Tenant(name: "acme", createdMillis: JSON.nowMillis()))
            #expect(try await bench.s3("ADMIN").code(.GET, "/") == "403 AccessDenied")
            #expect(try await bench.live.signIn("ADMIN", "the-secret-of-ADMIN").status == 401)
        }
    }

    @Test("a tenant's other keys go by grants, a disabled tenant's keys open nothing, and only an empty one goes")
    func life() async throws {
        try await Bench.run { bench in
            #expect(await bench.refusal(.POST, "tenants", NewTenant(name: "Not-a-name")) == "invalid")
            let nothing = NewTenant(name: "a", quota: TenantQuota(keys: 0))
            #expect(await bench.refusal(.POST, "tenants", nothing) == "invalid")
            try await bench.tenant("acme")
            #expect(await bench.refusal(.POST, "tenants", NewTenant(name: "acme")) == "tenant_exists")
            #expect(await bench.refusal(.POST, "keys", NewKey(tenant: "other")) == "no_such_tenant")
            #expect(await bench.refusal(.POST, "keys", NewKey(role: "viewer", tenant: "acme")) == "invalid")
            #expect(await bench.refusal(.POST, "keys", NewKey(tenantAdmin: true)) == "invalid")
            try await bench.key("ADMIN", of: "acme", isAdmin: true)
            try await bench.key("READER", of: "acme")
            let new = NewBucket(name: "photos", tenant: "acme")
            let made = try await bench.call(.POST, "buckets", new, as: BucketAnswer.self)
            #expect(made.name == "acme:photos" && made.tenant == "acme")
            let (admin, reader) = (bench.s3("ADMIN"), bench.s3("READER"))
            #expect(try await admin.code(.PUT, "/photos/k", "bytes") == "200")
            #expect(try await reader.code(.GET, "/photos/k") == "403 AccessDenied")
            #expect(try await reader.code(.PUT, "/more") == "403 AccessDenied")

            // The tenant's admin does without the mesh's.
            let session = try await bench.signIn("ADMIN")
            let grant = "{\"bucket\":\"photos\",\"rights\":[\"read\"]}"
            #expect(try await bench.ask(session, "POST /api/v1/keys/READER/grant", grant) == "200")
            #expect(try await reader.code(.GET, "/photos/k") == "200")
            #expect(try await bench.ask(session, "POST /api/v1/buckets", "{\"name\":\"more\"}") == "201")
            #expect(try await bench.ask(session, "GET /api/v1/buckets/more/objects") == "200")
            #expect(try await bench.ask(session, "POST /api/v1/keys", "{\"createBuckets\":true}") == "201")
            for (line, body, code) in [
                ("GET /api/v1/keys/MKROOT", "", "404 no_such_key"),
                ("PATCH /api/v1/keys/MKROOT", "{\"disabled\":true}", "404 no_such_key"),
                ("DELETE /api/v1/keys/MKROOT", "", "404 no_such_key"),
                ("PATCH /api/v1/keys/READER", "{\"role\":\"admin\"}", "400 invalid"),
                ("POST /api/v1/keys", "{\"tenant\":\"bell\"}", "400 invalid"),
                ("POST /api/v1/keys", "{\"role\":\"admin\"}", "400 invalid"),
                ("POST /api/v1/buckets", "{\"name\":\"abc\",\"tenant\":\"bell\"}", "403 not_operator"),
                ("PUT /api/v1/buckets/photos/quota", "{}", "403 not_operator"),
                ("GET /api/v1/tenants", "", "403 not_viewer"), ("GET /api/v1/status", "", "403 not_viewer"),
                ("PATCH /api/v1/tenants/acme", "{}", "403 not_admin"),
            ] { #expect(try await bench.ask(session, line, body) == code, "\(line) \(body)") }
            let seen = try await bench.live.exchange("GET /api/v1/keys", session, "").body
            #expect(seen.contains("READER") && !seen.contains("MKROOT"))
            let userSession = try await bench.signIn("READER")
            #expect(try await bench.ask(userSession, "GET /api/v1/keys") == "403 not_viewer")
            #expect(try await bench.ask(userSession, "POST /api/v1/keys", "{}") == "403 not_admin")
            #expect(
                try await bench.ask(userSession, "POST /api/v1/buckets", "{\"name\":\"abc\"}") == "403 not_operator"
            )

            try await bench.call(.PATCH, "tenants/acme", TenantChange(disabled: true), as: TenantAnswer.self)
            #expect(try await admin.code(.GET, "/photos/k") == "403 AccessDenied")
            #expect(try await bench.ask(session, "GET /api/v1/buckets") == "401 session_over")
            #expect(try await bench.live.signIn("ADMIN", "the-secret-of-ADMIN").status == 401)
            #expect(await bench.refusal(.POST, "keys", NewKey(tenant: "acme")) == "tenant_disabled")
            try await bench.call(.PATCH, "tenants/acme", TenantChange(disabled: false), as: TenantAnswer.self)
            #expect(try await admin.code(.GET, "/photos/k") == "200")

            #expect(await bench.refusal(.DELETE, "tenants/acme", Nothing()) == "tenant_not_empty")
            #expect(try await admin.code(.GET, "/photos/k") == "200", "as before")
            #expect(try await admin.code(.DELETE, "/photos/k") == "204")
            for name in ["photos", "more"] { #expect(try await admin.code(.DELETE, "/\(name)") == "204") }
            for key in bench.live.node.accessKeys.all() where key.tenant != nil {
                try await bench.call(.DELETE, "keys/\(key.id)", as: Nothing.self)
            }
            try await bench.call(.DELETE, "tenants/acme", as: Nothing.self)
            #expect(try await bench.call(.GET, "tenants", as: TenantsAnswer.self).tenants.isEmpty)
        }
    }

    @Test("what is beyond a quota is refused by every way of writing, and reads and deletions go on")
    func quotas() async throws {
        try await Bench.run(flags: [("max-tenants", "1")]) { bench in
            try await bench.tenant("acme", TenantQuota(buckets: 2, keys: 1, bytes: 150))
            #expect(await bench.refusal(.POST, "tenants", NewTenant(name: "bell")) == "too_many_tenants")
            try await bench.key("ADMIN", of: "acme", isAdmin: true)
            #expect(await bench.refusal(.POST, "keys", NewKey(tenant: "acme")) == "too_many_keys")
            let (s3, root) = (bench.s3("ADMIN"), bench.s3("MKROOT"))
            for (name, code) in [("one", "200"), ("two", "200"), ("one", "200"), ("three", "400 TooManyBuckets")] {
                #expect(try await s3.code(.PUT, "/\(name)") == code)
            }
            let bytes = String(repeating: "x", count: 60)
            #expect(try await s3.code(.PUT, "/one/a", bytes) == "200")
            #expect(try await s3.code(.PUT, "/two/a", bytes) == "200")
            #expect(try await s3.code(.PUT, "/two/b", bytes) == "403 QuotaExceeded")
            #expect(try await s3.code(.PUT, "/two/b", "", [("x-amz-copy-source", "one/a")]) == "403 QuotaExceeded")
            #expect(try await s3.code(.PUT, "/two/b", "little") == "200")
            #expect(try await s3.code(.GET, "/one/a") == "200")
            #expect(try await s3.code(.DELETE, "/one/a") == "204")

            // A bucket's own.
            #expect(try await root.code(.PUT, "/plain") == "200")
            let path = "buckets/plain/quota"
            #expect(await bench.refusal(.PUT, path, QuotaAnswer(bytes: 0)) == "invalid")
            #expect(await bench.refusal(.PUT, "buckets/nothing/quota", QuotaAnswer(bytes: 1)) == "no_such_bucket")
            let limited = try await bench.call(.PUT, path, QuotaAnswer(objects: 2), as: BucketAnswer.self)
            #expect(limited.quota == QuotaAnswer(objects: 2))
            for (key, code) in [("a", "200"), ("b", "200"), ("c", "403 QuotaExceeded")] {
                #expect(try await root.code(.PUT, "/plain/\(key)", "x") == code)
            }
            #expect(try await root.code(.PUT, "/plain/a", "y") == "200", "in the place of something as large")
            #expect(try await root.code(.POST, "/plain/d?uploads=") == "403 QuotaExceeded")
            let session = try await bench.signIn("MKROOT")
            let upload = "PUT /api/v1/buckets/plain/object?key=e"
            #expect(try await bench.ask(session, upload, "x") == "403 quota_exceeded")
            #expect(try await root.code(.DELETE, "/plain/a") == "204")
            // What went is seen by the next look, which it takes to refuse a write.
            await bench.live.node.lookAtUsage(noOlderThan: 0)
            #expect(try await root.code(.PUT, "/plain/c", "x") == "200")
            let shown = try await bench.call(.GET, "buckets/plain", as: BucketAnswer.self)
            #expect(shown.usage?.objects == 2 && shown.usage?.complete == true, "\(shown)")
            // Parts count as they come, and once.
            try await bench.call(.PUT, path, QuotaAnswer(bytes: 100), as: BucketAnswer.self)
            let begun = try await root.ask(.POST, "/plain/parts?uploads=")
            let begunID = TargetAnswer(status: 200, headers: [:], body: begun.text).text(of: "UploadId") ?? ""
            let part = "/plain/parts?partNumber=1&uploadId=\(begunID)"
            #expect(try await root.code(.PUT, part, bytes) == "200")
            #expect(
                try await root.code(.PUT, "/plain/parts?partNumber=2&uploadId=\(begunID)", bytes) == "403 QuotaExceeded"
            )
            #expect(try await root.code(.PUT, "/plain/f", bytes) == "403 QuotaExceeded")
            await bench.live.node.lookAtUsage(noOlderThan: 0)
            #expect(bench.live.node.store.usage().values.contains { $0.partBytes == 60 })
            let tag = BodyDigest(checksum: nil, sha256: false)
            tag.update(ByteBuffer(string: bytes))
            let list = "<Part><PartNumber>1</PartNumber><ETag>\(Hex.encode(tag.finish().md5))</ETag></Part>"
            let whole = "<CompleteMultipartUpload>\(list)</CompleteMultipartUpload>"
            #expect(try await root.code(.POST, "/plain/parts?uploadId=\(begunID)", whole) == "200")
            await bench.live.node.lookAtUsage(noOlderThan: 0)
            #expect(bench.live.node.store.usage().values.allSatisfy { $0.partBytes == 0 })
            #expect(try await root.code(.PUT, "/plain/f", "little") == "200")
            let freed = try await bench.call(.PUT, path, QuotaAnswer(), as: BucketAnswer.self)
            #expect(freed.quota == nil)
            #expect(try await root.code(.PUT, "/plain/d", "x") == "200")
            let tenant = try await bench.call(.GET, "tenants/acme", as: TenantAnswer.self)
            #expect(tenant.usage.buckets == 2 && tenant.usage.keys == 1, "\(tenant)")
        }
    }
}
