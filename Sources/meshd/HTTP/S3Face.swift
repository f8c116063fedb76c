import HummingbirdCore
import Logging
import Mesh
import NIOCore
import NIOHTTP1
import NIOSSL
import ServiceLifecycle
import struct Store.Record
import Synchronization

/// The S3 interface of a node: accepts connections and serves the requests on each, one after the other.
///
/// Hummingbird's server listens and drains; what a connection carries is served here (see `HTTPConnection`).
final class S3Face: ServerChildChannel {
    typealias Value = HTTPConnection

    struct Settings: Sendable {
        var region: String
        /// Names below which the first label of a host is a bucket, in lower case.
        var domains: [String]
        /// More buckets are not made; nothing sets no limit.
        var bucketsMax: Int?
        /// Bodies up to this many bytes go into the index with their record.
        var inlineBytesMax: Int
        /// A connection that stands still for longer is closed.
        var idleMax: TimeAmount
    }

    let coordinator: Coordinator
    let accessKeys: AccessKeys
    let tenants: RegisterTable<Tenant>
    let quotas: Quotas
    let usage: UsageLedger
    let quotaGate: QuotaGate
    /// False while the node comes into its mesh: a key that it does not have may be good.
    let knowsKeys: @Sendable () -> Bool
    /// What the mesh is called; nil: this node does not know yet.
    let meshPrefix: @Sendable () async -> String?
    /// Sends a row by the rules of its bucket once more. False: that could not be arranged now.
    let sendAgain: @Sendable (Record) async -> Bool
    /// What every request is answered while this node may not speak for its mesh.
    let objection: @Sendable () -> S3Error?
    let settings: Settings
    let metrics: RequestMetrics
    let verifier: SigV4Verifier
    /// Asked for each new connection, so that a new certificate serves from the next connection on; nil: no TLS.
    private let tls: (@Sendable () -> NIOSSLContext)?
    private let log: Logger
    private let requestCounter = Atomic<UInt64>(UInt64.random(in: 0 ... .max))

    init(
        coordinator: Coordinator,
        accessKeys: AccessKeys,
        tenants: RegisterTable<Tenant>,
        quotas: Quotas,
        usage: UsageLedger,
        quotaGate: QuotaGate,
        knowsKeys: @escaping @Sendable () -> Bool,
        meshPrefix: @escaping @Sendable () async -> String?,
        sendAgain: @escaping @Sendable (Record) async -> Bool,
        objection: @escaping @Sendable () -> S3Error?,
        settings: Settings,
        metrics: RequestMetrics,
        tls: (@Sendable () -> NIOSSLContext)?,
        log: Logger
    ) {
        self.coordinator = coordinator
        self.accessKeys = accessKeys
        self.tenants = tenants
        self.quotas = quotas
        self.usage = usage
        self.quotaGate = quotaGate
        self.knowsKeys = knowsKeys
        self.meshPrefix = meshPrefix
        self.sendAgain = sendAgain
        self.objection = objection
        self.settings = settings
        self.metrics = metrics
        self.verifier = SigV4Verifier(region: settings.region)
        self.tls = tls
        self.log = log
    }

    /// What a bucket is called among those of all meshes.
    func place(_ bucket: String) async -> String? {
        await meshPrefix().map { ReplicationOrigin.place(mesh: $0, bucket: bucket) }
    }

    /// Whether clients speak TLS with this face.
    var isSecure: Bool { tls != nil }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTPConnection> {
        channel.eventLoop.makeCompletedFuture {
            let connection = HTTPConnection(channel: channel)
            let pipeline = channel.pipeline.syncOperations
            if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls())) }
            try pipeline.addHandlers(
                ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)),
                connection
            )
            let options = channel.syncOptions
            try options?.setOption(.writeBufferWaterMark, value: .init(low: 64 * 1024, high: 128 * 1024))
            try options?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            return connection
        }
    }

    func handle(value connection: HTTPConnection, logger: Logger) async {
        let loop = connection.channel.eventLoop
        let reaper = loop.scheduleRepeatedTask(initialDelay: .seconds(15), delay: .seconds(15)) {
            [idle = settings.idleMax] _ in
            connection.reap(idle: idle)
        }
        // What waits for a client waits on the connection, so a task that is cancelled has to close that.
        await withTaskCancellationHandler {
            // The channel is told of a stop as well; one that came in the same moment had nobody yet who could hear it.
            await withGracefulShutdownHandler {
                await withTaskExecutorPreference(LoopExecutor(loop)) {
                    await serve(connection)
                }
            } onGracefulShutdown: {
                loop.execute { connection.quiesce() }
            }
        } onCancel: {
            connection.channel.close(promise: nil)
        }
        reaper.cancel()
    }

    private func serve(_ connection: HTTPConnection) async {
        do {
            while let head = try await connection.nextHead() {
                let exchange = S3Exchange(face: self, connection: connection, head: head, number: nextNumber())
                switch await exchange.run() {
                case .keepAlive: continue
                case .close:
                    connection.close()
                    return
                case .closeAfterDiscarding:
                    await connection.closeAfterDiscarding()
                    return
                }
            }
        } catch is HTTPParserError {
            await S3Exchange.refuseMalformed(on: connection, number: nextNumber())
        } catch {
            // The client is gone or stood still: nobody is left to answer.
        }
        connection.close()
    }

    private func nextNumber() -> UInt64 {
        requestCounter.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    }

    /// An error that the client only sees as "internal": the operator has to.
    func report(_ error: any Error, requestID: String, operation: String) {
        log.error(
            "request failed",
            metadata: ["request": "\(requestID)", "operation": "\(operation)", "error": "\(error)"]
        )
    }

    /// An answer was cut off by the client or the network: nothing is wrong here, but whoever wonders may look.
    func reportCut(requestID: String, operation: String, _ reason: String, bytesSent: UInt64) {
        log.info(
            "an answer was cut off",
            metadata: [
                "request": "\(requestID)", "operation": "\(operation)", "reason": "\(reason)", "sent": "\(bytesSent)",
            ]
        )
    }
}
