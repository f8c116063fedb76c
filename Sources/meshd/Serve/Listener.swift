import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// One HTTP port (or socket file): where it is, who answers, how many may connect.
struct Listener: Sendable {
    enum Place: Sendable {
        case address(ListenAddress)
        case socketFile(String)
    }

    var place: Place
    var tls: TLSContext?
    var connectionsMax: Int
    var idleTimeoutMillis: UInt64
    var logger: Logger

    /// A service that answers with `responder` until it is shut down; `onBound` learns the port that was taken.
    func service<Responder: HTTPResponder>(
        _ responder: Responder,
        onBound: @escaping @Sendable (ListenAddress?) async -> Void
    ) -> some Service where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        let idle = TimeAmount.milliseconds(Int64(idleTimeoutMillis))
        let tls = tls
        let server = HTTPServerBuilder { answer in
            let channel = HTTP1Channel(responder: answer, configuration: .init(idleTimeout: idle))
            return if let tls { ReloadingTLSChannel(base: channel, tls: tls) } else { channel }
        }
        let address: BindAddress
        let requested: ListenAddress?
        switch place {
        case .address(let listen):
            address = .hostname(listen.host, port: listen.port)
            requested = listen
        case .socketFile(let path):
            address = .unixDomainSocket(path: path)
            requested = nil
        }
        return Application(
            responder: responder,
            server: server,
            configuration: .init(
                address: address,
                serverName: "meshd",
                availableConnectionsDelegate: MaximumAvailableConnections(connectionsMax)
            ),
            onServerRunning: { channel in
                await onBound(
                    requested.map { ListenAddress(host: $0.host, port: channel.localAddress?.port ?? $0.port) }
                )
            },
            logger: logger
        )
    }
}
