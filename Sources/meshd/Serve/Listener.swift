import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// One HTTP port (or socket file): where it is, who answers, how many may connect.
struct Listener: Sendable {
    enum Place: Sendable {
        case address(ListenAddress)
        case socketFile(String)
    }

    /// For people.
    var name: String
    var place: Place
    var tls: TLSContext?
    var connectionsMax: Int
    var idleTimeoutMillis: UInt64
    /// For the library that listens.
    var serverLogger: Logger
    /// For what the node itself has to say: a stop that takes long.
    var logger: Logger

    /// A service for connections that `face` serves itself, TLS included; `onBound` learns the port that was taken.
    func service<Face: ServerChildChannel>(
        connections face: Face,
        onBound: @escaping @Sendable (ListenAddress?) async -> Void
    ) -> any Service {
        let (address, requested) = bindAddress
        let server = face.server(
            configuration: ServerConfiguration(
                address: address,
                availableConnectionsDelegate: MaximumAvailableConnections(connectionsMax)
            ),
            onServerRunning: { channel in await onBound(Self.taken(requested, channel)) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: serverLogger
        )
        return NamedService(name: name, server: server, logger: logger)
    }

    /// A service that answers with `responder` until it is shut down; `onBound` learns the port that was taken.
    func service<Responder: HTTPResponder>(
        _ responder: Responder,
        onBound: @escaping @Sendable (ListenAddress?) async -> Void
    ) -> any Service where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        let idle = TimeAmount.milliseconds(Int64(idleTimeoutMillis))
        let tls = tls
        let server = HTTPServerBuilder { answer in
            let channel = HTTP1Channel(responder: answer, configuration: .init(idleTimeout: idle))
            return if let tls { ReloadingTLSChannel(base: channel, tls: tls) } else { channel }
        }
        let (address, requested) = bindAddress
        let application = Application(
            responder: responder,
            server: server,
            configuration: .init(
                address: address,
                serverName: "meshd",
                availableConnectionsDelegate: MaximumAvailableConnections(connectionsMax)
            ),
            onServerRunning: { channel in await onBound(Self.taken(requested, channel)) },
            logger: serverLogger
        )
        return NamedService(name: name, server: application, logger: logger)
    }

    /// A listener that says so when it does not end: somebody's request does not.
    private struct NamedService: Service {
        let name: String
        let server: any Service
        let logger: Logger

        func run() async throws {
            let roll = Roll()
            try await withGracefulShutdownHandler {
                try await roll.during(name) { try await server.run() }
            } onGracefulShutdown: {
                roll.complain(logger)
            }
        }
    }

    private var bindAddress: (BindAddress, requested: ListenAddress?) {
        switch place {
        case .address(let listen): (.hostname(listen.host, port: listen.port), listen)
        case .socketFile(let path): (.unixDomainSocket(path: path), nil)
        }
    }

    /// What was asked for, with the port that was really taken.
    private static func taken(_ requested: ListenAddress?, _ channel: any Channel) -> ListenAddress? {
        requested.map { ListenAddress(host: $0.host, port: channel.localAddress?.port ?? $0.port) }
    }
}
