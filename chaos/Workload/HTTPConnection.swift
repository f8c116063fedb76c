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
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
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
        let promise = channel.eventLoop.makePromise(of: HTTPResponse.self)
        if channel.eventLoop.inEventLoop {
            lane.value.begin(request, promise)
        } else {
            channel.eventLoop.execute { lane.value.begin(request, promise) }
        }
        do {
            return try await promise.futureResult.get()
        } catch {
            throw error as? HTTPFailure ?? .malformed("\(error)")
        }
    }

    func close() async {
        // Closing twice is the only way this fails.
        try? await channel.close().get()
    }
}
