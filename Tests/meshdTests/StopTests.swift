import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import meshd

/// How a node ends when its clients do not.
@Suite struct StopTests {
    @Test("a client that stands still is cut off when the stop has taken its time", .timeLimit(.minutes(10)))
    func cutOff() async throws {
        try await LiveNode.run(flags: [("shutdown-timeout", "0s")]) { live in
            let parts = live.endpoints.s3.split(separator: ":")
            let port = try #require(Int(parts[1]))
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                // The node says no and half-closes; this client does not care.
                .channelOption(.allowRemoteHalfClosure, value: true)
                .connect(host: String(parts[0]), port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            let (answered, answers) = AsyncStream.makeStream(of: Void.self)
            // Outlives this closure, as a client does; it ends when the node closes the connection.
            Task {
                defer { answers.finish() }
                try await channel.executeThenClose { inbound, outbound in
                    let head = "PUT /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
                    try await outbound.write(ByteBuffer(string: head))
                    for try await _ in inbound { answers.yield() }
                    // The node waits for the rest of the body, which never comes.
                    try await channel.channel.closeFuture.get()
                }
            }
            for await _ in answered { break }
        }
    }

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private struct Collector: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines.all.withLock { $0.append("\(event.message)") } }
    }

    @Test("what a server says of being cut off is no error of a stop, and all else is still heard") func endings() {
        for isStopping in [false, true] {
            let lines = Lines()
            let logger = Logger(label: "http") { _ in ServerLog(Collector(lines: lines)) { isStopping } }
            logger.error("Waiting on child channel: CancellationError()")
            logger.error("Server shutdown error: Already closed")
            logger.error("Waiting on child channel: the network is down")
            #expect(lines.all.withLock { $0.count } == (isStopping ? 1 : 3))
        }
    }
}
