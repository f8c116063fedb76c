import Foundation
import Mesh
import NIOCore
import Store
import Swim
import Synchronization

/// Several real stores in temporary directories, and a coordinator on each, with no sockets between them.
final class TestMesh: Sendable {
    let nodes: [NodeID]
    let stores: [ObjectStore]
    let holders: [Holder]
    let coordinators: [Coordinator]
    let network: TestNetwork
    let layout: Layout
    private let book: LayoutBook
    private let root: URL

    init(count: Int, seed: UInt64 = 0) async throws {
        root = FileManager.default.temporaryDirectory.appendingPathComponent("mesh-\(UUID().uuidString)")
        var stores: [ObjectStore] = []
        let nodes = (1...count).map { NodeID(high: UInt64($0), low: 0) }
        for index in 0..<count {
            let path = root.appendingPathComponent("\(index)").path
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            stores.append(try ObjectStore.open(path, settings: StoreSettings()))
        }
        self.nodes = nodes
        self.stores = stores
        let layout = Self.layout(nodes, stores)
        self.layout = layout
        for (node, store) in zip(nodes, stores) {
            try await store.adopt(
                epoch: layout.epoch,
                settled: layout.settled,
                fences: layout.fences,
                holds: layout.holds(node, storeID: store.storeID),
                isSole: count == 1
            )
        }
        let holders = stores.map { Holder(store: $0) }
        self.holders = holders
        let network = TestNetwork(Dictionary(uniqueKeysWithValues: zip(nodes, holders)), seed: seed)
        self.network = network
        let book = LayoutBook(layout)
        self.book = book
        coordinators = zip(nodes, stores).map { node, store in
            Coordinator(
                store: store,
                holders: TestHolders(own: node, network: network),
                book: book,
                metrics: QuorumMetrics()
            )
        }
        for (holder, coordinator) in zip(holders, coordinators) {
            holder.onOpening { await coordinator.isOpen($0) }
        }
    }

    private static func layout(_ nodes: [NodeID], _ stores: [ObjectStore]) -> Layout {
        let first = Layout.first(node: nodes[0], storeID: stores[0].storeID, zone: "", weight: 10, lineage: 1)
        let members = zip(nodes, stores).enumerated().map { index, member in
            LayoutMember(
                node: member.0,
                storeID: member.1.storeID,
                memberSince: index == 0 ? 1 : 0,
                zone: "",
                weight: 10
            )
        }
        guard let settled = first.changed(to: members)?.settledSuccessor else {
            preconditionFailure("equal nodes have a layout")
        }
        return settled
    }

    /// All but the first node lose their places; he has what they had.
    func shrink() async throws {
        guard let alone = layout.changed(to: [layout.members[0]])?.settledSuccessor else {
            preconditionFailure("one node has a layout")
        }
        try await stores[0].adopt(
            epoch: alone.epoch,
            settled: alone.settled,
            fences: alone.fences,
            holds: alone.holds(nodes[0], storeID: stores[0].storeID),
            isSole: true
        )
        _ = book.adopt(alone)
    }

    func close() async {
        network.heal()
        for holder in holders { holder.onOpening(nil) }
        for store in stores { await store.close() }
        try? FileManager.default.removeItem(at: root)
    }
}

/// Loses calls: some before they arrive, some answers on their way back, and all of nodes that are cut off. Calls to a
/// node that stands still are neither answered nor failed until it is healed.
final class TestNetwork: Sendable {
    private struct State {
        var random: SplitMix
        var lossPerMille: UInt64 = 0
        var cut: Set<NodeID> = []
        var still: Set<NodeID> = []
        var waiting: [@Sendable () -> Void] = []
    }

    enum Fate {
        case arrives
        case isLost
        case answerIsLost
        case waits
    }

    let holders: [NodeID: Holder]
    /// What else gets lost: from whom, to whom, and whether it is the commit of a row.
    let losses = Mutex<(@Sendable (_ from: NodeID, _ to: NodeID, _ isCommit: Bool) -> Bool)?>(nil)
    private let state: Mutex<State>

    init(_ holders: [NodeID: Holder], seed: UInt64) {
        self.holders = holders
        state = Mutex(State(random: SplitMix(seed)))
    }

    func lose(perMille: UInt64) { state.withLock { $0.lossPerMille = perMille } }
    func cut(_ node: NodeID) { state.withLock { _ = $0.cut.insert(node) } }
    func halt(_ node: NodeID) { state.withLock { _ = $0.still.insert(node) } }

    /// Called when the network heals.
    func wait(_ fail: @escaping @Sendable () -> Void) { state.withLock { $0.waiting.append(fail) } }

    func heal(_ node: NodeID) { state.withLock { _ = $0.cut.remove(node) } }

