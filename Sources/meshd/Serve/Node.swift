import Glibc
import Hummingbird
import Logging
import Mesh
import NIOCore
import NIOSSL
import ServiceLifecycle
import Store
import Synchronization
import UnixSignals

/// A running node: the store, who may use it, and what both faces need to know of it.
final class Node: Sendable {
    let settings: Settings
    let directory: DataDirectory
    let identity: NodeIdentity
    let adminToken: Secret
    let store: ObjectStore
    let coordinator: Coordinator
    let accessKeys: AccessKeys
    let metrics = RequestMetrics()
    let startedMillis = JSON.nowMillis()

    private struct State {
        var s3: ListenAddress?
        var admin: ListenAddress?
        var hasSocket = false
        var isStopping = false
    }

    private let state = Mutex(State())

    /// Opens the data directory. Throws a sentence when it cannot be used.
    init(_ settings: Settings) throws {
        self.settings = settings
        self.directory = DataDirectory(path: settings.dataDirectory)
        do {
            try directory.create()
            self.store = try ObjectStore.open(settings.dataDirectory, settings: settings.store)
        } catch StoreError.unusable(let reason) {
            throw CommandFailure(reason)
        } catch StoreError.io(let what) {
            throw CommandFailure("the data directory cannot be used: \(what)")
        }
        self.identity = try directory.identity()
        self.adminToken = try directory.adminToken()
        self.coordinator = Coordinator(store: store)
        self.accessKeys = AccessKeys(store: store)
    }

    /// Whether S3 requests are answered: every port is open, no stop was asked for, and the store has not failed.
    var isReady: Bool {
        state.withLock { $0.s3 != nil && $0.admin != nil && $0.hasSocket && !$0.isStopping }
            && store.statistics().failure == nil
    }

    /// Where this node really listens; nil until every port is open.
    var endpoints: Endpoints? {
        state.withLock { state in
            guard let s3 = state.s3, let admin = state.admin, state.hasSocket else { return nil }
            return Endpoints(s3: s3.description, admin: admin.description, mesh: "", pid: getpid())
        }
    }

    /// Runs a node until a signal stops it; returns when everything is on disk and closed.
    static func serve(_ settings: Settings) async throws {
        // The index holds the secrets of access keys: no file of this process is for other users.
        umask(0o077)
        LoggingSystem.bootstrap { label in
            var log = StreamLogHandler.standardError(label: label)
            log.logLevel = settings.logLevel
            return log
        }
        let logger = Logger(label: "meshd")
        for warning in settings.warnings { logger.warning("\(warning)") }
        let node = try Node(settings)
        do {
            try await node.run(logger)
        } catch {
            try? node.directory.removeEndpoints()
            await node.store.close()
            throw error
        }
        try node.directory.removeEndpoints()
        await node.store.close()
        logger.notice("stopped")
    }

