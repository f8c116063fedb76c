import Logging
import Mesh
import NIOCore
import NIOPosix
import Store
import Swim

/// This node among others: links that are served and used, repair that runs, and a steward who keeps the layout.
final class Cluster: Sendable {
    private static let expirySeconds = 5

    /// A majority that is away keeps a node from saying that it serves so long: from then on each request says so itself.
    private static let acquaintance = Duration.seconds(30)

    let links: Links
    let repair: Repair
    let conduct: LayoutConduct
    /// What operators ask of nodes.
    let enquiries: Enquiries
    let replicator: Replicator
    /// The way to where rules send, while this node works at them.
    private let targets: TargetClient
    private let node: Node
    private let begun = ContinuousClock.now

    /// Once the node takes part.
    init(_ node: Node, _ members: MeshNode) {
        self.node = node
        // Where requests of clients are served too: what an answer wakes is then mostly on the thread that brought it.
        let links = Links(node: members, loops: Array(MultiThreadedEventLoopGroup.singleton.makeIterator()))
        let layout = node.layout
        let own = node.identity.id
        let repair = Repair(
            own: own,
            place: OwnPlace(storeID: node.store.storeID, zone: members.zone) { [settings = node.settings] in
                Node.weight(settings)
            },
            disk: StoreDisk(node.store),
            line: node.line,
            book: layout.book,
            gate: layout.gate,
            wishes: node.coordinator,
            buckets: node.coordinator,
            settings: node.settings.repair,
            epoch: { layout.epoch },
            align: { await layout.align($0, $1) },
            alive: { [weak members] in
                guard let presence = members?.presence else { return [] }
                return Set(presence.peers.values.filter { $0.status.isPresent && $0.id != own }.map(\.id))
            },
            name: { [weak members] in members?.presence[$0]?.name ?? "\($0)" }
        )
        self.links = links
        self.repair = repair
        var steward = LayoutSteward.Settings()
        steward.membersMax = node.settings.nodesMax ?? .max
        conduct = LayoutConduct(
            layout,
            register: node.coordinator,
            around: repair,
            wishes: node.coordinator,
            settings: steward
        )
        let enquiries = Enquiries(
            ownID: own,
            road: { peer, bytes, micros in
                try await links.call(peer, .control, Enquiries.method, bytes, timeoutMicros: micros)
            },
            answer: { [weak node] enquiry, peer in await node?.answer(enquiry, from: peer) ?? .refused("it ends") }
        )
        self.enquiries = enquiries
        links.serve(Enquiries.method) { peer, bytes, done in enquiries.serve(bytes, from: peer, done) }
        ReplicaService.serve(links, node.holder)
        let targets = TargetClient()
        self.targets = targets
        replicator = Replicator(
            rules: node.rules,
            store: node.store,
            coordinator: node.coordinator,
            links: links,
            meshPrefix: { [weak node] in
                guard let node else { throw MeshError.stopped }
                return try await node.meshPrefix()
            },
            isUsable: { [weak members] in members?.presence[$0]?.isUsable == true },
            makeTarget: { rule throws(ReplicationFailure) in try targets.target(of: rule.target) }
        )
        for method in RepairMethod.allCases {
            links.serve(method.rawValue, isOpen: method.isOpen) { asker, payload, done in
                Task {
                    switch method {
                    case .layoutGet, .layoutOffer: done(await layout.answer(method, payload))
                    default: done(await repair.service.answer(method, payload, from: asker))
                    }
                }
            }
        }
        layout.observe { [weak links] _ in links?.shutOut(layout.outsiders) }
        links.shutOut(layout.outsiders)
        node.holders.connect(links, members)
        node.line.connect(links)
        node.holder.onBareRow { [weak repair] in repair?.urgent.offer($0) }
        node.holder.onOpening { [coordinator = node.coordinator] in await coordinator.isOpen($0) }
        links.start()
    }

    /// Whether others let this node in: a newcomer may have heard of keys and layout from the one member that it came
    /// through, when the rest has not heard of it and refuses it yet.
    var hasMetMajority: Bool { conduct.hasMetMajority || ContinuousClock.now - begun > Self.acquaintance }

    /// Works until it is cancelled.
    func run(_ roll: Roll) async {
        await withTaskGroup { tasks in
            tasks.addTask { await roll.during("repair") { await self.repair.run() } }
            tasks.addTask { await roll.during("repair's pace") { await self.repair.feel(self.node.quorumMetrics) } }
            tasks.addTask { await roll.during("the layout") { await self.conduct.run() } }
            tasks.addTask { await roll.during("replication") { await self.replicate() } }
            tasks.addTask { await roll.during("usage") { await self.node.followUsage() } }
            tasks.addTask { await roll.during("expiry") { await self.expire() } }
            await tasks.waitForAll()
        }
    }

    private func replicate() async { await targets.open { await replicator.run() } }

    /// The way to where a rule sends.
    func target(of rule: ReplicationRule.Target) throws(ReplicationFailure) -> S3Target { try targets.target(of: rule) }

    private func expire() async {
        while !Task.isCancelled {
            node.holder.expire()
            try? await Task.sleep(for: .seconds(Self.expirySeconds))
        }
    }

    /// Nobody is asked any more and nobody is answered: what waits for another node fails now, and not in a minute.
    func cut() {
        node.holders.disconnect()
        node.holder.onBareRow(nil)
        node.holder.onOpening(nil)
        node.line.connect(nil)
        links.cut()
    }

    func stop() async {
        cut()
        await links.stop()
    }
}
