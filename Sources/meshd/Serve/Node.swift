import Foundation
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
    private let environment: [String: String]
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
        var mesh: String?
        var isStopping = false
        var stoppedFrom: ContinuousClock.Instant?
        var isAnnounced = false
        var group: ServiceGroup?
        var tls: TLSContext?
        var adminTLS: TLSContext?
        var members: MeshNode?

        var isServing: Bool { s3 != nil && admin != nil && hasSocket }
    }

    private let state = Mutex(State())

    /// Opens the data directory. Throws a sentence when it cannot be used.
    init(_ settings: Settings, environment: [String: String]) throws {
        self.settings = settings
        self.environment = environment
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
        self.adminToken = try directory.adminToken(environment: environment)
        self.coordinator = Coordinator(store: store)
        self.accessKeys = AccessKeys(store: store)
    }

    /// Whether S3 requests are answered: every port is open, no stop was asked for, and the store has not failed.
    var isReady: Bool {
        state.withLock { $0.isServing && !$0.isStopping }
            && store.statistics().failure == nil
    }

    /// Where this node really listens; nil until every port is open.
    var endpoints: Endpoints? {
        state.withLock { state in
            guard state.isServing, let s3 = state.s3, let admin = state.admin, let mesh = state.mesh else { return nil }
            var endpoints = Endpoints(s3: s3.description, admin: admin.description, mesh: mesh, pid: getpid())
            endpoints.adminCertificate = state.adminTLS.map { Data($0.leaf).base64EncodedString() }
            return endpoints
        }
    }

    /// The HTTP faces' addresses, known before the mesh is up.
    var faces: (s3: String, admin: String) {
        state.withLock { ($0.s3?.description ?? "", $0.admin?.description ?? "") }
    }

    /// The failure zone that others are told.
    var zone: String {
        let told = state.withLock { $0.members }?.zone ?? ""
        return told.isEmpty ? settings.zone : told
    }

    /// The mesh that this node takes part in. Throws while it does not yet, and when it has left.
    func mesh() throws -> MeshNode {
        let (members, isEarly) = state.withLock { ($0.members, $0.mesh == nil) }
        if let members { return members }
        if isEarly {
            throw AdminError(.serviceUnavailable, "starting", "the node does not take part in its mesh yet; try again")
        }
        throw MeshError.stopped
    }

    /// Notes that the node takes part, or does so no more; returns who took part before.
    @discardableResult
    func setMesh(_ members: MeshNode?) -> MeshNode? {
        state.withLock { state in
            let before = state.members
            state.members = members
            return before
        }
    }

    /// Says goodbye; the node serves what it holds and takes no part until it is started again.
    func leaveMesh() async throws {
        let members = try mesh()
        // Of two who ask at once, one says goodbye.
        guard setMesh(nil) != nil else { throw MeshError.stopped }
        await members.stop(leave: true)
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
        let node = try Node(settings, environment: processEnvironment())
        if let given = node.environment["MESHD_ADMIN_TOKEN"], !given.isEmpty,
            !Secret(given).isEqual(to: node.adminToken)
        {
            logger.warning("MESHD_ADMIN_TOKEN is not this node's token: that was set at its first start and stays")
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await node.watchSignals(logger) }
            tasks.addTask {
                try await node.run(logger) { banner in
                    print(banner)
                    // Standard output may be a pipe to someone who waits for this.
                    fflush(nil)
                }
            }
            // The watch ends only when it is cancelled, so the first task to end is the node.
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
        logger.notice("stopped")
    }

    /// Runs until `stop` is called; everything is on disk and closed when this returns. `announce` gets the banner,
    /// once.
    func run(_ logger: Logger, announce: @escaping @Sendable (String) -> Void) async throws {
        do {
            try await serveFaces(logger, announce)
        } catch {
            try? directory.removeEndpoints()
            await store.close()
            throw error
        }
        try directory.removeEndpoints()
        await store.close()
    }

    /// Asks the node to end; requests that have begun may finish. False when that was asked before.
    @discardableResult
    func stop() async -> Bool {
        let (isFirst, group) = state.withLock { state in
            let isFirst = !state.isStopping
            state.isStopping = true
            if isFirst { state.stoppedFrom = .now }
            return (isFirst, state.group)
        }
        await group?.triggerGracefulShutdown()
        return isFirst
    }

    private func serveFaces(_ logger: Logger, _ announce: @escaping @Sendable (String) -> Void) async throws {
        for id in accessKeys.rejected {
            logger.error("an access key cannot be read and opens nothing", metadata: ["key": "\(id)"])
        }
        let firstKey = try await directory.firstKey(in: accessKeys, store: store, environment: environment)
        let tls = try settings.tls.map { try Self.context($0) }
        let adminTLS = try settings.adminTLS.map { try Self.context($0) }
        state.withLock { ($0.tls, $0.adminTLS) = (tls, adminTLS) }
        let mesh = try MeshService(node: self, logger: logger)
        // Notes a port that is open. The last HTTP port wakes the mesh, the last of all tells everyone.
        let bound: Bound = { note in
            let isServing = self.state.withLock { state in
                note(&state)
                return state.isServing
            }
            if isServing { mesh.open() }
            self.announceOnce(logger, firstKey, announce)
        }

        var services = listeners(logger, bound)
        // Last to start and first to stop: the others hear the goodbye before any face closes.
        services.append(mesh.service { address in bound { $0.mesh = address } })
        try await run(services, logger)
    }

    /// Notes a port that is open.
    private typealias Bound = @Sendable ((inout State) -> Void) -> Void

    /// Hummingbird tells of each start and stop; those lines are for those who look for them.
    private var serverLogger: Logger {
        let isStopping: @Sendable () -> Bool = { [weak self] in self?.state.withLock { $0.isStopping } ?? true }
        var logger = Logger(label: "http") { _ in ServerLog(Logger(label: "http").handler, isStopping: isStopping) }
        logger.logLevel = max(settings.logLevel, settings.logLevel <= .debug ? .debug : .warning)
        return logger
    }

    /// The HTTP ports: S3, the admin port, and its socket file.
    private func listeners(_ logger: Logger, _ bound: @escaping Bound) -> [any Service] {
        let serverLogger = serverLogger
        let (tls, adminTLS) = state.withLock { ($0.tls, $0.adminTLS) }
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
            s3.service(connections: makeS3Face(tls: tls, logger: serverLogger)) { address in bound { $0.s3 = address }
            },
            adminListener.service(admin) { address in bound { $0.admin = address } },
        ]
        // sockaddr_un holds 107 bytes of path; the TCP port does everything that the socket does.
        if directory.adminSocket.utf8.count <= 107 {
            adminListener.place = .socketFile(directory.adminSocket)
            adminListener.tls = nil
            services.append(
                adminListener.service(admin) { _ in
                    try? SmallFile.setMode(0o600, of: self.directory.adminSocket)
                    bound { $0.hasSocket = true }
                }
            )
        } else {
            logger.warning("the path of the data directory is too long for a socket file; use the admin port")
            state.withLock { $0.hasSocket = true }
        }
        return services
    }

    /// Runs the services until a stop was asked for or one of them fails.
    private func run(_ services: [any Service], _ logger: Logger) async throws {
        var configuration = ServiceGroupConfiguration(
            // When one cannot go on, the others end in order: what they have begun is finished.
            services: services.map { .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup) },
            logger: serverLogger
        )
        configuration.maximumGracefulShutdownDuration = .milliseconds(Int64(settings.shutdownTimeoutMillis))
        configuration.maximumCancellationDuration = .seconds(10)
        let group = ServiceGroup(configuration: configuration)
        let isStopping = state.withLock { state in
            state.group = group
            return state.isStopping
        }
        do {
            if isStopping { return }
            try await group.run()
            let limit = Duration.milliseconds(Int64(settings.shutdownTimeoutMillis))
            if let from = state.withLock({ $0.stoppedFrom }), .now - from >= limit {
                logger.warning("the stop took its whole time: what still ran was cut off, the data is safe")
            }
        } catch  where state.withLock({ $0.isStopping }) {
            // The stop was asked for and took its whole time: what remains was cut off, the data is safe.
            logger.warning("requests were cut off after the shutdown timeout")
        } catch let failure as CommandFailure {
            throw failure
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

    /// Tells everyone where this node is, when every port is open and nobody was told.
    private func announceOnce(_ logger: Logger, _ firstKey: AccessKey?, _ announce: (String) -> Void) {
        guard let endpoints else { return }
        let isFirst = state.withLock { state in
            defer { state.isAnnounced = true }
            return !state.isAnnounced
        }
        guard isFirst else { return }
        writeEndpoints(endpoints, logger)
        announce(
            Banner.text(
                settings: settings,
                endpoints: endpoints,
                identity: identity,
                firstKey: firstKey,
                showsSecret: environment["MESHD_ROOT_SECRET_KEY"] == nil,
                directory: directory
            )
        )
    }

    private func writeEndpoints(_ endpoints: Endpoints, _ logger: Logger) {
        do {
            try directory.write(endpoints)
        } catch {
            logger.error("endpoints.json cannot be written", metadata: ["error": "\(error)"])
        }
    }

    /// The first SIGTERM or SIGINT drains, a second one exits at once; SIGHUP reads the certificates again.
    private func watchSignals(_ logger: Logger) async {
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
            guard signal != .sighup else {
                reloadCertificates(logger)
                continue
            }
            logger.notice("stopping", metadata: ["signal": "\(signal)"])
            // Nothing that was acknowledged depends on a clean stop.
            if await !stop() { _exit(1) }
        }
    }

    private func reloadCertificates(_ logger: Logger) {
        for context in state.withLock({ [$0.tls, $0.adminTLS] }).compactMap(\.self) {
            do {
                try context.reload()
                logger.notice("certificates were read again")
            } catch {
                logger.error("certificates stay as they were", metadata: ["error": "\(error)"])
            }
        }
        if let endpoints { writeEndpoints(endpoints, logger) }
    }

    private static func context(_ files: CertificateFiles) throws -> TLSContext {
        do {
            return try TLSContext(files)
        } catch {
            throw CommandFailure("the certificate \(files.chain) with key \(files.key) cannot be used: \(error)")
        }
    }
}
