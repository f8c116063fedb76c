import Logging
import Mesh
import ServiceLifecycle
import Store
import Swim

/// This node's part in the mesh, from the moment its HTTP ports are open to its goodbye.
struct MeshService: Sendable {
    /// How often the free space is looked at; MeshNode tells the others when it changed much.
    private static let describeSeconds = 15
    /// How often a node that is alone asks DNS for others.
    private static let seekSeconds = 30

    private let node: Node
    private let members: MeshNode
    private let logger: Logger
    private let opened: AsyncStream<Void>
    private let opening: AsyncStream<Void>.Continuation

    /// Throws a sentence when the files of the mesh cannot be used.
    init(node: Node, logger: Logger) throws {
        self.node = node
        self.logger = logger
        (opened, opening) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let settings = node.settings
        var mesh = MeshNodeSettings(
            listenHost: settings.meshListen.host,
            listenPort: settings.meshListen.port,
            directory: node.directory.path,
            description: Self.description(of: node)
        )
        // Without its port an address goes with the port that was taken.
        mesh.advertise = settings.meshAdvertise.map { $0.port == 0 ? $0.hostText : $0.description }
        mesh.joinToken = node.joinToken?.revealed
        mesh.seeds = settings.seeds.compactMap {
            if case .address(let address) = $0 { address.description } else { nil }
        }
        mesh.news = { [events = node.events] draft in events.note(draft) }
        switch settings.meshProfile {
        case "fast": mesh.swim = .fast
        case "wan": mesh.swim = .wan
        default: break
        }
        do throws(MeshError) {
            self.members = try MeshNode(mesh, identity: node.identity, logger: logger)
        } catch {
            throw CommandFailure(error.description)
        }
    }

    /// The HTTP ports are open: now others may hear of this node.
    func open() {
        opening.yield()
        opening.finish()
    }

    func service(_ onBound: @escaping @Sendable (String) -> Void) -> some Service {
        Life(run: { try await live(onBound) })
    }

    private struct Life: Service {
        let run: @Sendable () async throws -> Void

        func run() async throws { try await self.run() }
    }

    private func live(_ onBound: @Sendable (String) -> Void) async throws {
        await cancelWhenGracefulShutdown { for await _ in opened {} }
        if Task.isShuttingDownGracefully { return }
        let address: String
        do {
            address = try await withGracefulShutdownHandler {
                try await members.start().description
            } onGracefulShutdown: {
                members.giveUp()
            }
        } catch MeshError.stopped where Task.isShuttingDownGracefully {
            return
        } catch {
            node.noteEntry(error)
            throw CommandFailure((error as? MeshError)?.description ?? "\(error)")
        }
        node.noteEntry(nil)
        let cluster = Cluster(node, members)
        node.setMesh(members)
        node.setCluster(cluster)
        onBound(address)
        let roll = Roll()
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await cancelWhenGracefulShutdown { await work(cluster, roll) }
            } onCancel: {
                cluster.cut()
            }
        } onGracefulShutdown: {
            // Whoever wonders why a stop takes long sees on which side of this line, and what for.
            logger.notice("the HTTP ports are closed, the mesh is left next")
            // No client waits for anything of the mesh now.
            cluster.cut()
            roll.complain(logger)
        }
        node.setCluster(nil)
        await roll.during("links") { await cluster.stop() }
        // Who left by command has said goodbye already.
        if let members = node.setMesh(nil) {
            // A goodbye takes a moment to spread; who is alone has nobody to tell.
            let present = (try? await members.counters())?.present ?? 1
            // A task of its own: the goodbye is said, and what has to be written is written, even when requests took the
            // whole time of the stop.
            await roll.during("goodbye") { await Task { await members.stop(leave: present > 1) }.value }
        }
    }

    /// All that goes on while this node takes part, until it is cancelled.
    private func work(_ cluster: Cluster, _ roll: Roll) async {
        await withTaskGroup { tasks in
            tasks.addTask { await cluster.run(roll) }
            tasks.addTask { await roll.during("the description") { await describe() } }
            tasks.addTask { await roll.during("neighbours") { await answerNeighbours() } }
            tasks.addTask { await roll.during("activation") { await node.activation.run(node, logger) } }
            tasks.addTask { await roll.during("rehearsals") { await node.rehearsals.run() } }
            tasks.addTask { await roll.during("removal watch") { await node.goHomeWhenRemoved(logger) } }
            tasks.addTask { await roll.during("DNS seeds") { await seekServices() } }
            tasks.addTask { await roll.during("self-check") { await node.watchItself() } }
            await tasks.waitForAll()
        }
    }

    /// Keeps the description true until it is cancelled. People wait for a new name.
    private func describe() async {
        var told = ""
        var seconds = 0
        while !Task.isCancelled {
            let name = node.name
            if name != told || seconds % Self.describeSeconds == 0 { members.describe(Self.description(of: node)) }
            told = name
            seconds += 1
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private static func description(of node: Node) -> Description {
        let statistics = node.store.statistics()
        let (s3, admin) = node.faces
        return Description(
            name: node.name,
            zone: node.settings.givenZone ?? "",
            s3: s3,
            admin: admin,
            version: Meshd.version,
            capacityBytes: SmallFile.diskBytes(of: node.directory.path) ?? 0,
            freeBytes: statistics.freeBytes
        )
    }

    /// Looks for members under the names of services while this node is alone, until it is cancelled.
    private func seekServices() async {
        let names = node.settings.seeds.compactMap { if case .service(let name) = $0 { name } else { nil } }
        guard !names.isEmpty else { return }
        while !Task.isCancelled {
            let isAlone = ((try? await members.counters())?.present ?? 1) <= 1 && node.rehearsals.secondsDead == nil
            for name in names where isAlone {
                do {
                    let found = try await ServiceLookup.nodes(of: name)
                    if found.isEmpty { logger.warning("no SRV records are found", metadata: ["service": "\(name)"]) }
                    await members.greet(found)
                } catch {
                    logger.warning(
                        "a service cannot be looked up",
                        metadata: ["service": "\(name)", "error": "\(error)"]
                    )
                }
            }
            try? await Task.sleep(for: .seconds(Self.seekSeconds))
        }
    }

    /// Answers `meshd discover` while this node is alone, until it is cancelled.
    private func answerNeighbours() async {
        guard node.settings.lanDiscovery else { return }
        do {
            try await LanDiscovery.answer(on: node.settings.meshListen.host) {
                // Who plays dead only seems to be alone.
                guard node.rehearsals.secondsDead == nil, let members = try? node.mesh() else { return nil }
                guard let address = try? await members.tokenMaterial().addresses.first,
                    let present = try? await members.counters().present, present <= 1
                else { return nil }
                return LanNode(
                    id: node.identity.id,
                    name: node.name,
                    version: Meshd.version,
                    mesh: address,
                    admin: node.adminAddress(besides: address),
                    freeBytes: node.store.statistics().freeBytes
                )
            }
        } catch is CancellationError {
            return
        } catch {
            logger.warning("`meshd discover` will not find this node", metadata: ["error": "\(error)"])
        }
    }
}
