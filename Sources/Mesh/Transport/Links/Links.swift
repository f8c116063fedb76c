internal import Logging
package import NIOCore
internal import NIOPosix
package import Swim
internal import Synchronization

/// Requests and answers between this node and the others of its mesh: authenticated, sealed, many at a time.
///
/// Each peer and class of traffic has one connection in each direction of calling, opened with the first call over the
/// mesh port and kept. Handshakes happen on the node's own loop, with its keys and its view of who belongs to the mesh;
/// then the socket moves to a loop of the links. Whoever is expelled is cut off at once.
///
/// What a small call costs: a lock and a place in the lane's inbox; its share of one wake-up, one sealed record and one
/// system call for everything that is called in that turn of the loop; the same for the answer.
package final class Links: Sendable {
    package typealias Traffic = LinkTraffic
    /// A served request: who asks, the payload, and where the answer goes, exactly once, from any thread. Called on a
    /// loop of the links: must not block.
    package typealias Serve = @Sendable (NodeID, ByteBuffer, @escaping @Sendable (ByteBuffer) -> Void) -> Void

    /// The longest payload of a request or an answer.
    package static let payloadBytesMax = LinkFrame.payloadBytesMax
    /// The versions of the protocol on links that this build speaks.
    package static let versions: ClosedRange<UInt8> = 1...2
    /// The first one in which holders are asked for the newest rows of a key from a time on.
    static let newestSince: UInt8 = 2
    private static let loopsMax = 4

    /// What there is of one peer: its lanes, in the order of the classes.
    struct Peer: Sendable {
        let lanes: [LinkLane]
    }

    fileprivate struct State {
        var peers: [NodeID: Peer] = [:]
        var services: [NodeID: [LinkService]] = [:]
        var methods = [Serve?](repeating: nil, count: 256)
        /// What nodes without a place may ask and be asked.
        var openMethods: Set<UInt8> = []
        var outsiders = Outsiders.some([])
        var isStarted = false
        var isStopped = false
        /// Somebody waits for the end already.
        var isEnding = false
    }

    private let node: MeshNode
    private let loops: [any EventLoop]
    /// The loops' group, where it is this object's own.
    private let group: MultiThreadedEventLoopGroup?
    private let nextLoop = Atomic<Int>(0)
    private let state = Mutex(State())
    let counters = LinkCounters()
    private let wire: LinkWire

    /// Links of a node, on a few loops of their own, or on those that are given.
    package init(node: MeshNode, loops: [any EventLoop] = []) {
        self.node = node
        if loops.isEmpty {
            let group = MultiThreadedEventLoopGroup(numberOfThreads: min(Self.loopsMax, max(1, System.coreCount)))
            self.group = group
            self.loops = Array(group.makeIterator())
        } else {
            group = nil
            self.loops = loops
        }
        wire = LinkWire(
            counters: counters,
            dial: { [weak node] peer, traffic, done in
                guard let node else { return done(.failure(.notConnected)) }
                node.dialLink(to: peer, traffic: traffic.rawValue, done)
            },
            lost: { [weak node] in node?.linkBroke($0) },
            isPresent: { [weak node] in node?.board.peer($0)?.status.isPresent ?? false }
        )
        node.onPresence { [weak self] in self?.heed($0) }
    }

    // MARK: Life

    /// Says who answers requests of this method. Before `start`.
    /// - Parameter isOpen: outsiders may ask it, and be asked.
    package func serve(_ method: UInt8, isOpen: Bool = false, _ handler: @escaping Serve) {
        state.withLock { state in
            precondition(!state.isStarted, "methods are set before the first request")
            state.methods[Int(method)] = handler
            if isOpen { state.openMethods.insert(method) }
        }
    }

    /// Lets callers in. Calls of this node need no start.
    package func start() {
        state.withLock { $0.isStarted = true }
        node.linkDoor.open { [weak self] in self?.accept($0) }
    }

    /// Ends all connections and opens no more: calls of others that wait, and later ones, fail as `closed`. Does not
    /// block.
    package func cut() {
        node.linkDoor.open(nil)
        let (peers, services) = state.withLock { state in
            state.isStopped = true
            defer { (state.peers, state.services) = ([:], [:]) }
            return (Array(state.peers.values), state.services.values.flatMap { $0 })
        }
        for lane in peers.flatMap(\.lanes) { lane.shut(.closed) }
        for service in services { service.cut() }
    }

    /// Cuts, and waits until nothing of it runs any more. Who calls it a second time does not wait.
    package func stop() async {
        cut()
        let isFirst = state.withLock { state in
            defer { state.isEnding = true }
            return !state.isEnding
        }
        guard isFirst else { return }
        // What was asked of the loops is done when each has had one more turn.
        for loop in loops { try? await loop.submit {}.get() }
        try? await group?.shutdownGracefully()
    }

    /// Ends all connections, as a crash would: calls that wait fail. Later calls open new ones.
    package func hangUp() {
        let (lanes, services) = state.withLock { state in
            defer { state.peers = [:] }
            return (state.peers.values.flatMap(\.lanes), state.services.values.flatMap { $0 })
        }
        for lane in lanes { lane.shut(.notConnected) }
        for service in services { service.cut() }
    }

    // MARK: Calls

    /// Asks a node. `done` is called exactly once: on a loop of the links, where it must not block, or at once, when the
    /// call is refused. The payload is not copied until it is sealed.
    package func call(
        _ node: NodeID,
        _ traffic: Traffic,
        _ method: UInt8,
        _ payload: ByteBuffer,
        timeoutMicros: UInt64,
        _ done: @escaping @Sendable (Result<ByteBuffer, LinkFailure>) -> Void
    ) {
        if node == self.node.board.own { return callOwn(method, payload, done) }
        do throws(LinkFailure) {
            let peer = try peer(node, method)
            peer.lanes[Int(traffic.rawValue)].call(method, payload, timeoutMicros: timeoutMicros, done)
        } catch { done(.failure(error)) }
    }

    /// The same for those who can wait.
    package func call(
        _ node: NodeID,
        _ traffic: Traffic,
        _ method: UInt8,
        _ payload: ByteBuffer,
        timeoutMicros: UInt64
    ) async throws(LinkFailure) -> ByteBuffer {
        let result = await withUnsafeContinuation { waiting in
            call(node, traffic, method, payload, timeoutMicros: timeoutMicros) { waiting.resume(returning: $0) }
        }
        return try result.get()
    }

    /// This node answers itself without a socket, so that callers need not tell themselves apart.
    private func callOwn(
        _ method: UInt8,
        _ payload: ByteBuffer,
        _ done: @escaping @Sendable (Result<ByteBuffer, LinkFailure>) -> Void
    ) {
        guard let serve = state.withLock({ $0.methods[Int(method)] }) else { return done(.failure(.unserved)) }
        serve(node.board.own, payload) { done(.success($0)) }
    }

    /// How calls to a node fare: of all classes together, with the round trip of clients' requests where there were any.
    package func health(of node: NodeID) -> LinkHealth {
        guard let peer = state.withLock({ $0.peers[node] }) else {
            return LinkHealth(isConnected: false, inFlight: 0, roundTripMicros: 0, failuresInRow: 0)
        }
        let all = peer.lanes.map(\.pulse.health)
        var health = all[Int(Traffic.data.rawValue)]
        let control = all[Int(Traffic.control.rawValue)]
        if health.roundTripMicros == 0 { health.roundTripMicros = control.roundTripMicros }
        health.isConnected = all.contains { $0.isConnected }
        health.inFlight = all.reduce(0) { $0 + $1.inFlight }
        health.failuresInRow += control.failuresInRow
        return health
    }

    /// The version agreed on the newest connection of this class to a node; before the first one the lowest that this build
    /// speaks.
    package func version(of node: NodeID, _ traffic: Traffic) -> UInt8 {
        let peer = state.withLock { $0.peers[node] }
        return peer?.lanes[Int(traffic.rawValue)].pulse.version ?? Self.versions.lowerBound
    }

    var peers: [Peer] { state.withLock { Array($0.peers.values) } }

    private func peer(_ id: NodeID, _ method: UInt8) throws(LinkFailure) -> Peer {
        try state.withLock { state throws(LinkFailure) in
            if state.outsiders.includes(id), !state.openMethods.contains(method) { throw .outside }
            if let known = state.peers[id] { return known }
            guard !state.isStopped else { throw .closed }
            let lanes = Traffic.allCases.map { LinkLane(id, $0, on: anyLoop(), wire: wire) }
            let peer = Peer(lanes: lanes)
            state.peers[id] = peer
            return peer
        }
    }

    private func anyLoop() -> any EventLoop {
        loops[nextLoop.wrappingAdd(1, ordering: .relaxed).oldValue % loops.count]
    }

    // MARK: Callers

    private func accept(_ socket: LinkSocket) {
        guard let traffic = Traffic(rawValue: socket.terms.traffic) else { return }
        let peer = socket.session.peer
        let service = LinkService(peer, traffic, on: anyLoop(), counters: counters)
        let (methods, former) = state.withLock { state -> ([Serve?]?, [LinkService]) in
            guard !state.isStopped else { return (nil, []) }
            // A caller has one connection in each class: with a new one it gave up the old.
            let former = state.services[peer]?.filter { $0.traffic == traffic } ?? []
            state.services[peer, default: []].append(service)
            return (state.methods(for: peer), former)
        }
        guard let methods else { return }
        for old in former { old.cut() }
        service.begin(socket, methods: methods) { [weak self] in self?.didEnd($0) }
        // It may have been expelled between its handshake and now.
        if node.board.peer(peer)?.status == .expelled { service.cut() }
    }

    private func didEnd(_ service: LinkService) {
        state.withLock { state in
            state.services[service.peer]?.removeAll { $0 === service }
            if state.services[service.peer]?.isEmpty == true { state.services[service.peer] = nil }
        }
    }

    // MARK: Who belongs to the mesh

    private func heed(_ changed: [NodeID]) {
        let isOut = node.board.peer(node.board.own)?.status == .expelled
        let concerned = isOut ? state.withLock { Array(Set($0.peers.keys).union($0.services.keys)) } : changed
        for id in concerned {
            let (peer, services) = state.withLock { ($0.peers[id], $0.services[id] ?? []) }
            let status = node.board.peer(id)?.status
            switch status {
            case _ where isOut, .expelled?:
                peer?.lanes.forEach { $0.shut(.expelled) }
                services.forEach { $0.cut() }
            case nil:
                // Nobody remembers it. It may come back one day, as somebody new.
                state.withLock { $0.peers[id] = nil }
                peer?.lanes.forEach { $0.shut(.notConnected) }
                services.forEach { $0.cut() }
            case .alive?: peer?.lanes.forEach { $0.wake() }
            case .suspect?, .dead?, .left?: break
            }
        }
    }

    /// Cuts off who lost its place in the mesh: connections are closed, calls that wait fail, and only what is open to
    /// outsiders is asked and answered. Who is not among them any more is let in again.
    package func shutOut(_ outsiders: Outsiders) {
        let (lanes, services) = state.withLock { state -> ([LinkLane], [LinkService]) in
            let former = state.outsiders
            guard former != outsiders else { return ([], []) }
            state.outsiders = outsiders
            func hasChanged(_ id: NodeID) -> Bool { former.includes(id) != outsiders.includes(id) }
            let lost = state.peers.keys.filter { outsiders.includes($0) && !former.includes($0) }
            let lanes = lost.flatMap { state.peers.removeValue(forKey: $0)?.lanes ?? [] }
            // Also of those who come in again: their connections serve what is open only.
            return (lanes, state.services.filter { hasChanged($0.key) }.flatMap(\.value))
        }
        for lane in lanes { lane.shut(.outside) }
        for service in services { service.cut() }
    }

    /// Nodes that take part in the membership and have no place in the mesh any more.
    package enum Outsiders: Sendable, Hashable {
        case some(Set<NodeID>)
        /// This node is out itself.
        case everybody

        func includes(_ node: NodeID) -> Bool {
            switch self {
            case .some(let nodes): !nodes.isEmpty && nodes.contains(node)
            case .everybody: true
            }
        }
    }
}

extension Links.State {
    /// Who answers a peer's requests, by their methods.
    fileprivate func methods(for peer: NodeID) -> [Links.Serve?] {
        guard outsiders.includes(peer) else { return methods }
        return methods.enumerated().map { openMethods.contains(UInt8($0.offset)) ? $0.element : nil }
    }
}
