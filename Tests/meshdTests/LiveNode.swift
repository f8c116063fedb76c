import ArgumentParser
import Foundation
import Logging
import Mesh
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import meshd

/// A node in this process on ports that the kernel picks, from its banner to its clean stop.
struct LiveNode: Sendable {
    let node: Node
    let directory: DataDirectory
    let endpoints: Endpoints
    private let banners: Counted

    /// How often the banner was printed.
    var bannerCount: Int { banners.texts.withLock { $0.count } }
    var banner: String { banners.texts.withLock { $0.last ?? "" } }

    private final class Counted: Sendable {
        let texts = Mutex<[String]>([])
    }

    /// Runs `body` beside a node and stops the node after it; the data directory is gone then, unless `path` names one.
    static func run(
        flags: [(String, String)] = [],
        environment: [String: String] = [:],
        path: String? = nil,
        _ body: @escaping @Sendable (LiveNode) async throws -> Void
    ) async throws {
        let directory = path ?? NSTemporaryDirectory() + "meshd-" + UUID().uuidString
        defer { if path == nil { try? FileManager.default.removeItem(atPath: directory) } }
        let ports = ["s3-listen", "admin-listen", "mesh-listen"].map { ($0, "127.0.0.1:0") }
        let given = [("data-dir", directory), ("name", "n1")] + ports + flags
        let settings = try SettingsSources(flags: given.map { (name: $0.0, text: $0.1) }).resolve()
        let node = try await Node(settings, environment: environment)
        let banners = Counted()
        let (up, ups) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { ups.finish() }
                try await node.run(Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) { banner in
                    banners.texts.withLock { $0.append(banner) }
                    ups.yield()
                }
            }
            tasks.addTask {
                for await _ in up { break }
                guard let endpoints = node.endpoints else { return }
                do {
                    let live = LiveNode(node: node, directory: node.directory, endpoints: endpoints, banners: banners)
                    try await body(live)
                } catch {
                    await node.stop()
                    throw error
                }
                await node.stop()
            }
            try await tasks.waitForAll()
        }
    }

    /// The command line's client, by the data directory, as `meshd … --data-dir DIR` would find it.
    func client() throws -> AdminClient {
        try ClientOptions.parse(["--data-dir", directory.path]).client()
    }

    typealias Answer = (status: Int, head: String, body: String)

    /// A sign-in to the console with an access key.
    func signIn(_ id: String, _ secret: String) async throws -> Answer {
        let body = String(decoding: try JSON.bytes(SignIn(accessKey: id, secretKey: secret)), as: UTF8.self)
        return try await exchange("POST /api/v1/session", ["Content-Type: application/json"], body)
    }

    /// The cookie and the mark that its answer gave, as headers.
    static func session(_ answer: Answer) throws -> (cookie: String, mark: String) {
        let field = try #require(
            answer.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("set-cookie: ") }
        )
        let cookie = field.dropFirst(12).prefix { $0 != ";" }
        let envelope = try JSON.value(Envelope<SessionAnswer>.self, from: Array(answer.body.utf8))
        return ("Cookie: other=1; \(cookie)", "x-meshd-change: " + (try #require(envelope.data).changeMark))
    }

    /// One request to the admin port as bytes; the status and the body of the answer.
    func request(
        _ line: String,
        token: String? = nil,
        body: String = ""
    ) async throws -> (status: Int, body: String) {
        let answer = try await exchange(line, token.map { ["Authorization: Bearer \($0)"] } ?? [], body)
        return (answer.status, answer.body)
    }

    /// The same with any header lines, and the answer's head. `enough` cuts an answer off that would not end by itself,
    /// `meanwhile` runs between the head of the request and its body.
    func exchange(
        _ line: String,
        _ headers: [String] = [],
        _ body: String = "",
        enough: @escaping @Sendable (String) -> Bool = { _ in false },
        meanwhile: (@Sendable () async throws -> Void)? = nil
    ) async throws -> Answer {
        let parts = endpoints.admin.split(separator: ":")
        let port = try #require(Int(parts[1]))
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: String(parts[0]), port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var text = "\(line) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
            for header in headers { text += header + "\r\n" }
            if let meanwhile {
                try await outbound.write(ByteBuffer(string: text + "\r\n"))
                try await meanwhile()
                try await outbound.write(ByteBuffer(string: body))
            } else {
                try await outbound.write(ByteBuffer(string: text + "\r\n" + body))
            }
            var answer = ""
            for try await bytes in inbound {
                answer += String(buffer: bytes)
                if enough(answer) { break }
            }
            let head = answer.prefix { !$0.isNewline }.split(separator: " ")
            let status = head.count > 1 ? Int(head[1]) ?? 0 : 0
            let end = answer.range(of: "\r\n\r\n")
            let rest = end.map { String(answer[$0.upperBound...]) } ?? ""
            return (status, end.map { String(answer[..<$0.lowerBound]) } ?? answer, rest)
        }
    }
}