    private func run(_ logger: Logger) async throws {
        for id in accessKeys.rejected {
            logger.error("an access key cannot be read and opens nothing", metadata: ["key": "\(id)"])
        }
        let firstKey = try await directory.firstKey(in: accessKeys, environment: processEnvironment())
        let tls = try settings.tls.map { try Self.context($0) }
        let adminTLS = try settings.adminTLS.map { try Self.context($0) }

        // Hummingbird tells of each start and stop; those lines are for those who look for them.
        var serverLogger = Logger(label: "http")
        serverLogger.logLevel = max(settings.logLevel, settings.logLevel <= .debug ? .debug : .warning)
        let admin = AdminFace(node: self).responder()
        var adminListener = Listener(
            place: .address(settings.adminListen),
            tls: adminTLS,
            connectionsMax: settings.adminConnectionsMax,
            idleTimeoutMillis: settings.idleTimeoutMillis,
            logger: serverLogger
        )
        let s3 = Listener(
            place: .address(settings.s3Listen),
            connectionsMax: settings.connectionsMax,
            idleTimeoutMillis: settings.idleTimeoutMillis,
            logger: serverLogger
        )
        var services: [any Service] = [
            s3.service(connections: makeS3Face(tls: tls, logger: serverLogger)) { address in
                await self.bound(logger, firstKey) { $0.s3 = address }
            },
            adminListener.service(admin) { address in
                await self.bound(logger, firstKey) { $0.admin = address }
            },
        ]
        // sockaddr_un holds 107 bytes of path; the TCP port does everything that the socket does.
        if directory.adminSocket.utf8.count <= 107 {
            adminListener.place = .socketFile(directory.adminSocket)
            adminListener.tls = nil
            services.append(
                adminListener.service(admin) { _ in
                    try? SmallFile.setMode(0o600, of: self.directory.adminSocket)
                    await self.bound(logger, firstKey) { $0.hasSocket = true }
                }
            )
        } else {
            logger.warning("the path of the data directory is too long for a socket file; use the admin port")
            state.withLock { $0.hasSocket = true }
        }

        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) },
            logger: serverLogger
        )
        configuration.maximumGracefulShutdownDuration = .milliseconds(Int64(settings.shutdownTimeoutMillis))
        configuration.maximumCancellationDuration = .seconds(10)
        let group = ServiceGroup(configuration: configuration)
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await self.watchSignals(group, [tls, adminTLS].compactMap { $0 }, logger) }
                tasks.addTask { try await group.run() }
                // The watch ends only when it is cancelled, so the first task to end is the group of services.
                defer { tasks.cancelAll() }
                try await tasks.next()
            }
        } catch  where state.withLock({ $0.isStopping }) {
            // The stop was asked for and took its whole time: what remains was cut off, the data is safe.
            logger.warning("requests were cut off after the shutdown timeout")
        } catch {
            throw CommandFailure("the node cannot listen or had to stop: \(error)")
        }
    }

    private func makeS3Face(tls: TLSContext?, logger: Logger) -> S3Face {
        let certificate: (@Sendable () -> NIOSSLContext)? = if let tls { { tls.current } } else { nil }
        return S3Face(
            coordinator: coordinator,
            accessKeys: accessKeys,
            settings: S3Face.Settings(
                region: settings.region,
                domains: settings.domains,
                inlineBytesMax: settings.store.inlineBytesMax,
                idleMax: .milliseconds(Int64(settings.idleTimeoutMillis))
            ),
            metrics: metrics,
            tls: certificate,
            log: logger
        )
    }

    /// Notes a port that is open; the last one makes the node ready and tells everyone.
    private func bound(_ logger: Logger, _ firstKey: AccessKey?, _ note: @Sendable (inout State) -> Void) async {
        state.withLock { note(&$0) }
        guard let endpoints else { return }
        do {
            try directory.write(endpoints)
        } catch {
            logger.error("endpoints.json cannot be written", metadata: ["error": "\(error)"])
        }
        print(
            Banner.text(
                settings: settings,
                endpoints: endpoints,
                identity: identity,
                firstKey: firstKey,
                showsSecret: processEnvironment()["MESHD_ROOT_SECRET_KEY"] == nil,
                directory: directory
            )
        )
        // Standard output may be a pipe to someone who waits for this.
        fflush(nil)
    }

    /// The first SIGTERM or SIGINT drains, a second one exits at once; SIGHUP reads the certificates again.
    private func watchSignals(_ group: ServiceGroup, _ tls: [TLSContext], _ logger: Logger) async {
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
            guard signal != .sighup else {
                for context in tls {
                    do {
                        try context.reload()
                        logger.notice("certificates were read again")
                    } catch {
                        logger.error("certificates stay as they were", metadata: ["error": "\(error)"])
                    }
                }
                continue
            }
            let isSecond = state.withLock { state in
                defer { state.isStopping = true }
                return state.isStopping
            }
            // Nothing that was acknowledged depends on a clean stop.
            if isSecond { _exit(1) }
            logger.notice("stopping", metadata: ["signal": "\(signal)"])
            await group.triggerGracefulShutdown()
        }
    }

    private static func context(_ files: CertificateFiles) throws -> TLSContext {
        do {
            return try TLSContext(files)
        } catch {
            throw CommandFailure("the certificate \(files.chain) with key \(files.key) cannot be used: \(error)")
        }
    }
}
