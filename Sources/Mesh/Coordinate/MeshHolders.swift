internal import NIOCore
package import Store
package import Swim
internal import Synchronization

/// Holders as they are: this node's own store, and the others over the links.
package final class MeshHolders: Holders {
    package let own: NodeID
    private let holder: Holder
    private let state = Mutex(State())

    private struct State {
        var links: Links?
        var node: MeshNode?
        var driver: LayoutDriver?
    }

    /// A chunk, and the sync behind the last one, may wait for a busy disk.
    private static let bytesMicros: UInt64 = 30_000_000
    private static let wordMicros: UInt64 = 10_000_000
    private static let smallBytesMax = 32 << 10

    package init(own: NodeID, holder: Holder) {
        self.own = own
        self.holder = holder
    }

    /// Before this the others cannot be reached.
    package func connect(_ links: Links, _ node: MeshNode) {
        state.withLock { ($0.links, $0.node) = (links, node) }
    }

    package func follow(_ driver: LayoutDriver) { state.withLock { $0.driver = driver } }

    /// The others cannot be reached any more.
    package func disconnect() { state.withLock { ($0.links, $0.node) = (nil, nil) } }

    // MARK: Calls

    package func call(
        _ node: NodeID,
        _ call: ReplicaCall,
        timeoutMicros: UInt64,
        _ done: @escaping @Sendable (ReplicaReply?) -> Void
    ) {
        if node == own { return holder.answer(call, done) }
        var call = call
        if case .newest = call.request, let links = state.withLock({ $0.links }) {
            call.request = call.request.understood(by: links.version(of: node, .control))
        }
        let payload = call.wireBytes
        // Pages of lists and bodies do not stand before the words that others wait for.
        let isScan = if case .scan = call.request { true } else { false }
        let isSmall = !isScan && payload.readableBytes <= Self.smallBytesMax
        ask(node, .replica, payload, timeoutMicros, isSmall: isSmall) {
            done($0.flatMap { try? ReplicaReply(wire: $0) })
        }
    }

    package func stage(_ node: NodeID, _ chunk: StagedChunk, _ done: @escaping @Sendable (Bool) -> Void) {
        if node == own { return holder.stage(chunk, done) }
        ask(node, .stage, chunk.wireBytes, Self.bytesMicros) { done(Self.isYes($0)) }
    }

    package func finishStage(
        _ node: NodeID,
        _ op: OpID,
        chunks: UInt32,
        _ done: @escaping @Sendable (Bool) -> Void
    ) {
        if node == own { return holder.finishStage(op, chunks: chunks, done) }
        ask(node, .finishStage, StageEnd(op: op, chunks: chunks).wireBytes, Self.bytesMicros) { done(Self.isYes($0)) }
    }

    package func unstage(_ node: NodeID, _ op: OpID) {
        if node == own { return holder.unstage(op) }
        ask(node, .unstage, StageEnd(op: op, chunks: 0).wireBytes, Self.wordMicros) { _ in }
    }

    package func read(_ node: NodeID, _ piece: BodyPiece, _ done: @escaping @Sendable (PieceAnswer) -> Void) {
        if node == own {
            let holder = holder
            Task { done(await holder.read(piece)) }
            return
        }
        ask(node, .read, piece.wireBytes, Self.wordMicros) { answer in
            done(answer.flatMap { try? PieceAnswer(wire: $0) } ?? .failed)
        }
    }

    package func align(_ node: NodeID, _ refusal: Store.Refusal, _ done: @escaping @Sendable (Bool) -> Void) {
        guard let driver = state.withLock({ $0.driver }) else { return done(false) }
        // Once for each node and epoch; the driver lets through one at a time.
        Task { done(await driver.align(node, refusal)) }
    }

    package func setClosed(
        _ node: NodeID,
        _ bucket: BucketID,
        _ isClosed: Bool,
        _ done: @escaping @Sendable (Bool) -> Void
    ) {
        if node == own {
            let holder = holder
            Task { done(await holder.setClosed(bucket, isClosed)) }
            return
        }
        let message = BucketClosing(bucket: bucket, isClosed: isClosed)
        ask(node, .setClosed, message.wireBytes, Self.wordMicros) { done(Self.isYes($0)) }
    }

    package func tell(
        _ node: NodeID,
        _ row: Row,
        timeoutMicros: UInt64,
        _ done: @escaping @Sendable (Bool) -> Void
    ) {
        if node == own { return holder.learn(row, done) }
        let payload = row.wireBytes
        let isSmall = payload.readableBytes <= Self.smallBytesMax
        ask(node, .tell, payload, timeoutMicros, isSmall: isSmall) { done(Self.isYes($0)) }
    }

    package func hint(_ node: NodeID, _ missed: [MissedRow]) {
        if node == own { return holder.hint(missed) }
        var payload = ByteBuffer()
        payload.writeList(Array(missed.prefix(MissedRow.countMax)))
        ask(node, .hint, payload, Self.wordMicros) { _ in }
    }

    // MARK: Preference

    /// This node first; then those that membership calls alive, the nearer ones first; who fails call after call, and who
    /// is not there, last.
    package func ranked(_ nodes: [NodeID]) -> [NodeID] {
        if nodes.count < 2 { return nodes }
        let (links, node) = state.withLock { ($0.links, $0.node) }
        guard let links, let node else { return nodes.filter { $0 == own } + nodes.filter { $0 != own } }
        let presence = node.presence
        let weighed = nodes.map { id -> (id: NodeID, weight: UInt64) in
            if id == own { return (id, 0) }
            let health = links.health(of: id)
            var weight = 1 + health.roundTripMicros
            if presence[id]?.isUsable == false || health.failuresInRow > Self.failuresMax { weight += 1 << 40 }
            if !presence.isPresent(id) { weight += 1 << 50 }
            return (id, weight)
        }
        return weighed.sorted { $0.weight < $1.weight }.map(\.id)
    }

    package func isExpected(_ id: NodeID) -> Bool {
        if id == own { return true }
        let (links, node) = state.withLock { ($0.links, $0.node) }
        guard let links, let node else { return false }
        return node.presence[id]?.isUsable == true && links.health(of: id).failuresInRow <= Self.failuresMax
    }

    /// Calls that fail in a row before a node is thought not to answer.
    private static let failuresMax = 2

    // MARK: Links

    private func ask(
        _ node: NodeID,
        _ method: HolderMethod,
        _ payload: ByteBuffer,
        _ timeoutMicros: UInt64,
        isSmall: Bool = false,
        _ done: @escaping @Sendable (ByteBuffer?) -> Void
    ) {
        guard let links = state.withLock({ $0.links }) else { return done(nil) }
        let traffic: Links.Traffic = isSmall ? .control : .data
        links.call(node, traffic, method.rawValue, payload, timeoutMicros: timeoutMicros) { result in
            done(try? result.get())
        }
    }

    private static func isYes(_ answer: ByteBuffer?) -> Bool {
        guard var answer else { return false }
        return (try? answer.flag()) ?? false
    }
}
