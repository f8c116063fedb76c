internal import Glibc
internal import NIOCore
internal import Swim

/// Who is told what happens on a control stream. Called on the loop.
protocol ControlOwner: AnyObject {
    /// The handshake is done: whether the peer may go on.
    func admits(_ connection: ControlConnection, _ peer: ControlConnection.Peer) -> Bool
    func take(_ kind: StreamKind, _ body: [UInt8], from connection: ControlConnection)
    /// The end, once; `refusal` says why this side gave up, if it did.
    func didClose(_ connection: ControlConnection, refusal: ControlConnection.Refusal?)
    /// The handshake was for a data link: the socket goes its own way, and this is the end here.
    func didPart(_ connection: ControlConnection, with socket: LinkSocket)
}

/// One control stream: a handshake in length-prefixed messages, then sealed frames, the first byte of each its kind.
///
/// Nothing is answered to anybody who proves nothing, and whatever goes wrong closes the connection: the machine above
/// lives with lost frames. A data link begins as one, and leaves with its socket when the handshake is over. Lives on the
/// node's event loop.
final class ControlConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Who is at the other end, proved by the handshake.
    struct Peer {
        let id: NodeID
        let key: PublicKey
        /// A joiner comes with a token and wants to be let in; everybody else comes as a member.
        let right: StreamSession.Right
        /// Under which epoch it proved itself.
        let epoch: UInt32
        let admission: Admission?
        /// What was agreed upon for a data link; nil for a control stream.
        let link: LinkTerms?
    }

    enum Refusal: Sendable {
        case handshake(HandshakeError)
        case frame, overLimit, peer, timeout
        /// Not this side's doing: the other end closed it, or is no more.
        case lost
    }

    /// What may wait for a handshake, and for the socket.
    private static let waitingFramesMax = 64
    private static let pendingBytesMax = 4 << 20

    private enum Phase {
        case connecting
        case shaking(StreamHandshake)
        case open(sealing: StreamCipher, opening: StreamCipher)
        /// A data link, whose last message of the handshake may still be on its way into the socket.
        case parting(StreamSession, LinkTerms)
        case closed
    }

    let isOutbound: Bool
    /// Whom an outbound connection is for, when that is known beforehand.
    let expected: NodeID?
    /// Where an outbound connection goes.
    let endpoint: Endpoint?
    /// The epoch under which this side opened the connection.
    let epoch: UInt32
    /// Who waits for the data link that this is to be.
    let dial: LinkDial?
    private(set) var peer: Peer?
    /// Who called proved that it knows a secret of the mesh; until then it is nobody.
    private(set) var hasKnocked = false
    /// From which host, or for IPv6 from which network of 64 bits, a caller comes.
    private(set) var origin: Endpoint?
    private(set) var usedAt: Micros
    let openedAt: Micros
    private weak var owner: (any ControlOwner)?
    private var channel: (any Channel)?
    private var phase = Phase.connecting
    private var input = ByteBuffer()
    private var waiting: [[UInt8]] = []
    private var pendingBytes = 0

    init(
        owner: any ControlOwner,
        isOutbound: Bool,
        expected: NodeID? = nil,
        endpoint: Endpoint? = nil,
        epoch: UInt32 = 0,
        dial: LinkDial? = nil,
        now: Micros
    ) {
        self.owner = owner
        self.isOutbound = isOutbound
        self.expected = expected
        self.endpoint = endpoint
        self.epoch = epoch
        self.dial = dial
        openedAt = now
        usedAt = now
    }

    var isOpen: Bool { if case .open = phase { true } else { false } }

    var isClosed: Bool { if case .closed = phase { true } else { false } }

    /// Where the other end is, as the socket sees it.
    var remote: Endpoint? { channel?.remoteAddress.flatMap { Endpoint($0) } }

    // MARK: Events

    /// The socket is connected. A caller speaks first; a listener waits for proof.
    func begin(_ handshake: StreamHandshake, on channel: any Channel) {
        guard case .connecting = phase else {
            channel.close(promise: nil)
            return
        }
        self.channel = channel
        origin = remote?.origin
        phase = .shaking(handshake)
        if !handshake.opening.isEmpty { write(handshake.opening) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
        while let frame = nextFrame() { hear(frame) }
    }

    func channelInactive(context: ChannelHandlerContext) { end(.lost) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.lost) }

    private func nextFrame() -> [UInt8]? {
        let bytesMax: Int
        switch phase {
        case .shaking: bytesMax = StreamHandshake.messageBytesMax
        case .open: bytesMax = StreamCipher.sealedBytesMax
        case .connecting, .parting, .closed: return nil
        }
        guard let length = input.getInteger(at: input.readerIndex, as: UInt32.self) else { return nil }
        guard length > 0, Int(length) <= bytesMax else {
            end(.overLimit)
            return nil
        }
        guard input.readableBytes >= 4 + Int(length) else { return nil }
        input.moveReaderIndex(forwardBy: 4)
        let frame = input.readBytes(length: Int(length))
        if input.readableBytes == 0 { input.clear() } else { input.discardReadBytes() }
        return frame
    }

    private func hear(_ bytes: [UInt8]) {
        switch phase {
        case .shaking(var handshake):
            let step: StreamHandshake.Step
            do throws(HandshakeError) { step = try handshake.read(bytes) } catch { return end(.handshake(error)) }
            hasKnocked = true
            phase = .shaking(handshake)
            if let reply = step.reply { write(reply) }
            // A write may find the socket broken, and end the connection at once.
            guard case .shaking = phase else { return }
            if let refusal = step.refusal { return end(.handshake(refusal)) }
            if let session = step.session { open(session) }
        case .open(let sealing, var opening):
            guard let plain = opening.open(bytes), let first = plain.first, let kind = StreamKind(rawValue: first)
            else { return end(.frame) }
            phase = .open(sealing: sealing, opening: opening)
            owner?.take(kind, Array(plain.dropFirst()), from: self)
        case .connecting, .parting, .closed: return
        }
    }

    private func open(_ session: StreamSession) {
        let peer = Peer(
            id: session.peer,
            key: session.key,
            right: session.right,
            epoch: session.epoch,
            admission: session.admission,
            link: session.link
        )
        self.peer = peer
        if let terms = session.link {
            phase = .parting(session, terms)
            guard let owner, owner.admits(self, peer) else { return end(.peer) }
            return part()
        }
        phase = .open(sealing: session.sealing, opening: session.opening)
        guard let owner, owner.admits(self, peer) else { return end(.peer) }
        for frame in drain() { seal(frame) }
    }

    // MARK: Sending

    /// Sends a frame, or keeps it until the handshake is done; false when it is lost to a bound.
    @discardableResult
    func send(_ kind: StreamKind, _ body: [UInt8], at now: Micros) -> Bool {
        guard body.count < StreamCipher.frameBytesMax, pendingBytes < Self.pendingBytesMax else { return false }
        usedAt = now
        var frame: [UInt8] = []
        frame.reserveCapacity(body.count + 1)
        frame.append(kind.rawValue)
        frame.append(contentsOf: body)
        switch phase {
        case .open:
            seal(frame)
        case .connecting, .shaking:
            guard waiting.count < Self.waitingFramesMax else { return false }
            waiting.append(frame)
            pendingBytes += frame.count
        case .parting, .closed: return false
        }
        return true
    }

    /// What waited for the handshake.
    private func drain() -> [[UInt8]] {
        let frames = waiting
        waiting = []
        pendingBytes -= frames.reduce(0) { $0 + $1.count }
        return frames
    }

    private func seal(_ frame: [UInt8]) {
        guard case .open(var sealing, let opening) = phase, let sealed = sealing.seal(frame) else { return }
        phase = .open(sealing: sealing, opening: opening)
        write(sealed)
    }

    private func write(_ bytes: [UInt8]) {
        guard let channel else { return }
        var buffer = channel.allocator.buffer(capacity: bytes.count + 4)
        buffer.writeInteger(UInt32(bytes.count))
        buffer.writeBytes(bytes)
        let count = buffer.readableBytes
        pendingBytes += count
        channel.writeAndFlush(buffer).assumeIsolated().whenComplete { _ in
            self.pendingBytes -= count
            self.part()
        }
    }

    // MARK: Parting

    /// Gives the socket of a data link away when nothing of the handshake waits for it: a second descriptor of it, since
    /// the first one belongs to this loop's channel and closes with it.
    private func part() {
        guard case .parting(let session, let terms) = phase, pendingBytes == 0, let channel else { return }
        let copied = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { fcntl($0, F_DUPFD_CLOEXEC, 0) }
        guard let descriptor = copied ?? nil, descriptor >= 0 else { return end(.lost) }
        phase = .closed
        channel.close(promise: nil)
        let socket = LinkSocket(descriptor: descriptor, session: session, terms: terms, leftover: input)
        owner?.didPart(self, with: socket)
    }

    // MARK: The end

    /// Closes; what waits is lost.
    func end(_ refusal: Refusal?) {
        if case .closed = phase { return }
        phase = .closed
        _ = drain()
        channel?.close(promise: nil)
        owner?.didClose(self, refusal: refusal)
    }

    func noteUse(at now: Micros) { usedAt = now }
}
