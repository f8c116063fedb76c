import HTTPTypes
import Logging
import Mesh
import Store
import Swim
import Synchronization

/// The one activation that this node carries out at a time: its file, its tokens, and the calls to the nodes that come.
final class ActivationDesk: Sendable {
    private static let tickMillis = 1_000
    /// Who is silent for so long does not hold up the look at the others.
    private static let lookSeconds = 5
    /// A token lets in whoever has it: it was sealed for one, and is over soon.
    private static let tokenMillis: UInt64 = 5 * 60_000

    private struct State {
        var activation: Activation?
        /// Keys shared with the nodes that come, in the order of the activation's.
        var proven: [NewcomerDoor.Proven] = []
        var secondsLeft: UInt64?
        var isPreparing = false
    }

    private let directory: String
    private let state: Mutex<State>

    private var file: String { directory + "/activation.json" }

    /// One that was under way when the node ended is taken back, if that is still possible. Throws when its file cannot be read.
    init(in directory: String) throws {
        self.directory = directory
        var state = State()
        if let bytes = try SmallFile.read(directory + "/activation.json") {
            guard var kept = try? JSON.value(Activation.self, from: bytes) else {
                throw CommandFailure(
                    "\(directory)/activation.json is damaged: remove it, and look at `meshd node list`"
                )
            }
            kept.fail("This node ended meanwhile.", at: JSON.nowMillis())
            state.activation = kept
        }
        self.state = Mutex(state)
    }

    /// Nothing else can be begun, and nobody invites this node.
    var isBusy: Bool { state.withLock { $0.isPreparing || $0.activation.map { !$0.phase.isOver } == true } }

    var answer: ActivationAnswer? {
        state.withLock { state in state.activation.map { ActivationAnswer($0, secondsLeft: state.secondsLeft) } }
    }

    // MARK: Orders

    /// Checks everything, proves all codes, and begins. Throws with nothing begun.
    func begin(_ order: ActivationOrder, on node: Node) async throws -> ActivationAnswer {
        let isFree = state.withLock { state in
            guard !state.isPreparing, state.activation?.phase.isOver != false else { return false }
            state.isPreparing = true
            return true
        }
        guard isFree else { throw AdminError(.conflict, "busy", "an activation is under way on this node already") }
        defer { state.withLock { $0.isPreparing = false } }
        let check = ActivationCheck(order: order, node: node)
        let (newcomers, proven) = try await check.prove(owed: state.withLock { $0.activation?.nodes ?? [] })
        _ = try await mint(node)
        let activation = Activation(
            id: Hex.encode(SecureRandom.bytes(8)),
            mode: order.mode,
            copies: order.copies,
            nodes: newcomers,
            nowMillis: JSON.nowMillis()
        )
        try write(activation)
        return state.withLock { state in
            state.activation = activation
            state.proven = proven
            state.secondsLeft = nil
            return ActivationAnswer(activation, secondsLeft: nil)
        }
    }

    func cancel() throws -> ActivationAnswer {
        try change { activation, now in
            guard !activation.phase.isOver else {
                throw AdminError(.conflict, "over", "no activation is under way on this node")
            }
            guard activation.isReversible else {
                throw AdminError(.conflict, "too_late", "all nodes are in, and are told so now: it goes on to its end")
            }
            activation.fail("It was cancelled.", at: now)
        }
    }

    // MARK: Work

    /// Works until it is cancelled.
    func run(_ node: Node, _ logger: Logger) async {
        while !Task.isCancelled {
            if state.withLock({ $0.activation?.isAwake == true }) {
                do {
                    try await step(node, logger)
                } catch {
                    logger.error("the activation's file cannot be written", metadata: ["error": "\(error)"])
                }
            }
            try? await Task.sleep(for: .milliseconds(Self.tickMillis))
        }
    }

    private func step(_ node: Node, _ logger: Logger) async throws {
        let facts = await ClusterBoard(node: node).look().facts
        state.withLock { $0.secondsLeft = facts.movement?.secondsLeft }
        let seen = await sighting(facts, node)
        var directives: [Activation.Directive] = []
        try change { activation, now in directives = activation.advance(seen, at: now) }
        for directive in directives {
            guard !Task.isCancelled else { return }
            try await obey(directive, node, logger)
        }
    }

    private func sighting(_ facts: ClusterFacts, _ node: Node) async -> Activation.Sighting {
        var seen = Activation.Sighting()
        seen.isChanging = facts.isChanging
        seen.share = facts.movement?.share ?? 0
        for known in facts.nodes {
            seen.nodes[known.id.description] = Activation.Sighting.Node(
                isAlive: known.state?.isAlive == true,
                isMember: known.isMember,
                isPlaced: known.place == .active,
                zone: known.zone
            )
        }
        for invited in state.withLock({ $0.activation?.nodes ?? [] }) where invited.step == .invited {
            guard let answer = try? await NewcomerDoor(invited.address)?.look(within: Self.lookSeconds),
                answer.id == invited.id
            else {
                continue
            }
            seen.nodes[invited.id, default: Activation.Sighting.Node()].answers = true
        }
        seen.copies = node.coordinator.buckets().map {
            Activation.BucketCopies(bucket: $0.name, copies: node.copiesWanted(of: $0))
        }
        return seen
    }

