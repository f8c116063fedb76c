import NIOCore
import NIOHTTP1
import NIOPosix

/// A keep-alive HTTP/1.1 connection that carries one request at a time.
struct HTTPConnection: Sendable {
    private let channel: any Channel
    private let lane: NIOLoopBound<HTTPLane>

    static func open(_ address: SocketAddress, on group: any EventLoopGroup) async throws(HTTPFailure) -> Self {
        do {
            return try await ClientBootstrap(group: group)
                .connectTimeout(.seconds(5))
                .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        // What is sent is the harness's own: to validate each header costs more than to make it.
                        try channel.pipeline.syncOperations
                            .addHTTPClientHandlers(enableOutboundHeaderValidation: false)
                        try channel.pipeline.syncOperations.addHandler(HTTPLane())
                    }
                }
                .connect(to: address)
                .flatMapThrowing { channel in
                    let lane = try channel.pipeline.syncOperations.handler(type: HTTPLane.self)
                    return Self(channel: channel, lane: NIOLoopBound(lane, eventLoop: channel.eventLoop))
                }
                .get()
        } catch {
            throw .refused("\(error)")
        }
    }

    var isOpen: Bool { channel.isActive }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let result = await withUnsafeContinuation { (continuation: HTTPLane.Waiter) in
            if channel.eventLoop.inEventLoop {
                lane.value.begin(request, continuation)
            } else {
                channel.eventLoop.execute { lane.value.begin(request, continuation) }
            }
        }
        return try result.get()
    }

    func close() async {
        // Closing twice is the only way this fails.
        try? await channel.close().get()
    }
}
