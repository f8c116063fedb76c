import Foundation
import Mesh
import NIOCore
import NIOHTTP1
import Testing

@testable import meshd

/// The console of a real node: its files, and the sign-in that opens the admin API to it.
@Suite(.serialized) struct ConsoleTests {
    private static let environment = [
        "MESHD_ADMIN_TOKEN": "an-operators-token-for-all-nodes", "MESHD_ROOT_ACCESS_KEY": "MKROOT",
        "MESHD_ROOT_SECRET_KEY": "the-secret-of-the-root-key",
    ]
    private static let json = "Content-Type: application/json"

    private static func signIn(
        _ live: LiveNode,
        _ id: String = "MKROOT",
        _ secret: String = "the-secret-of-the-root-key"
    ) async throws -> LiveNode.Answer {
        try await live.signIn(id, secret)
    }

    // MARK: Files

    @Test("every file comes with the strict policy, its type, and a tag that saves sending it again")
    func headers() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            for (path, type) in [("", "text/html"), ("main.js", "text/javascript"), ("console.css", "text/css")] {
                let answer = try await live.exchange("GET /console/\(path)")
                let head = answer.head.lowercased()
                #expect(answer.status == 200 && !answer.body.isEmpty && head.contains("content-type: \(type)"))
                for header in [
                    "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'",
                    "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
                    "x-content-type-options: nosniff",
                    "referrer-policy: no-referrer", "x-frame-options: deny",
                ] { #expect(head.contains(header), "\(path): \(header)") }
                #expect(!head.contains("unsafe"))
                let tag = try #require(head.split(separator: "\r\n").first { $0.hasPrefix("etag: ") }?.dropFirst(6))
                let again = try await live.exchange("GET /console/\(path)", ["If-None-Match: \(tag)"])
                #expect(again.status == 304 && again.body.isEmpty && again.head.lowercased().contains("nosniff"))
            }
            #expect(try await live.exchange("GET /").status == 307)
            let head = try await live.exchange("HEAD /console/")
            #expect(
                head.status == 200 && head.body.isEmpty && head.head.lowercased().contains("content-security-policy")
            )
            #expect(try await live.exchange("GET /console/nothing.js").status == 404)
            #expect(try await live.exchange("GET /console/..%2Findex.html").status == 404)
        }
    }

    @Test("the files are small, hold no script or style in the page, and write no markup")
    func files() {
        let all = ConsoleFiles.files.merging(["index.html": ConsoleFiles.index]) { first, _ in first }
        #expect(all.values.reduce(0) { $0 + $1.bytes.readableBytes } < 200_000)
        for (name, file) in all {
            let text = String(buffer: file.bytes)
            for refused in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                #expect(!text.contains(refused), "\(name) says \(refused)")
            }
            guard name.hasSuffix(".html") else { continue }
            #expect(!text.contains("style=") && !text.contains("<style") && !text.contains("onclick="))
            #expect(text.ranges(of: "<script").count == 1 && text.contains("></script>"))
        }
    }

    // MARK: Sessions

    @Test("an admin signs in, reads, and changes only with the mark; after the sign-out the cookie is empty")
    func signIn() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let answer = try await Self.signIn(live)
            #expect(answer.status == 200)
            let head = answer.head.lowercased()
            for part in ["path=/api/v1", "httponly", "samesite=strict", "max-age="] {
                #expect(head.contains(part), "\(part)")
            }
            #expect(!answer.body.contains("the-secret") && !answer.head.contains("the-secret"))
            let (cookie, mark) = try LiveNode.session(answer)
            #expect(try await live.exchange("GET /api/v1/status", [cookie]).status == 200)
            let new = "{\"name\":\"photos\"}"
            let unmarked = try await live.exchange("POST /api/v1/buckets", [cookie, Self.json], new)
            #expect(unmarked.status == 403 && unmarked.body.contains("no_change_mark"))
            #expect(
                try await live.exchange("POST /api/v1/buckets", [cookie, mark + "0", Self.json], new).status == 403
            )
            #expect(try await live.exchange("POST /api/v1/buckets", [cookie, mark, Self.json], new).status == 201)
            #expect(try await live.exchange("DELETE /api/v1/session", [cookie]).status == 403)
            let out = try await live.exchange("DELETE /api/v1/session", [cookie, mark])
            #expect(out.status == 200 && out.head.lowercased().contains("max-age=0"))
        }
    }

    @Test("forged, expired and foreign sessions are refused, and so is one whose key was disabled")
    func badSessions() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let (cookie, mark) = try LiveNode.session(try await Self.signIn(live))
            let forged = String(cookie.dropLast()) + (cookie.last == "0" ? "1" : "0")
            #expect(try await live.exchange("GET /api/v1/status", [forged]).status == 401)
            let name = try #require(cookie.split(separator: " ").last?.split(separator: "=").first)
            let mesh = try live.node.mesh()
            let (epoch, secret) = try #require(try await mesh.sessionSecret())
            let binding = Secret("the-secret-of-the-root-key")
            func status(_ endsAt: UInt64, _ epoch: UInt32, _ secret: Secret, _ binding: Secret) async throws -> Int {
                let token = SessionToken(
                    subject: .accessKey("MKROOT"),
                    endsAt: endsAt,
                    epoch: epoch,
                    secret: secret,
                    binding: binding
                )
                return try await live.exchange("GET /api/v1/status", ["Cookie: \(name)=\(token.text)"]).status
            }
            let now = JSON.nowMillis() / 1_000
            let foreign = Secret(bytes: [UInt8](repeating: 1, count: 32))
            #expect(try await status(now + 60, epoch, secret, binding) == 200)
            #expect(try await status(now - 1, epoch, secret, binding) == 401)
            #expect(try await status(now + 60, epoch, foreign, binding) == 401)
            #expect(try await status(now + 60, epoch + 1, secret, binding) == 401)
            #expect(try await status(now + 60, epoch, secret, Secret("an older secret")) == 401)

            #expect(try await live.exchange("GET /api/v1/status", [cookie]).status == 200)
            let change = "{\"disabled\":true}"
            #expect(
                try await live.exchange("PATCH /api/v1/keys/MKROOT", [cookie, mark, Self.json], change).status == 200
            )
            let over = try await live.exchange("GET /api/v1/status", [cookie])
            #expect(over.status == 401 && over.body.contains("session_over"))
        }
    }

    @Test("wrong secrets are refused alike, and after some of them even the right one has to wait")
    func lockOut() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let form = try await live.exchange("POST /api/v1/session", ["Content-Type: text/plain"], "{}")
            #expect(form.status == 415)
            let unknown = try await Self.signIn(live, "MKNOBODY", "a-wrong-secret")
            let wrong = try await Self.signIn(live, "MKROOT", "a-wrong-secret")
            #expect(unknown.status == 401 && unknown.body == wrong.body)
            for _ in 2..<SignInGuard.addressFailuresFree { _ = try await Self.signIn(live, "MKROOT", "a-wrong-secret") }
            let locked = try await Self.signIn(live)
            #expect(locked.status == 429 && locked.head.lowercased().contains("retry-after: "))
        }
    }

    @Test("a key without a role is a user, who is told of nothing but what is granted; the admin token opens all")
    func whoMay() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let client = try live.client()
            let new = try JSON.bytes(NewKey(id: "MKUSER", secret: "a-users-own-secret"))
            _ = try await client.call(.POST, "keys", body: new, as: KeyAnswer.self)
            let user = try await Self.signIn(live, "MKUSER", "a-users-own-secret")
            #expect(user.status == 200 && user.body.contains("\"user\""))
            let (own, _) = try LiveNode.session(user)
            #expect(try await live.exchange("GET /api/v1/cluster/status", [own]).status == 403)
            #expect(try await live.exchange("GET /api/v1/buckets", [own]).status == 200)
            let off = try JSON.bytes(KeyChange(disabled: true))
            _ = try await client.call(.PATCH, "keys/MKUSER", body: off, as: KeyAnswer.self)
            #expect(try await live.exchange("GET /api/v1/buckets", [own]).status == 401)
            let token = "{\"token\":\"an-operators-token-for-all-nodes\"}"
            let (cookie, _) = try LiveNode.session(try await live.exchange("POST /api/v1/session", [Self.json], token))
            let who = try await live.exchange("GET /api/v1/session", [cookie])
            #expect(who.status == 200 && who.body.contains("\"token\""))
        }
    }

    // MARK: What it shows

    @Test(
        "the stream tells every part at once to who is signed in, and ends when the node stops",
        .timeLimit(.minutes(2))
    )
    func stream() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let (cookie, _) = try LiveNode.session(try await Self.signIn(live))
            #expect(try await live.exchange("GET /api/v1/stream").status == 401)
            let parts = ["status", "nodes", "members", "layout"].map { "event: \($0)\n" }
            let answer = try await live.exchange("GET /api/v1/stream", [cookie]) { text in
                parts.allSatisfy(text.contains)
            }
            #expect(answer.head.lowercased().contains("text/event-stream") && answer.body.contains("\"healthy\""))
            // One that listens on does not hold up the stop, which the end of this closure begins.
            let (heard, hear) = AsyncStream.makeStream(of: Void.self)
            async let rest = live.exchange("GET /api/v1/stream", [cookie]) { text in
                if text.contains("event: ") { hear.yield() }
                return false
            }
            for await _ in heard { break }
            await live.node.stop()
            #expect(try await rest.status == 200)
        }
    }

    @Test("objects go up, are listed by folders, come down as files, and go")
    func objects() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let (cookie, mark) = try LiveNode.session(try await Self.signIn(live))
            let base = "/api/v1/buckets/photos/object"
            let made = try await live.exchange(
                "POST /api/v1/buckets",
                [cookie, mark, Self.json],
                "{\"name\":\"photos\"}"
            )
            #expect(made.status == 201)
            // One that is kept inline, one that goes through segments, one that is empty.
            let large = String(repeating: "0123456789abcdef", count: 40_000)
            for (key, body) in [("a%2Fb%2Bc%20d.html", "<script>"), ("a%2Flarge", large), ("empty", "")] {
                let up = try await live.exchange(
                    "PUT \(base)?key=\(key)",
                    [cookie, mark, "Content-Type: text/html"],
                    body
                )
                #expect(up.status == 201, "\(key)")
                let down = try await live.exchange("GET \(base)?key=\(key)", [cookie])
                let head = down.head.lowercased()
                #expect(down.status == 200 && down.body == body, "\(key)")
                #expect(
                    head.contains("attachment") && head.contains("sandbox") && head.contains("application/octet-stream")
                )
            }
            let top = try await live.exchange("GET /api/v1/buckets/photos/objects", [cookie])
            let page = try #require(try JSON.value(Envelope<ObjectsAnswer>.self, from: Array(top.body.utf8)).data)
            #expect(page.folders == ["a/"] && page.objects.map(\.key) == ["empty"] && page.next == nil)
            let inner = try await live.exchange("GET /api/v1/buckets/photos/objects?prefix=a%2F", [cookie])
            let folder = try #require(try JSON.value(Envelope<ObjectsAnswer>.self, from: Array(inner.body.utf8)).data)
            #expect(
                folder.objects.map(\.key) == ["a/b+c d.html", "a/large"]
                    && folder.objects[1].size == UInt64(large.utf8.count)
            )
            #expect(try await live.exchange("PUT \(base)?key=x", [cookie], "x").status == 403)
            #expect(try await live.exchange("PUT \(base)", [cookie, mark], "x").status == 400)
            #expect(try await live.exchange("DELETE \(base)?key=a%2Flarge", [cookie, mark]).status == 200)
            #expect(try await live.exchange("GET \(base)?key=a%2Flarge", [cookie]).status == 404)
        }
    }
}