    private func obey(_ directive: Activation.Directive, _ node: Node, _ logger: Logger) async throws {
        guard let activation = state.withLock({ $0.activation }) else { return }
        switch directive {
        case .hand(let index):
            // It may have been cancelled a moment ago.
            guard activation.phase == .joining else { return }
            let failure = await failure { try await self.hand(index, activation, node) }
            try change { $0.handed(index, at: $1, failure: failure) }
        case .settle(let index):
            let failure = await failure { try await Self.tell(.settle, activation.nodes[index]) }
            try change { $0.settled(index, at: $1, failure: failure) }
        case .undo(let index):
            let failure = await failure { try await Self.tell(.undo, activation.nodes[index]) }
            try change { $0.parted(index, at: $1, failure: failure) }
        case .zone(let index):
            let newcomer = activation.nodes[index]
            guard let id = NodeID(hexadecimal: newcomer.id) else { return }
            try await note(order(.zone(id, newcomer.zone), node), activation.nodes)
        case .remove(let indices): try await remove(indices.map { activation.nodes[$0] }, node)
        case .copies(let wanted):
            guard let bucket = node.coordinator.buckets().first(where: { $0.name == wanted.bucket }) else { return }
            let base = node.coordinator.copies(of: bucket.id)
            _ = try? await node.wish(.copies(bucket.id, base: base, wanted: wanted.copies), isForced: false)
        }
    }

    /// In one step. Where that is refused, one by one, and first who has been silent longest.
    private func remove(_ newcomers: [Activation.Newcomer], _ node: Node) async throws {
        let leaving = newcomers.compactMap { newcomer in NodeID(hexadecimal: newcomer.id).map { (newcomer, $0) } }
        guard let refusal = await order(.remove(Set(leaving.map(\.1))), node) else { return }
        guard leaving.count > 1 else { return try note(refusal, newcomers) }
        for (_, id) in leaving.sorted(by: { $0.0.aliveMillis < $1.0.aliveMillis }) {
            try await note(order(.remove([id]), node), newcomers)
        }
    }

    /// Orders a change of the layout; returns why it was refused, nil when it was not.
    private func order(_ wish: LayoutWish, _ node: Node) async -> String? {
        switch try? await node.wish(wish, isForced: false) {
        case .refused(let reason): reason
        case .needsForce(let loss): loss.sentences.joined(separator: " ")
        case .decided, .alreadySo, .undecided, nil: nil
        }
    }

    /// Writes a refusal into the activation's log, with names for ids. The machine asks again later.
    private func note(_ refusal: String?, _ newcomers: [Activation.Newcomer]) throws {
        guard let refusal else { return }
        let told = newcomers.reduce(refusal) { $0.replacing($1.id, with: $1.name) }
        try change { $0.note(told, $1, isBad: true) }
    }

    private func hand(_ index: Int, _ activation: Activation, _ node: Node) async throws {
        let proven = state.withLock { $0.proven.indices.contains(index) ? $0.proven[index] : nil }
        let newcomer = activation.nodes[index]
        guard let proven, let door = NewcomerDoor(newcomer.address) else {
            throw CommandFailure("its code is forgotten")
        }
        let zone = newcomer.zone.isEmpty ? nil : newcomer.zone
        try await door.hand(
            try await mint(node).token(expiresMillis: Self.tokenMillis, zone: zone, addresses: []),
            to: proven
        )
    }

    private static func tell(_ word: ConsentEnd.Word, _ newcomer: Activation.Newcomer) async throws {
        guard let door = NewcomerDoor(newcomer.address), let bond = Hex.decode(newcomer.bond.utf8) else {
            throw CommandFailure("its address is not known")
        }
        // Somebody else may have got its address meanwhile; he could do nothing with the mark.
        guard try await door.look().id == newcomer.id else { throw CommandFailure("another node answers there") }
        try await door.end(word, bond: Secret(bytes: bond))
    }

    private func failure(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch let failure as CommandFailure {
            return failure.message
        } catch let error as MeshError {
            return error.description
        } catch {
            return "\(error)"
        }
    }

    /// What makes tokens; only where the admin key is.
    private func mint(_ node: Node) async throws -> TokenMint {
        guard let key = try MeshState.adminKey(file: MeshState.adminKeyFile(in: directory)) else {
            throw AdminError(
                .conflict,
                "no_admin_key",
                "\(node.name) does not hold the mesh's admin key: enlarge the mesh from the node where it began"
            )
        }
        let material = try await node.mesh().tokenMaterial()
        return TokenMint(
            key: key,
            material: TokenMaterial(
                adminPublicKey: Hex.encode(material.adminPublicKey),
                epoch: material.epoch,
                secret: Hex.encode(material.secret.revealedBytes),
                addresses: material.addresses
            )
        )
    }

    // MARK: The file

    /// Changes the activation, and keeps what changed before anything is done about it.
    @discardableResult
    private func change(_ body: (inout Activation, UInt64) throws -> Void) throws -> ActivationAnswer {
        let now = JSON.nowMillis()
        return try state.withLock { state in
            guard var activation = state.activation else {
                throw AdminError(.conflict, "over", "no activation is under way on this node")
            }
            let before = activation
            try body(&activation, now)
            // The file is small, and the lock keeps its versions in order.
            if activation.isWorthKeeping(after: before) { try write(activation) }
            state.activation = activation
            if activation.phase.isOver { state.proven = [] }
            return ActivationAnswer(activation, secondsLeft: state.secondsLeft)
        }
    }

    private func write(_ activation: Activation) throws {
        try SmallFile.write(try JSON.bytes(activation) + [0x0A], to: file)
    }
}
