import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import meshd

/// One connection on an embedded loop, and a task on that loop which notes what it is given.
private final class Bench {
    let channel = EmbeddedChannel()
    let connection: HTTPConnection
    private(set) var seen: [String] = []

    init() throws {
        connection = HTTPConnection(channel: channel)
        try channel.pipeline.syncOperations.addHandlers(
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)),
            connection
        )
        channel.pipeline.fireChannelActive()
    }

    /// Notes each request with its body, and how the connection ends; answers each with its path.
    func serve() {
        // The task runs on the embedded loop, which is this thread: nothing of the bench is shared.
        nonisolated(unsafe) let bench = self
        Task(executorPreference: LoopExecutor(channel.embeddedEventLoop)) { await bench.takeAll() }
        settle()
    }

    private func takeAll() async {
        do {
            while let head = try await connection.nextHead() {
                if head.uri == "/refused" {
                    seen.append("\(head.uri) \(connection.dropArrivedBody().map { "\($0)" } ?? "not here")")
                    continue
                }
                var size = 0
                while let bytes = try await connection.nextBody() { size += bytes.readableBytes }
                seen.append("\(head.uri) \(size)\(connection.isEnding ? " last" : "")")
                try await connection.write(ByteBuffer(string: head.uri))
            }
            seen.append("end")
        } catch {
            seen.append("\(error)")
        }
    }

    func send(_ text: String) throws {
        _ = try? channel.writeInbound(ByteBuffer(string: text))
        settle()
    }

    func halfClose() {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        settle()
    }

    private func settle() { channel.embeddedEventLoop.run() }

    func answers() throws -> String {
        var all = ""
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { all += String(buffer: bytes) }
        return all
    }
}

@Suite struct HTTPConnectionTests {
    @Test("a client that half-closes behind its requests is answered all of them")
    func halfClose() throws {
        let bench = try Bench()
        try bench.send("GET /a HTTP/1.1\r\n\r\nPUT /b HTTP/1.1\r\ncontent-length: 3\r\n\r\nxyz")
        bench.halfClose()
        bench.serve()
        #expect(bench.seen == ["/a 0", "/b 3", "end"])
        #expect(try bench.answers() == "/a/b")
    }

    @Test("the body of a refused request is dropped if it is here, and not waited for if it is not")
    func refused() throws {
        let bench = try Bench()
        bench.serve()
        try bench.send("PUT /refused HTTP/1.1\r\ncontent-length: 3\r\n\r\nxyzGET /a HTTP/1.1\r\n\r\n")
        try bench.send("PUT /refused HTTP/1.1\r\ncontent-length: 9\r\n\r\nxyz")
        #expect(bench.seen == ["/refused 3", "/a 0", "/refused not here"])
    }

    @Test("a body that a half-close cuts short is an error, not an end")
    func cutShort() throws {
        let bench = try Bench()
        bench.serve()
        try bench.send("PUT /b HTTP/1.1\r\ncontent-length: 9\r\n\r\nxyz")
        bench.halfClose()
        #expect(bench.seen.count == 1 && bench.seen != ["end"] && bench.seen.first?.hasPrefix("/b") == false)
    }

    @Test("requests that came whole before garbage are served first")
    func garbage() throws {
        let bench = try Bench()
        try bench.send("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGARBAGE\r\n\r\n")
        bench.serve()
        #expect(bench.seen.prefix(2) == ["/a 0", "/b 0"])
        #expect(bench.seen.count == 3 && bench.seen.last != "end")
    }

    @Test(
        "behind an upgrade that is not granted nothing is read, and the connection ends with its answer",
        arguments: ["connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n", "upgrade: h2c\r\n"]
    )
    func upgrade(headers: String) throws {
        let bench = try Bench()
        bench.serve()
        try bench.send("GET /a HTTP/1.1\r\n\r\n")
        try bench.send("PUT /b HTTP/1.1\r\n\(headers)content-length: 3\r\n\r\nxyz")
        #expect(bench.seen == ["/a 0", "/b 3 last", "end"])
    }
}
