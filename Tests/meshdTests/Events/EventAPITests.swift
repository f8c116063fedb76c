import Foundation
import HTTPTypes
import Mesh
import NIOHTTP1
import Testing

@testable import meshd

/// Events of a real node: who did what is written down, found, exported, and holds no secret.
@Suite(.serialized) struct EventAPITests {
    private static let token = "an-operators-token-for-all-nodes"
    private static let environment = [
        "MESHD_ADMIN_TOKEN": token, "MESHD_ROOT_ACCESS_KEY": "MKROOT",
        "MESHD_ROOT_SECRET_KEY": "the-secret-of-the-root-key",
    ]
    private static let json = "Content-Type: application/json"
    private static let bearer = "Authorization: Bearer " + token

    private static func events(_ live: LiveNode, _ query: String = "") async throws -> EventsAnswer {
        try await live.client().call(.GET, "events" + query, as: EventsAnswer.self)
    }

    @Test("a change is written down with who, from where, what and how it ended; reads and previews are not")
    func changes() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            let made = try await live.exchange("POST /api/v1/buckets", [Self.bearer, Self.json], #"{"name":"photos"}"#)
            #expect(made.status == 201)
            let again = try await live.exchange(
                "POST /api/v1/buckets",
                [Self.bearer, Self.json],
                #"{"name":"photos"}"#
            )
            #expect(again.status == 409)
            _ = try await live.exchange("GET /api/v1/status", [Self.bearer])
            _ = try await live.exchange("POST /api/v1/mesh/probe", [Self.bearer, Self.json], #"{"to":"n1"}"#)
            let audits = try await Self.events(live, "?kind=audit").events
            #expect(audits.map(\.outcome) == ["bucket_exists", "done"] || audits.count == 2)
            let first = try #require(audits.last)
            #expect(first.message == "the token of n1 makes a bucket (name=photos)")
            #expect(first.who == "the token of n1" && first.from == "127.0.0.1" && first.action == "POST buckets")
            #expect(audits[0].severity == .warning && audits[0].outcome != "done")
        }
    }