    /// It answers from now on; what waited for it fails.
    func resume(_ node: NodeID) {
        let waiting = state.withLock { state in
            state.still.remove(node)
            defer { state.waiting = [] }
            return state.waiting
        }
        for fail in waiting { fail() }
    }

    func heal() {
        let waiting = state.withLock { state in
            state.lossPerMille = 0
            state.cut = []
            state.still = []
            defer { state.waiting = [] }
            return state.waiting
        }
        for fail in waiting { fail() }
    }

    func fate(_ from: NodeID, _ to: NodeID, isCommit: Bool) -> Fate {
        if from == to { return .arrives }
        if let losses = losses.withLock({ $0 }), losses(from, to, isCommit) { return .isLost }
        return state.withLock { state in
            if state.cut.contains(from) || state.cut.contains(to) { return .isLost }
            if state.still.contains(to) { return .waits }
            let roll = state.random.next() % 1000
            if roll < state.lossPerMille { return .isLost }
            return roll < 2 * state.lossPerMille ? .answerIsLost : .arrives
        }
    }
}

struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}

/// The road of one node's coordinator.
struct TestHolders: Holders {
    let own: NodeID
    let network: TestNetwork

    private func send<Answer: Sendable>(
        _ node: NodeID,
        lost: Answer,
        isCommit: Bool = false,
        _ done: @escaping @Sendable (Answer) -> Void,
        _ ask: (Holder, @escaping @Sendable (Answer) -> Void) -> Void
    ) {
        guard let holder = network.holders[node] else { return done(lost) }
        switch network.fate(own, node, isCommit: isCommit) {
        case .isLost: done(lost)
        case .waits: network.wait { done(lost) }
        case .arrives: ask(holder, done)
        case .answerIsLost: ask(holder) { _ in done(lost) }
        }
    }

    func call(
        _ node: NodeID,
        _ call: ReplicaCall,
        timeoutMicros: UInt64,
        _ done: @escaping @Sendable (ReplicaReply?) -> Void
    ) {
        // Everything goes over the wire's codecs, so that they are tested too.
        guard let same = try? ReplicaCall(wire: call.wireBytes) else {
            preconditionFailure("a call that cannot be read back: \(call)")
        }
        let isCommit = if case .commit = call.request { true } else { false }
        send(node, lost: nil, isCommit: isCommit, done) { holder, done in
            holder.answer(same) { reply in done(try? ReplicaReply(wire: reply.wireBytes)) }
        }
    }

    func stage(_ node: NodeID, _ chunk: StagedChunk, _ done: @escaping @Sendable (Bool) -> Void) {
        guard let same = try? StagedChunk(wire: chunk.wireBytes) else { preconditionFailure("an unreadable chunk") }
        send(node, lost: false, done) { holder, done in holder.stage(same, done) }
    }

    func finishStage(_ node: NodeID, _ op: OpID, chunks: UInt32, _ done: @escaping @Sendable (Bool) -> Void) {
        send(node, lost: false, done) { holder, done in holder.finishStage(op, chunks: chunks, done) }
    }

    func unstage(_ node: NodeID, _ op: OpID) {
        send(node, lost: (), {}) { holder, done in
            holder.unstage(op)
            done(())
        }
    }

    func read(_ node: NodeID, _ piece: BodyPiece, _ done: @escaping @Sendable (PieceAnswer) -> Void) {
        guard let same = try? BodyPiece(wire: piece.wireBytes) else { preconditionFailure("an unreadable piece") }
        send(node, lost: .failed, done) { holder, done in
            Task { done((try? PieceAnswer(wire: await holder.read(same).wireBytes)) ?? .failed) }
        }
    }

    func align(_ node: NodeID, _ refusal: Store.Refusal, _ done: @escaping @Sendable (Bool) -> Void) { done(false) }

    func setClosed(
        _ node: NodeID,
        _ bucket: BucketID,
        _ isClosed: Bool,
        _ done: @escaping @Sendable (Bool) -> Void
    ) {
        send(node, lost: false, done) { holder, done in
            Task { done(await holder.setClosed(bucket, isClosed)) }
        }
    }

    func tell(_ node: NodeID, _ row: Row, timeoutMicros: UInt64, _ done: @escaping @Sendable (Bool) -> Void) {
        guard let same = try? Row(wire: row.wireBytes) else { preconditionFailure("an unreadable row") }
        send(node, lost: false, done) { holder, done in holder.learn(same, done) }
    }

    func hint(_ node: NodeID, _ missed: [MissedRow]) {
        send(node, lost: (), {}) { holder, done in
            holder.hint(missed)
            done(())
        }
    }

    func ranked(_ nodes: [NodeID]) -> [NodeID] { nodes.filter { $0 == own } + nodes.filter { $0 != own } }
}
