import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif
import Mesh
import NIOHTTP1
import Testing

@testable import meshd

/// Versions and links of the console's storage pages.
@Suite struct VersionAPITests {
    private static let environment = [
        "MESHD_ADMIN_TOKEN": "an-operators-token-for-all-nodes", "MESHD_ROOT_ACCESS_KEY": "MKROOT",
        "MESHD_ROOT_SECRET_KEY": "the-secret-of-the-root-key",
    ]
    private static let json = "Content-Type: application/json"
    private static let bearer = "Authorization: Bearer an-operators-token-for-all-nodes"

    private static func versions(_ live: LiveNode) async throws -> [VersionsAnswer.Line] {
        let path = "buckets/photos/versions?key=a"
        return try await live.client().call(.GET, path, as: VersionsAnswer.self).versions
    }

    private static func fill(_ live: LiveNode) async throws {
        let new = #"{"name":"photos","versioning":"enabled"}"#
        _ = try await live.exchange("POST /api/v1/buckets", [bearer, json], new)
        for text in ["one", String(repeating: "two", count: 200_000), "three"] {
            let put = try await live.exchange("PUT /api/v1/buckets/photos/object?key=a", [bearer], text)
            #expect(put.status == 201)
        }
        _ = try await live.exchange("PUT /api/v1/buckets/photos/object?key=ab", [bearer], "another key")
    }

    @Test("versions are listed, fetched, restored whole, and deleted one by one; a marker is one of them")
    func versions() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            try await Self.fill(live)
            let object = "/api/v1/buckets/photos/object?key=a"
            _ = try await live.exchange("DELETE \(object)", [Self.bearer])
            let all = try await Self.versions(live)
            #expect(all.map(\.isMarker) == [true, false, false, false] && all.map(\.isLatest).filter { $0 }.count == 1)
            #expect(all.map(\.size) == [0, 5, 600_000, 3])
            let old = try await live.exchange("GET \(object)&version=\(all[3].version)", [Self.bearer])
            #expect(old.status == 200 && old.body == "one")
            let restore = "POST /api/v1/buckets/photos/restore?key=a&version="
            #expect(try await live.exchange(restore + all[2].version, [Self.bearer]).status == 201)
            let back = try await live.exchange("GET \(object)", [Self.bearer]).body
            #expect(back == String(repeating: "two", count: 200_000))
            let marker = try await live.exchange(restore + all[0].version, [Self.bearer])
            #expect(marker.status == 404)
            let delete = "DELETE /api/v1/buckets/photos/version?key=a&version="
            #expect(try await live.exchange(delete + all[0].version, [Self.bearer]).status == 200)
            #expect(try await live.exchange(delete + "nothing", [Self.bearer]).status == 400)
            #expect(try await live.exchange("DELETE /api/v1/buckets/photos/version?key=a", [Self.bearer]).status == 400)
            let left = try await Self.versions(live)
            #expect(left.map(\.size) == [600_000, 5, 600_000, 3] && !left.contains(where: \.isMarker))
        }
    }

    @Test("a link made by who is signed in opens the object, and its secret is nowhere in it")
    func links() async throws {
        try await LiveNode.run(environment: Self.environment) { live in
            try await Self.fill(live)
            let credentials = #"{"accessKey":"MKROOT","secretKey":"the-secret-of-the-root-key"}"#
            let signed = try await live.exchange("POST /api/v1/session", [Self.json], credentials)
            let field = try #require(
                signed.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("set-cookie: ") }
            )
            let session = try #require(
                try JSON.value(Envelope<SessionAnswer>.self, from: Array(signed.body.utf8)).data
            )
            let headers = [
                "Cookie: \(field.dropFirst(12).prefix { $0 != ";" })", "x-meshd-change: \(session.changeMark)",
                Self.json,
            ]
            let share = "POST /api/v1/buckets/photos/share"
            let made = try await live.exchange(share, headers, #"{"key":"a","seconds":600}"#)
            #expect(made.status == 200 && !made.body.contains("the-secret"))
            let link = try #require(try JSON.value(Envelope<ShareAnswer>.self, from: Array(made.body.utf8)).data)
            let url = try #require(URL(string: link.url))
            #expect(url.absoluteString.hasPrefix("http://\(live.endpoints.s3)/photos/a?X-Amz-Algorithm="))
            let (bytes, _) = try await URLSession.shared.data(from: url)
            #expect(String(decoding: bytes, as: UTF8.self) == "three")
            #expect(try await live.exchange(share, headers, #"{"key":"a","seconds":5}"#).status == 400)
            #expect(try await live.exchange(share, headers, #"{"key":"a","endpoint":"ftp://x"}"#).status == 400)
            let token = try await live.exchange(share, [Self.bearer, Self.json], #"{"key":"a"}"#)
            #expect(token.status == 409 && token.body.contains("no_access_key"))
        }
    }

    @Test("a link leads to where the receiver reaches S3")
    func endpoints() {
        func end(_ given: String?, _ listen: String = "0.0.0.0:9000", _ asked: String = "attic:9001") -> String? {
            ShareEndpoint(given, listen: listen, askedAt: asked, isTLS: false).map { "\($0.scheme)://\($0.host)" }
        }
        #expect(end(nil) == "http://attic:9000" && end(nil, "127.0.0.1:9000") == "http://127.0.0.1:9000")
        #expect(end("https://s3.example.com/") == "https://s3.example.com")
        #expect(end("https://s3.example.com:443") == "https://s3.example.com")
        #expect(end(nil, "0.0.0.0:80") == "http://attic" && end(nil, "[::1]:80") == "http://[::1]")
        #expect(end("http://[::1]:80") == "http://[::1]" && end("http://[::1]:81") == "http://[::1]:81")
        #expect(end("http://s3.example.com:8000") == "http://s3.example.com:8000")
        #expect(end("javascript://x") == nil && end("s3.example.com") == nil && end("http://") == nil)
        #expect(end("http://a b") == nil && end("http://a/b") == nil && end("http://user@host") == nil)
    }
}
