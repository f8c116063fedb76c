internal import FoundationEssentials
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Swim

/// What a node does once at each start, in this order: open its port, know or find its mesh, write down that a new life
/// begins, and let the driver begin it.
struct Beginning: Sendable {
    struct Begun: Sendable {
        let driver: NIOLoopBound<MembershipDriver>
        let server: any Channel
        let bound: Endpoint
        let zone: String
    }

    /// How often a free port for both protocols is looked for.
    private static let portTriesMax = 32
    /// The zone of those for whom nobody named one.
    private static let zone = "default"
    /// Members of an earlier life that are greeted at once; the machine asks all the others in its own time.
    private static let greetedMax = 8

    let settings: MeshNodeSettings
    let identity: NodeIdentity
    let token: JoinToken?
    let loop: any EventLoop
    let folder: MeshFolder
    let board: PresenceBoard
    let linkDoor: LinkDoor
    let logger: Logger
    /// False when the node was stopped meanwhile.
    let isWanted: @Sendable () -> Bool

    func begin() async throws -> Begun {
        let door = NIOLoopBoundBox.makeEmptyBox(valueType: MembershipDriver.self, eventLoop: loop)
        let (datagrams, server) = try await bind(door)
        do {
            guard let bound = datagrams.localAddress.flatMap({ Endpoint($0) }) else {
                throw MeshError.cannotListen("the mesh port has no address")
            }
            let (state, entry) = try await enterMesh()
            let directory = folder.directory
            try await folder.run { try state.write(to: directory) }
            let endpoint = try await advertised(bound, seen: entry?.seen)
            let remembered = entry == nil ? await remember(state) : MembershipDriver.Remembered()
            let met = (remembered.snapshot?.entries ?? []).filter { $0.status.isPresent }.map(\.record.endpoint)
            // The machine greets the first sixteen: those whom the operator named go before those remembered.
            let named = (entry?.members ?? []).prefix(Self.greetedMax) + (try await resolved(settings.seeds))
            let greet = named + met.prefix(Self.greetedMax)
            let settled = settingsSettled(by: state)
            let driver = try await loop.submit { [identity, loop, folder, board, linkDoor, logger] in
                let driver = MembershipDriver(
                    loop: loop,
                    settings: settled,
                    identity: identity,
                    state: state,
                    endpoint: endpoint,
                    remembered: remembered,
                    folder: folder,
                    board: board,
                    linkDoor: linkDoor,
                    logger: logger
                )
                door.value = driver
                let port = try DatagramPort(datagrams)
                driver.begin(port: port, server: server, greet: greet.filter { $0 != endpoint })
                return NIOLoopBound(driver, eventLoop: loop)
            }.get()
            return Begun(driver: driver, server: server, bound: bound, zone: settled.description.zone)
        } catch {
            try? await datagrams.close()
            try? await server.close()
            throw error
        }
    }

    /// The settings with what the token said where they are silent. The admission is kept, so the token's zone stays.
    private func settingsSettled(by state: MeshState) -> MeshNodeSettings {
        var settled = settings
        let admission = state.admission.flatMap { try? Admission($0) }
        if settled.description.zone.isEmpty { settled.description.zone = admission?.zone ?? Self.zone }
        return settled
    }

    // MARK: The port

    private func bind(_ door: NIOLoopBoundBox<MembershipDriver?>) async throws -> (any Channel, any Channel) {
        let (host, port) = (settings.listenHost, settings.listenPort)
        guard let number = UInt16(exactly: port) else { throw MeshError.cannotListen("\(port) is no port") }
        guard let wanted = try await Resolver.run({ Resolver.endpoints(host: host, port: number) }).first else {
            throw MeshError.cannotListen("\(host) is no address of this machine")
        }
        var reason = ""
        for _ in 0..<(port == 0 ? Self.portTriesMax : 1) {
            guard let address = wanted.socketAddress else { break }
            let datagrams: any Channel
            do {
                datagrams = try await DatagramPort.bind(address, on: loop).get()
            } catch {
                throw MeshError.cannotListen("the mesh port \(wanted) (UDP) cannot be opened: \(error)")
            }
            do {
                return (datagrams, try await listen(datagrams.localAddress ?? address, door))
            } catch {
                reason = "\(error)"
                try? await datagrams.close()
            }
        }
        throw MeshError.cannotListen("the mesh port \(wanted) (TCP) cannot be opened: \(reason)")
    }

