import Foundation
import Glibc
import Hummingbird
import Logging
import Mesh
import NIOCore
import NIOSSL
import ServiceLifecycle
import Store
import Swim
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
    let layout: LayoutDriver
    /// What this node does for coordinators, its own among them.
    let holder: Holder
    let accessKeys: AccessKeys
    let rules: ReplicationRules
    let tenants: RegisterTable<Tenant>
    let quotas: Quotas
    let labels: RegisterTable<NodeLabel>
    let usage = UsageLedger()
    /// What happened here, for those who ask later.
    let events: EventLog
    let history: HistoryKeeper
    let metrics = RequestMetrics()
    let quorumMetrics = QuorumMetrics()
    /// The ways to other nodes, which are there as long as this one takes part.
    let holders: MeshHolders
    let line = LinkLine()
    /// How this node may be invited into a mesh.
    let consent = ConsentDoor()
    let activation: ActivationDesk
    let rehearsals = RehearsalDesk()
    let diagnoses = DiagnosisDesk()
    let machine = MachineGauge()
    /// The look at what all nodes have that is under way.
    let usageLook = Mutex<Task<Void, Never>?>(nil)
    /// The way on which it came into its mesh, while that is not settled.
    let invitation: Invitation?
    /// The token to join with, whoever gave it.
    let joinToken: Secret?
    let isFounder: Bool
    /// The keys of its mesh were here when it started, or it made the first one.
    private let hasKeys: Bool
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
        var cluster: Cluster?

        var isServing: Bool { s3 != nil && admin != nil && hasSocket }
    }

    private let state = Mutex(State())

    /// Opens the data directory. Throws a sentence when it cannot be used.
    init(_ settings: Settings, environment: [String: String]) async throws {
        self.settings = settings
        self.environment = environment
        self.directory = DataDirectory(path: settings.dataDirectory)
        do {
            try directory.create()
            invitation = try Invitation.resume(in: settings.dataDirectory)
            joinToken = invitation.map { $0.token.map { Secret($0) } } ?? settings.join
            activation = try ActivationDesk(in: settings.dataDirectory)
            self.store = try ObjectStore.open(settings.dataDirectory, settings: settings.store)
        } catch StoreError.unusable(let reason) {
            throw CommandFailure(reason)
        } catch StoreError.io(let what) {
            throw CommandFailure("the data directory cannot be used: \(what)")
        }
        self.identity = try directory.identity()
        self.adminToken = try directory.adminToken(environment: environment)
        self.history = HistoryKeeper(file: directory.historyFile, nowMillis: startedMillis)
        self.events = try EventLog(
            directory.eventsFolder,
            nodeID: identity.id.description,
            node: settings.name,
            limits: settings.events
        )
        let holder = Holder(store: store)
        let holders = MeshHolders(own: identity.id, holder: holder)
        (self.holder, self.holders) = (holder, holders)
        do {
            let isFounder = try MeshState.isFounder(in: settings.dataDirectory, token: joinToken?.revealed)
            if isFounder, settings.isWitness {
                throw CommandFailure("a witness joins two nodes that hold objects: give it a token of their mesh")
            }
            let layout = try await LayoutDriver.open(
                own: identity.id,
                disk: StoreDisk(store),
                line: line,
                isFounder: isFounder,
                hasMet: MeshState.read(from: settings.dataDirectory)?.hasMet ?? false,
                zone: settings.zone,
                weight: Self.weight(settings)
            )
            // A founder whose store was lost has nothing to begin with: all that it knows comes from the others.
            self.isFounder = isFounder && layout.isReady
            self.layout = layout
        } catch let failure as CommandFailure {
            await store.close()
            throw failure
        } catch {
            await store.close()
            throw CommandFailure("the layout of the mesh cannot be read: \(error)")
        }
        let layout = layout
        holders.follow(layout)
        self.coordinator = Coordinator(
            store: store,
            holders: holders,
            book: layout.book,
            metrics: quorumMetrics,
            isReady: { layout.isReady }
        )
        let accessKeys = AccessKeys(store: store, coordinator: coordinator)
        self.accessKeys = accessKeys
        let rules = ReplicationRules(store: store, coordinator: coordinator)
        self.rules = rules
        let tenants = RegisterTable<Tenant>(store: store, coordinator: coordinator)
        let bucketQuotas = RegisterTable<BucketQuota>(store: store, coordinator: coordinator)
        self.tenants = tenants
        let labels = RegisterTable<NodeLabel>(store: store, coordinator: coordinator)
        self.labels = labels
        quotas = Quotas(buckets: bucketQuotas, tenants: tenants, usage: usage)
        hasKeys = isFounder || !accessKeys.all().isEmpty
        store.onSystemChange { changed in
            accessKeys.heed(changed)
            rules.heed(changed)
            tenants.heed(changed)
            bucketQuotas.heed(changed)
            labels.heed(changed)
            // The store's thread does not wait for its own commits.
            if changed.contains(Layout.address.key) { Task { await layout.refresh() } }
        }
    }

    /// Whether requests should come here: every port is open, no stop was asked for, the store has not failed, layout and
    /// keys are known, and most members have answered.
    var isReady: Bool {
        state.withLock { $0.isServing && !$0.isStopping }
            && layout.isReady && !layout.isRemoved && rehearsals.secondsDead == nil && knowsKeys && hasMetMajority
            && store.statistics().failure == nil
    }

    /// Whether a key that is not here is nowhere: a node that comes into a mesh has to hear of them first.
    var knowsKeys: Bool { hasKeys || cluster?.repair.knowsSmallState == true }

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

    /// What brings copies together and changes the layout; nil while the node does not take part.
    var cluster: Cluster? { state.withLock { $0.cluster } }

    func setCluster(_ cluster: Cluster?) { state.withLock { $0.cluster = cluster } }

    /// Notes that the node takes part, or does so no more; returns who took part before.
    @discardableResult
    func setMesh(_ members: MeshNode?) -> MeshNode? {
        state.withLock { state in
            let before = state.members
            state.members = members
            return before
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
        if let bug = SeededBug.present { logger.critical("SEEDED BUG \(bug.rawValue): this node breaks its promises") }
        let node = try await Node(settings, environment: processEnvironment())
        if let given = node.environment["MESHD_ADMIN_TOKEN"], !given.isEmpty,
            !Secret(given).isEqual(to: node.adminToken)
        {
            logger.warning("MESHD_ADMIN_TOKEN is not this node's token: that was set at its first start and stays")
        }
        do {
            try await live(node, logger)
        } catch {
            guard node.mayGoHome else { throw error }
            logger.error("the mesh that invited this node does not let it in", metadata: ["error": "\(error)"])
            try node.goHome()
        }
        if node.consent.isReborn {
            logger.notice("beginning anew")
            throw CommandFailure("the program cannot begin anew: \(Rebirth.begin()); start it again")
        }
        logger.notice("stopped")
    }

    private static func live(_ node: Node, _ logger: Logger) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await node.watchSignals(logger) }
            tasks.addTask {
                await node.consent.untilReborn()
                await node.stop()
                // The stop takes its time in another task.
                try await Task.sleep(for: .seconds(3_600))
            }
            tasks.addTask {
                try await node.run(logger) { banner in
                    print(banner)
                    // Standard output may be a pipe to someone who waits for this.
                    fflush(nil)
                }
            }
            // The watches end only when they are cancelled, so the first task to end is the node.
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    /// Runs until `stop` is called; everything is on disk and closed when this returns. `announce` gets the banner,
    /// once.
    func run(_ logger: Logger, announce: @escaping @Sendable (String) -> Void) async throws {
        do {
            try await serveFaces(logger, announce)
        } catch {
            withdrawInvitation(logger)
            try? directory.removeEndpoints()
            await closeStore()
            throw error
        }
        withdrawInvitation(logger)
        try directory.removeEndpoints()
        await closeStore()
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
        for name in tenants.unreadable {
            logger.error("a tenant cannot be read, and its keys open nothing", metadata: ["tenant": "\(name)"])
        }
        for id in quotas.buckets.unreadable {
            logger.error("a quota cannot be read, and its bucket takes nothing", metadata: ["bucket": "\(id)"])
        }
        let firstKey = try await makeFirstKey(logger)
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

        // They stop from the last to the first: S3 takes no new requests and ends those that have begun, which may need the
        // other nodes; the goodbye comes when nobody needs anything any more.
        try await run([mesh.service { address in bound { $0.mesh = address } }] + listeners(logger, bound), logger)
    }

    /// The first admin key, where a mesh begins. A node that joins has the keys of its mesh.
    private func makeFirstKey(_ logger: Logger) async throws -> AccessKey? {
        guard isFounder else {
            if ["MESHD_ROOT_ACCESS_KEY", "MESHD_ROOT_SECRET_KEY"].contains(where: { environment[$0]?.isEmpty == false })
            {
                logger.warning("MESHD_ROOT_ACCESS_KEY is ignored: access keys come from the mesh that this node joins")
            }
            return nil
        }
        return try await directory.firstKey(in: accessKeys, store: store, environment: environment)
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

    /// The HTTP ports: the admin port, its socket file, and S3.
    private func listeners(_ logger: Logger, _ bound: @escaping Bound) -> [any Service] {
        let serverLogger = serverLogger
        let (tls, adminTLS) = state.withLock { ($0.tls, $0.adminTLS) }
        let admin = AdminFace(node: self).responder()
        var adminListener = Listener(
            name: "the admin port",
            place: .address(settings.adminListen),
            tls: adminTLS,
            connectionsMax: settings.adminConnectionsMax,
            idleTimeoutMillis: settings.idleTimeoutMillis,
            serverLogger: serverLogger,
            logger: logger
        )
        let s3 = Listener(
            name: "the S3 port",
            place: .address(settings.s3Listen),
            connectionsMax: settings.connectionsMax,
            idleTimeoutMillis: settings.idleTimeoutMillis,
            serverLogger: serverLogger,
            logger: logger
        )
        var services: [any Service] = [
            adminListener.service(admin) { address in bound { $0.admin = address } }
        ]
        // sockaddr_un holds 107 bytes of path; the TCP port does everything that the socket does.
        if directory.adminSocket.utf8.count <= 107 {
            adminListener.name = "the admin socket"
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
        services.append(
            s3.service(connections: makeS3Face(tls: tls, logger: serverLogger)) { address in bound { $0.s3 = address } }
        )
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

    /// Tells everyone where this node is, when every port is open and nobody was told.
    private func announceOnce(
        _ logger: Logger,
        _ firstKey: AccessKey?,
        _ announce: @escaping @Sendable (String) -> Void
    ) {
        guard let endpoints else { return }
        let isFirst = state.withLock { state in
            defer { state.isAnnounced = true }
            return !state.isAnnounced
        }
        guard isFirst else { return }
        writeEndpoints(endpoints, logger)
        consent.begin(announce)
        announce(
            Banner.text(
                settings: settings,
                endpoints: endpoints,
                identity: identity,
                firstKey: firstKey,
                showsSecret: environment["MESHD_ROOT_SECRET_KEY"] == nil,
                directory: directory,
                code: freshCode()?.code.text
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
