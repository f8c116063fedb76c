import Foundation
import Mesh
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The command line's way to a running node: one HTTP request per connection, over TCP or the node's socket file.
struct AdminClient: Sendable {

    /// How a TCP connection is protected.
    enum Shield: Sendable {
        case none
        /// TLS with a certificate that the system trusts.
        case tls
        /// TLS with exactly this certificate (DER): the data directory says which one its node has.
        case pinned([UInt8])
    }

    enum Road: Sendable {
        case socketFile(String)
        case tcp(host: String, port: Int, Shield)
    }

    let road: Road
    /// Nil for the calls that anybody may make: no node is told a secret of another one.
    let token: Secret?
    var connectSeconds: Int64 = 10
    /// The longest answer is a list of 65,536 members, half of this; more is not ours.
    var answerBytesMax = 64 << 20

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
        if let fault = envelope.error { throw CommandFailure(fault.message, code: fault.code) }
        guard envelope.success, let data = envelope.data else { throw CommandFailure("the node's answer is empty") }
        return data
    }

    private func exchange(_ method: HTTPMethod, _ path: String, body: [UInt8]?) async throws -> [UInt8] {
        let channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPPart<HTTPRequestHead, ByteBuffer>>
        let host: String
        do {
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(connectSeconds))
            switch road {
            case .socketFile(let file):
                host = "localhost"
                channel = try await bootstrap.connect(unixDomainSocketPath: file) { Self.pipeline($0, tls: nil) }
            case .tcp(let name, let port, let shield):
                host = ListenAddress(host: name, port: port).description
                let tls = try TLSClient(shield, host: name)
                channel = try await bootstrap.connect(host: name, port: port) { Self.pipeline($0, tls: tls) }
            }
        } catch {
            throw CommandFailure("no node answers at \(place): \(Self.reason(error))", isDown: true)
        }
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        head.headers = [
            "Host": host, "Connection": "close",
            "Content-Length": "\(body?.count ?? 0)", "User-Agent": "meshd/\(Meshd.version)",
        ]
        if let token { head.headers.add(name: "Authorization", value: "Bearer \(token.revealed)") }
        if body != nil { head.headers.add(name: "Content-Type", value: "application/json") }
        let request = head
        do {
            return try await channel.executeThenClose { inbound, outbound in
                // In one flush: a GET is whole with its head, and the node may answer and close before another write.
                var parts: [HTTPPart<HTTPRequestHead, ByteBuffer>] = [.head(request)]
                if let body { parts.append(.body(ByteBuffer(bytes: body))) }
                parts.append(.end(nil))
                try await outbound.write(contentsOf: parts)
                var answer: [UInt8] = []
                for try await part in inbound {
                    switch part {
                    case .head: break
                    case .body(let bytes):
                        answer.append(contentsOf: bytes.readableBytesView)
                        guard answer.count <= answerBytesMax else {
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
            throw CommandFailure("the node at \(place) went away: \(Self.reason(error))")
        }
    }

    /// Why there is no connection, as the system says it.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "its name has no address"
        case ChannelError.connectTimeout: "it took too long"
        default: "\(error)"
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
        tls: TLSClient?
    ) -> EventLoopFuture<NIOAsyncChannel<HTTPClientResponsePart, HTTPPart<HTTPRequestHead, ByteBuffer>>> {
        channel.eventLoop.makeCompletedFuture {
            if let tls { try channel.pipeline.syncOperations.addHandler(tls.makeHandler()) }
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(RequestBytes())
            return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
        }
    }
}

/// The client's half of TLS to a node.
private struct TLSClient: Sendable {
    private let context: NIOSSLContext
    private let host: String?
    private let pinned: NIOSSLCertificate?

    /// Nil without TLS.
    init?(_ shield: AdminClient.Shield, host: String) throws {
        switch shield {
        case .none: return nil
        case .tls: pinned = nil
        case .pinned(let certificate): pinned = try NIOSSLCertificate(bytes: certificate, format: .der)
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        // Whose certificate is known to the byte needs no name in it.
        if pinned != nil { configuration.certificateVerification = .noHostnameVerification }
        context = try NIOSSLContext(configuration: configuration)
        // A certificate for an address names no host; the check of the chain stays.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        self.host = isAddress ? nil : host
    }

    func makeHandler() throws -> NIOSSLClientHandler {
        guard let pinned else { return try NIOSSLClientHandler(context: context, serverHostname: host) }
        return try NIOSSLClientHandler(context: context, serverHostname: host) { chain, verdict in
            verdict.succeed(chain.first == pinned ? .certificateVerified : .failed)
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