    private func listen(
        _ address: SocketAddress,
        _ door: NIOLoopBoundBox<MembershipDriver?>
    ) async throws -> any Channel {
        try await ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Callers wait in the kernel until the driver is there.
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                guard let driver = door.value else { return channel.close() }
                driver.accept(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(to: address).get()
    }

    /// Under which address others reach this node.
    private func advertised(_ bound: Endpoint, seen: Endpoint?) async throws -> Endpoint {
        if let text = settings.advertise {
            let found = try await Resolver.run { Resolver.endpoints(of: text, defaultPort: Int(bound.port)) }
            guard let first = found.first, !first.isWildcard else {
                throw MeshError.cannotListen("mesh-advertise \(text) is no address that others could reach")
            }
            return first
        }
        guard bound.isWildcard else { return bound }
        if let primary = try await Resolver.run({ Resolver.primaryAddress(of: bound) }) { return primary }
        if let seen { return seen.with(port: bound.port) }
        logger.warning("this machine has no address but loopback: members on other machines cannot reach this node")
        return Endpoint(ipv4: 0x7f00_0001, port: bound.port)
    }

    private func resolved(_ seeds: [String]) async throws -> [Endpoint] {
        try await Resolver.run { [logger] in
            seeds.prefix(MeshNodeSettings.seedsMax).flatMap { seed in
                let found = Resolver.endpoints(of: seed)
                if found.isEmpty { logger.warning("the seed \(seed) is not known by name yet") }
                return found
            }
        }
    }

    // MARK: The mesh

    /// The state of this life, not written yet; with what a token brought, if one was used.
    private func enterMesh() async throws -> (MeshState, Admittance.Entry?) {
        let directory = folder.directory
        let known = try await folder.run { try MeshState.read(from: directory) }
        guard var state = known else {
            if let token {
                let entry = try await admittance(token).enter()
                return (entry.state, entry)
            }
            let founded = try await folder.run { [identity] in
                try MeshState.found(in: directory, identity: identity, unixSeconds: WallClock.unixSeconds)
            }
            logger.notice("founded a mesh", metadata: ["mesh": "\(founded.keyring.meshID)"])
            return (founded, nil)
        }
        state.generation += 1
        let isOwn = try state.admission.map { try Admission($0).id == identity.id } ?? true
        guard let token else {
            guard isOwn else {
                throw MeshError.unusable(
                    "\(MeshState.file(in: directory)) was made for another node key than this one: restore the key, or "
                        + "join again with a token"
                )
            }
            return (state, nil)
        }
        if token.meshID == state.keyring.meshID {
            guard token.epoch > state.keyring.newest || !isOwn else {
                logger.notice("this node belongs to the token's mesh already; the token is not used")
                return (state, nil)
            }
            // The keys were rotated while it slept, perhaps so long ago that nobody knows it any more; or it has a new
            // key of its own, and nobody can know it.
            let entry = try await admittance(token).enter()
            return (Self.renewed(state, by: entry.state), entry)
        }
        guard state.isFounder, !state.hasMet else {
            throw MeshError.badToken(
                "this node belongs to mesh \(state.keyring.meshID) and the token to mesh \(token.meshID); "
                    + "use a fresh data directory, or let the node leave and remove \(MeshState.file(in: directory))"
            )
        }
        // Alone in a mesh that it founded itself: nobody will miss it there.
        let entry = try await admittance(token).enter()
        let left = state.keyring.meshID
        try await folder.run { try MeshState.setAdminKeyAside(in: directory, of: left) }
        logger.notice("moved from a mesh of its own", metadata: ["mesh": "\(token.meshID)", "left": "\(left)"])
        return (Self.renewed(state, by: entry.state), entry)
    }

    /// The new keys in a life that is newer than all before.
    private static func renewed(_ old: MeshState, by new: MeshState) -> MeshState {
        var state = new
        state.generation = max(old.generation, new.generation)
        return state
    }

    private func admittance(_ token: JoinToken) -> Admittance {
        Admittance(
            token: token,
            identity: identity,
            loop: loop,
            logger: logger,
            isWanted: isWanted
        )
    }

    /// What an earlier life knew. A damaged file costs nothing but time.
    private func remember(_ state: MeshState) async -> MembershipDriver.Remembered {
        let (snapshotFile, reportFile) = (folder.snapshotFile, folder.reportFile)
        let read = try? await folder.run { (try MeshFolder.read(snapshotFile), try MeshFolder.read(reportFile)) }
        guard let bytes = read?.0 else { return MembershipDriver.Remembered() }
        guard let snapshot = Snapshot(bytes) else {
            logger.warning("\(snapshotFile) is damaged and not used")
            return MembershipDriver.Remembered()
        }
        var remembered = MembershipDriver.Remembered(snapshot: snapshot)
        let report = read?.1.flatMap { try? JSONDecoder().decode(MembersReport.self, from: Data($0)) }
        guard let report, report.meshID == state.keyring.meshID.description else { return remembered }
        let names = report.members.map { ($0.id, $0.name) }
        for entry in snapshot.entries {
            let text = entry.record.id.description
            guard let name = names.first(where: { $0.0 == text })?.1, !text.hasPrefix(name) else { continue }
            remembered.names[entry.record.id] = name
        }
        return remembered
    }
}