    @Test("refused sign-ins and wrong tokens are written down, and no secret is in any event")
    func signIns() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            for body in [
                #"{"accessKey":"MKROOT","secretKey":"guessed-secret"}"#,
                #"{"accessKey":"typed-secret-here","secretKey":"x"}"#, #"{"token":"guessed-token"}"#,
            ] { #expect(try await live.exchange("POST /api/v1/session", [Self.json], body).status == 401) }
            let right = #"{"accessKey":"MKROOT","secretKey":"the-secret-of-the-root-key"}"#
            #expect(try await live.exchange("POST /api/v1/session", [Self.json], right).status == 200)
            #expect(
                try await live.exchange("GET /api/v1/status", ["Authorization: Bearer guessed-bearer"]).status == 401
            )
            let key = #"{"id":"MKIMPORTED","secret":"an-imported-secret-of-a-key"}"#
            #expect(try await live.exchange("POST /api/v1/keys", [Self.bearer, Self.json], key).status == 201)
            let found = try await Self.events(live, "?kind=sign-in").events
            #expect(found.map(\.who) == ["a token", "MKROOT", "a token", "unknown", "MKROOT"])
            #expect(found.map(\.outcome) == ["unauthorized", "done"] + Array(repeating: "bad_credentials", count: 3))
            let all = try await live.exchange("GET /api/v1/events/export", [Self.bearer]).body
            #expect(all.contains("MKIMPORTED"))
            for secret in ["guessed", "typed-secret", "the-secret", "an-imported", Self.token] {
                #expect(!all.contains(secret), "\(secret)")
            }
        }
    }

    @Test("events are merged from all nodes, paged, exported as lines and as a table, and survive a restart")
    func reading() async throws {
        let path = NSTemporaryDirectory() + "meshd-events-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await LiveNode.run(environment: Self.environment, path: path) { live in
            for index in 0..<5 {
                let name = #"{"name":"bucket-\#(index)"}"#
                _ = try await live.exchange("POST /api/v1/buckets", [Self.bearer, Self.json], name)
            }
            let page = try await Self.events(live, "?of=all&kind=audit&limit=2")
            #expect(page.of == ["n1"] && page.silent.isEmpty && page.events.count == 2)
            let next = try await Self.events(live, "?of=all&kind=audit&limit=200&before=" + (try #require(page.next)))
            #expect(next.events.count == 3 && next.next == nil)
            #expect(try await Self.events(live, "?text=BUCKET-3").events.count == 1)
            #expect(try await Self.events(live, "?severity=error&kind=audit").events.isEmpty)
            let table = try await live.exchange("GET /api/v1/events/export?format=csv&kind=audit", [Self.bearer])
            #expect(table.head.lowercased().contains("text/csv") && table.head.contains("attachment"))
            for refused in ["?severity=loud", "?limit=0", "?since=yesterday", "?before=x", "?colour=red", "?kind=x"] {
                #expect(
                    try await live.exchange("GET /api/v1/events\(refused)", [Self.bearer]).status == 400,
                    "\(refused)"
                )
            }
            #expect(try await live.exchange("GET /api/v1/events").status == 401)
        }
        try await LiveNode.run(environment: Self.environment, path: path) { live in
            let audits = try await Self.events(live, "?kind=audit").events.count
            let lives = try await Self.events(live, "?kind=node").events.count
            #expect(audits == 5 && lives >= 2)
        }
    }

    @Test("a dry run is only taken where there is one and only in words that are understood; slashes hide no call")
    func dryRuns() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            func status(_ line: String, _ body: String = "") async throws -> Int {
                try await live.exchange(line, [Self.bearer, Self.json], body).status
            }
            for word in ["?dry-run=true", "?dry-run", "?dry%2Drun=false"] {
                #expect(try await status("POST /api/v1/buckets\(word)", #"{"name":"photos"}"#) == 400, "\(word)")
                #expect(try await status("POST /api/v1/cluster/layout/recover\(word)", "{}") == 400, "\(word)")
            }
            let path = "PATCH /api/v1/cluster/nodes/n1"
            for word in ["?dry-run", "?dry-run=yes", "?dry-run=", "?dry-run=false&dry-run=true"] {
                #expect(try await status(path + word, #"{"weight":7}"#) == 400, "\(word)")
            }
            #expect(try await status(path + "?dry-run=1", #"{"weight":7}"#) == 200)
            #expect(try await Self.events(live, "?kind=audit").events.isEmpty)
            #expect(try await status(path + "?dry-run=false", #"{"zone":"attic"}"#) == 200)
            #expect(try await status("GET /api/v1/buckets/photos") == 404)
            _ = try await status("GET /api/v1//mesh/token-material/")
            #expect(
                try await Self.events(live, "?kind=audit").events.map(\.action) == [
                    "GET mesh/token-material", "PATCH cluster/nodes/n1",
                ]
            )
        }
    }

    @Test("an export tells what is missing in it")
    func exportEnds() {
        #expect(ExportEnd(isCut: false, silent: []).line(isTable: true) == nil)
        let end = ExportEnd(isCut: true, silent: ["n3", "n2"])
        #expect(end.line(isTable: false) == #"{"cut":true,"silent":["n2","n3"]}"# + "\n")
        let row = end.line(isTable: true) ?? ""
        #expect(row.contains("n2 did not answer") && row.contains("older events") && row.hasSuffix("\r\n"))
        #expect(row.count(where: { $0 == "," }) == EventTable.header.count(where: { $0 == "," }))
    }

    @Test("calls are told in words, and what is not known as it came")
    func phrases() {
        func text(_ method: HTTPRequest.Method, _ path: String, _ outcome: String = "done") -> String {
            AuditEntry(method: method, path: path, who: "MK1", from: "socket", outcome: outcome).draft.message
        }
        #expect(text(.post, "cluster/nodes/attic/drain") == "MK1 drains attic")
        #expect(text(.delete, "buckets/photos", "not_empty") == "MK1 deletes the bucket photos: not_empty")
        #expect(text(.put, "buckets/a%20b/copies") == "MK1 sets the copies of a b")
        #expect(text(.post, "buckets/a%20b/move") == "MK1 moves a b to other nodes")
        #expect(text(.post, "weather/rain") == "MK1 calls POST weather/rain")
        #expect(AuditEntry.concerns(.get, "mesh/token-material", isPreview: false))
        #expect(!AuditEntry.concerns(.get, "status", isPreview: false))
        #expect(!AuditEntry.concerns(.post, "cluster/nodes/a/drain", isPreview: true))
        #expect(!AuditEntry.detailNames.contains("secret") && !AuditEntry.detailNames.contains("token"))
    }
}
