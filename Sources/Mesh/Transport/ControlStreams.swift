internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Swim

/// The control streams of a node: one cached connection for each peer, opened when there is something to say and closed
/// when nothing was said for a minute. Lives on the node's event loop.
final class ControlStreams: ControlOwner {
    struct Numbers: Sendable, Equatable {
        var opened: UInt64 = 0
        var accepted: UInt64 = 0
        var framesSent: UInt64 = 0
        var framesReceived: UInt64 = 0
        /// Frames that a full queue or a failed connection lost.
        var framesLost: UInt64 = 0
        var dialsFailed: UInt64 = 0
        var refusedHandshakes: UInt64 = 0
        var refusedFrames: UInt64 = 0
        var refusedPeers: UInt64 = 0
        var refusedOverLimit: UInt64 = 0
        var timeouts: UInt64 = 0
    }

    /// What the node behind the streams decides.
    protocol Rules: AnyObject {
        /// How to call a peer, or whoever listens; nil when there is nothing to prove oneself with.
        func call(_ peer: NodeID?, link: LinkOffer?) -> (handshake: StreamHandshake, epoch: UInt32)?
        func listen() -> StreamHandshake
        func admits(_ connection: ControlConnection, _ peer: ControlConnection.Peer) -> Bool
        func take(_ kind: StreamKind, _ body: [UInt8], from connection: ControlConnection)
        /// A connection to a peer came to nothing.
        func didFail(_ peer: NodeID?, epoch: UInt32)
        /// A member's machine refused a connection, or one that was in use broke off: its process may be gone.
        func didLose(_ peer: NodeID, isRefused: Bool)
        /// A caller's data link.
        func takeLink(_ socket: LinkSocket)
    }

    private static let outboundMax = 512
    private static let inboundMax = 1_024
    /// Strangers that may be in the middle of a handshake, together and from one host or network of 64 bits.
    private static let strangersMax = 256
    private static let strangersPerAddressMax = 64
    private static let handshakeMicros: Micros = 5_000_000
    /// Calls wait for data links, and have other holders to turn to.
    private static let linkHandshakeMicros: Micros = 2_000_000
    private static let idleMicros: Micros = 60_000_000

    private let loop: any EventLoop
    private unowned let rules: any Rules
    private let clock: () -> Micros
    private(set) var numbers = Numbers()
    private var byPeer: [NodeID: ControlConnection] = [:]
    /// Connections to addresses whose owner was not known when they were opened.
    private var byEndpoint: [Endpoint: ControlConnection] = [:]
    private var all: [ObjectIdentifier: ControlConnection] = [:]
    private var isStopped = false
    /// Calls nobody and lets nobody in, as if the plug were pulled.
    var isSilent = false {
        didSet {
            guard isSilent else { return }
            for connection in all.values { connection.end(nil) }
        }
    }

    init(loop: any EventLoop, rules: any Rules, clock: @escaping () -> Micros) {
        self.loop = loop
        self.rules = rules
        self.clock = clock
    }

    var count: Int { all.count }

    // MARK: Sending

    /// Sends a frame to a member, on whatever connection there is, or on a new one.
    func send(_ kind: StreamKind, _ body: [UInt8], to peer: NodeID, at endpoint: Endpoint) {
        let known = byPeer[peer].flatMap { $0.isClosed ? nil : $0 }
        guard let connection = known ?? dial(endpoint, expected: peer) else {
            numbers.framesLost += 1
            return
        }
        byPeer[peer] = connection
        write(kind, body, on: connection)
    }

    /// Sends a frame to whoever listens at an address.
    func greet(_ kind: StreamKind, _ body: [UInt8], at endpoint: Endpoint) {
        let known = byEndpoint[endpoint].flatMap { $0.isClosed ? nil : $0 }
        guard let connection = known ?? dial(endpoint, expected: nil) else {
            numbers.framesLost += 1
            return
        }
        byEndpoint[endpoint] = connection
        write(kind, body, on: connection)
    }

    /// Answers on the connection that asked.
    func answer(_ kind: StreamKind, _ body: [UInt8], on connection: ControlConnection) {
        write(kind, body, on: connection)
    }

    private func write(_ kind: StreamKind, _ body: [UInt8], on connection: ControlConnection) {
        if connection.send(kind, body, at: clock()) {
            numbers.framesSent += 1
        } else {
            numbers.framesLost += 1
        }
    }

    // MARK: Opening

    /// Opens a data link. `dial.done` is called once, unless this says false.
    func dialLink(to peer: NodeID, at endpoint: Endpoint, _ link: LinkDial) -> Bool {
        dial(endpoint, expected: peer, link: link) != nil
    }

    private func dial(_ endpoint: Endpoint, expected: NodeID?, link: LinkDial? = nil) -> ControlConnection? {
        guard !isStopped, !isSilent, all.count(where: { $0.value.isOutbound }) < Self.outboundMax,
            let address = endpoint.socketAddress, let call = rules.call(expected, link: link?.offer)
        else { return nil }
        numbers.opened += 1
        let connection = ControlConnection(
            owner: self,
            isOutbound: true,
            expected: expected,
            endpoint: endpoint,
            epoch: call.epoch,
            dial: link,
            now: clock()
        )
        all[ObjectIdentifier(connection)] = connection
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(.microseconds(link == nil ? Self.handshakeMicros : Self.linkHandshakeMicros))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(to: address)
        connecting.assumeIsolated().whenComplete { result in
            guard case .success(let channel) = result,
                (try? channel.pipeline.syncOperations.addHandler(connection)) != nil
            else {
                self.numbers.dialsFailed += 1
                connection.end(nil)
                if let expected, !self.isStopped, case .failure(let error as IOError) = result,
                    error.errnoCode == ECONNREFUSED
                {
                    self.rules.didLose(expected, isRefused: true)
                }
                return
            }
            connection.begin(call.handshake, on: channel)
        }
        return connection
    }

