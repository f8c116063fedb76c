package import Logging
internal import NIOCore
internal import NIOPosix
package import Swim
internal import Synchronization

/// This node's part in a mesh: its sockets, keys, files and membership, on one event loop of its own, apart from the
/// traffic of data.
///
/// The first start founds a mesh of its own, or joins one with a token; every later one goes on in the same mesh. Any
/// thread may call; the work is done on the loop.
package final class MeshNode: Sendable {
    /// What runs while the node does.
    private struct Engine: Sendable {
        let group: MultiThreadedEventLoopGroup
        let folder: MeshFolder

        func stop() async {
            await folder.stop()
            try? await group.shutdownGracefully()
        }
    }

    private enum Phase {
        case idle, starting
        case running(Beginning.Begun, Engine)
        case stopped
    }

    let settings: MeshNodeSettings
    private let identity: NodeIdentity
    private let logger: Logger
    private let token: JoinToken?
    let board: PresenceBoard
    let linkDoor = LinkDoor()
    private let phase = Mutex(Phase.idle)

    /// Refuses settings that cannot work before anything is opened.
    package init(_ settings: MeshNodeSettings, identity: NodeIdentity, logger: Logger) throws(MeshError) {
        self.settings = settings
        self.identity = identity
        self.logger = logger
        board = PresenceBoard(own: identity.id)
        do throws(TokenError) {
            if let text = settings.joinToken { token = try JoinToken(parsing: text) } else { token = nil }
        } catch { throw .badToken(error.description) }
        do { _ = try settings.swim.validated() } catch { throw .unusable("\(error.setting): \(error.reason)") }
        guard settings.description.bytes != nil else { throw .unusable("the description of this node is too long") }
    }

    // MARK: Life

    /// Opens the port, enters the mesh, and begins; returns where it listens. With a token it waits until a member lets
    /// it in, or until that is hopeless.
    @discardableResult
    package func start() async throws(MeshError) -> Endpoint {
        let isFirst = phase.withLock { phase in
            guard case .idle = phase else { return false }
            phase = .starting
            return true
        }
        guard isFirst else { throw .stopped }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let engine = Engine(group: group, folder: MeshFolder(settings.directory))
        let beginning = Beginning(
            settings: settings,
            identity: identity,
            token: token,
            loop: group.next(),
            folder: engine.folder,
            board: board,
            linkDoor: linkDoor,
            logger: logger,
            isWanted: { [weak self] in self?.isStopped == false }
        )
        do {
            let begun = try await beginning.begin()
            let isStopped = phase.withLock { phase in
                if case .stopped = phase { return true }
                phase = .running(begun, engine)
                return false
            }
            guard isStopped else { return begun.bound }
            await halt(begun, engine)
            throw MeshError.stopped
        } catch {
            phase.withLock { $0 = .stopped }
            await engine.stop()
            throw error as? MeshError ?? .unusable("\(error)")
        }
    }

    /// Gives up a start that still waits, for a member who lets this node in above all; nothing else is changed. The
    /// start throws `stopped` then.
    package func giveUp() {
        phase.withLock { phase in
            switch phase {
            case .idle, .starting: phase = .stopped
            case .running, .stopped: break
            }
        }
    }

    /// The failure zone that others are told: the setting, or what the token said where that is silent.
    package var zone: String {
        phase.withLock { if case .running(let begun, _) = $0 { begun.zone } else { settings.description.zone } }
    }

    private var isStopped: Bool {
        phase.withLock { if case .stopped = $0 { true } else { false } }
    }

    /// Ends this node's part. With `leave` it says goodbye first, and waits a little for that to go out; without, the
    /// others keep its place and will find it silent, which is right for a restart.
    package func stop(leave: Bool) async {
        let last = phase.withLock { phase in
            let last = phase
            phase = .stopped
            return last
        }
        guard case .running(let begun, let engine) = last else { return }
        if leave { await depart(begun) }
        await halt(begun, engine)
        await engine.stop()
        logger.notice(leave ? "left the mesh" : "the mesh goes on without this node until it is back")
    }

    private func depart(_ begun: Beginning.Begun) async {
        let driver = begun.driver
        let limit = TimeAmount.microseconds(settings.leaveMicros)
        let goodbye = driver.eventLoop.flatSubmit {
            let promise = driver.eventLoop.makePromise(of: Void.self)
            driver.value.departure = promise
            driver.value.command(.leave)
            driver.eventLoop.scheduleTask(in: limit) {
                driver.value.departure?.succeed()
                driver.value.departure = nil
            }
            return promise.futureResult
        }
        try? await goodbye.get()
    }

    private func halt(_ begun: Beginning.Begun, _ engine: Engine) async {
        let driver = begun.driver
        let last = driver.eventLoop.submit {
            let view = driver.value.savedView
            driver.value.halt()
            return view
        }
        let view = try? await last.get()
        try? await begun.server.close()
        do {
            if let view { try await engine.folder.run { try view.write() } }
        } catch {
            logger.error("the member list cannot be written", metadata: ["error": "\(error)"])
        }
    }

    // MARK: The way to the loop

    private var driver: NIOLoopBound<MembershipDriver> {
        get throws(MeshError) {
            guard let driver = phase.withLock({ if case .running(let begun, _) = $0 { begun.driver } else { nil } })
            else { throw .stopped }
            return driver
        }
    }

    /// Runs something on the loop.
    func ask<Value: Sendable>(
        _ body: @escaping @Sendable (MembershipDriver) throws -> Value
    ) async throws(MeshError) -> Value {
        let driver = try driver
        do {
            return try await driver.eventLoop.submit { try body(driver.value) }.get()
        } catch { throw error as? MeshError ?? .stopped }
    }

    /// Begins something on the loop and waits for its end.
    func follow<Value: Sendable>(
        _ body: @escaping @Sendable (MembershipDriver) throws -> EventLoopFuture<Value>
    ) async throws(MeshError) -> Value {
        let driver = try driver
        do {
            return try await driver.eventLoop.submit { try body(driver.value) }.flatMap { $0 }.get()
        } catch { throw error as? MeshError ?? .stopped }
    }

    /// Runs something on the loop without waiting; nothing when the node does not run.
    func tell(_ body: @escaping @Sendable (MembershipDriver) -> Void) {
        guard let driver = try? driver else { return }
        driver.eventLoop.execute { body(driver.value) }
    }

    // MARK: Data links

    /// Opens a data link to a member; `done` is called once, unless the node stops meanwhile.
    func dialLink(
        to peer: NodeID,
        traffic: UInt8,
        _ done: @escaping @Sendable (Result<LinkSocket, LinkFailure>) -> Void
    ) {
        guard let driver = try? driver else { return done(.failure(.notConnected)) }
        driver.eventLoop.execute { driver.value.dialLink(to: peer, traffic: traffic, done) }
    }

    /// A data link that was in use broke off: the membership looks at the peer soon.
    func linkBroke(_ peer: NodeID) { tell { $0.didLose(peer, isRefused: false) } }
}
