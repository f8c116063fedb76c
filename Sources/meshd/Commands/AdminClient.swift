import Foundation
import Mesh
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The command line's way to a running node: one HTTP request per connection, over TCP or the node's socket file.
struct AdminClient: Sendable {
    /// Answers are lists of keys and buckets at most; more than this is not ours.
    private static let answerBytesMax = 64 << 20

    enum Road: Sendable {
        case socketFile(String)
        case tcp(host: String, port: Int, isTLS: Bool)
    }

    let road: Road
    let token: Secret

    /// Sends one call and takes the answer out of its envelope. Throws the node's own sentence when it says no.
    func call<Value: Codable & Sendable>(
        _ method: HTTPMethod,
        _ path: String,
        body: [UInt8]? = nil,
        as type: Value.Type
    ) async throws -> Value {
        let bytes = try await exchange(method, "/api/v1/" + path, body: body)
        guard let envelope = try? JSON.value(Envelope<Value>.self, from: bytes) else {
            throw CommandFailure("the node's answer is not understood")
        }
        if let fault = envelope.error { throw CommandFailure(fault.message) }
        guard envelope.success, let data = envelope.data else { throw CommandFailure("the node's answer is empty") }
        return data
    }

    private func exchange(_ method: HTTPMethod, _ path: String, body: [UInt8]?) async throws -> [UInt8] {
        let channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPPart<HTTPRequestHead, ByteBuffer>>
        let host: String
        do {
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(10))
            switch road {
            case .socketFile(let file):
                host = "localhost"
                channel = try await bootstrap.connect(unixDomainSocketPath: file) { Self.pipeline($0, tls: nil) }
            case .tcp(let name, let port, let isTLS):
                host = ListenAddress(host: name, port: port).description
                let context = isTLS ? try NIOSSLContext(configuration: .makeClientConfiguration()) : nil
                channel = try await bootstrap.connect(host: name, port: port) { channel in
                    Self.pipeline(channel, tls: context.map { ($0, name) })
                }
            }
        } catch {
            throw CommandFailure("no node answers at \(place): \(error)")
        }
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        head.headers = [
            "Host": host, "Connection": "close", "Authorization": "Bearer \(token.revealed)",
            "Content-Length": "\(body?.count ?? 0)", "User-Agent": "meshd/\(Meshd.version)",
        ]
        if body != nil { head.headers.add(name: "Content-Type", value: "application/json") }
        let request = head
        do {
            return try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(.head(request))
                if let body { try await outbound.write(.body(ByteBuffer(bytes: body))) }
                try await outbound.write(.end(nil))
                var answer: [UInt8] = []
                for try await part in inbound {
                    switch part {
                    case .head: break
                    case .body(let bytes):
                        answer.append(contentsOf: bytes.readableBytesView)
                        guard answer.count <= Self.answerBytesMax else {
                            throw CommandFailure("the answer is too long")
                        }
                    case .end: return answer
                    }
                }
                throw CommandFailure("the node hung up before its answer was whole")
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("the node at \(place) went away: \(error)")
        }
    }

    private var place: String {
        switch road {
        case .socketFile(let file): file
        case .tcp(let host, let port, _): ListenAddress(host: host, port: port).description
        }
    }

    private static func pipeline(
        _ channel: any Channel,
        tls: (context: NIOSSLContext, host: String)?
    ) -> EventLoopFuture<NIOAsyncChannel<HTTPClientResponsePart, HTTPPart<HTTPRequestHead, ByteBuffer>>> {
        channel.eventLoop.makeCompletedFuture {
            if let tls {
                // A certificate for an address names no host; the check of the chain stays.
                let isAddress = (try? SocketAddress(ipAddress: tls.host, port: 0)) != nil
                let host = isAddress ? nil : tls.host
                try channel.pipeline.syncOperations.addHandler(
                    NIOSSLClientHandler(context: tls.context, serverHostname: host)
                )
            }
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(RequestBytes())
            return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
        }
    }
}

/// Turns requests of plain buffers into what NIO's HTTP encoder takes.
private final class RequestBytes: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = HTTPPart<HTTPRequestHead, ByteBuffer>
    typealias OutboundOut = HTTPClientRequestPart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part: HTTPClientRequestPart =
            switch unwrapOutboundIn(data) {
            case .head(let head): .head(head)
            case .body(let bytes): .body(.byteBuffer(bytes))
            case .end(let trailers): .end(trailers)
            }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}