    /// A connection that was accepted; false when there are too many that proved something, and in silence.
    func accept(_ channel: any Channel) -> Bool {
        guard !isSilent else { return false }
        guard !isStopped, makeRoom(for: channel.remoteAddress.flatMap { Endpoint($0) }?.origin) else {
            numbers.refusedOverLimit += 1
            return false
        }
        let connection = ControlConnection(owner: self, isOutbound: false, now: clock())
        guard (try? channel.pipeline.syncOperations.addHandler(connection)) != nil else { return false }
        numbers.accepted += 1
        all[ObjectIdentifier(connection)] = connection
        connection.begin(rules.listen(), on: channel)
        return true
    }

    /// Whether one more caller finds a place. When there is none, the oldest of those who proved nothing so far gives
    /// up its own: who only connects and stays silent keeps nobody out.
    private func makeRoom(for origin: Endpoint?) -> Bool {
        let strangers = all.values.filter { !$0.isOutbound && $0.peer == nil }
        let neighbours = strangers.filter { $0.origin == origin }
        let crowd: [ControlConnection]
        if neighbours.count >= Self.strangersPerAddressMax {
            crowd = neighbours
        } else if strangers.count >= Self.strangersMax || all.count >= Self.inboundMax + Self.outboundMax {
            crowd = strangers
        } else {
            return true
        }
        guard let oldest = crowd.filter({ !$0.hasKnocked }).min(by: { $0.openedAt < $1.openedAt }) else { return false }
        oldest.end(.overLimit)
        return true
    }

    // MARK: What connections tell

    func admits(_ connection: ControlConnection, _ peer: ControlConnection.Peer) -> Bool {
        guard rules.admits(connection, peer) else { return false }
        // The newest working connection is the one that is used; newcomers have nothing to be told on theirs.
        if connection.isOpen, peer.right == .member, byPeer[peer.id].map({ !$0.isOpen }) ?? true {
            byPeer[peer.id] = connection
        }
        return true
    }

    func take(_ kind: StreamKind, _ body: [UInt8], from connection: ControlConnection) {
        numbers.framesReceived += 1
        connection.noteUse(at: clock())
        rules.take(kind, body, from: connection)
    }

    func didPart(_ connection: ControlConnection, with socket: LinkSocket) {
        all[ObjectIdentifier(connection)] = nil
        if let dial = connection.dial { dial.done(.success(socket)) } else { rules.takeLink(socket) }
    }

    func didClose(_ connection: ControlConnection, refusal: ControlConnection.Refusal?) {
        all[ObjectIdentifier(connection)] = nil
        if let dial = connection.dial {
            switch refusal {
            case .handshake(.incompatible(let theirs)): dial.done(.failure(.incompatible(theirs)))
            case .handshake(.expelled): dial.done(.failure(.expelled))
            default: dial.done(.failure(.notConnected))
            }
        }
        for peer in [connection.peer?.id, connection.expected].compactMap({ $0 }) where byPeer[peer] === connection {
            byPeer[peer] = nil
        }
        if let endpoint = connection.endpoint, byEndpoint[endpoint] === connection { byEndpoint[endpoint] = nil }
        switch refusal {
        case .handshake: numbers.refusedHandshakes += 1
        case .frame: numbers.refusedFrames += 1
        case .peer: numbers.refusedPeers += 1
        case .overLimit: numbers.refusedOverLimit += 1
        case .timeout: numbers.timeouts += 1
        case .lost:
            // The other end closes what was idle for long; that is no news about it.
            if let peer = connection.peer, peer.right == .member, !isStopped,
                clock() - connection.usedAt < Self.idleMicros - Self.handshakeMicros
            {
                rules.didLose(peer.id, isRefused: false)
            }
        case nil: break
        }
        if connection.isOutbound, connection.peer == nil, !isStopped {
            rules.didFail(connection.expected, epoch: connection.epoch)
        }
    }

    // MARK: Closing

    /// Closes what is idle, and what takes too long over its handshake; called about once a second.
    func sweep() {
        let now = clock()
        for connection in all.values {
            let waitMicros = connection.dial == nil ? Self.handshakeMicros : Self.linkHandshakeMicros
            if !connection.isOpen, now - connection.openedAt > waitMicros {
                connection.end(.timeout)
            } else if now - connection.usedAt > (connection.isOutbound ? Self.idleMicros : 2 * Self.idleMicros) {
                connection.end(nil)
            }
        }
    }

    /// Cuts every connection with an expelled peer.
    func cut(_ peer: NodeID) {
        for connection in all.values where connection.peer?.id == peer || connection.expected == peer {
            connection.end(nil)
        }
    }

    func stop() {
        isStopped = true
        for connection in all.values { connection.end(nil) }
    }
}
