internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Swim
internal import Synchronization

/// A connection whose handshake is over, on its way from the node's loop to the loop of its link: the socket, what the
/// handshake proved, and the bytes that were read behind it.
///
/// Closes the socket unless somebody took it.
final class LinkSocket: Sendable {
    let session: StreamSession
    let terms: LinkTerms
    let leftover: ByteBuffer
    private let descriptor: Mutex<CInt?>

    init(descriptor: CInt, session: StreamSession, terms: LinkTerms, leftover: ByteBuffer) {
        self.descriptor = Mutex(descriptor)
        self.session = session
        self.terms = terms
        self.leftover = leftover
    }

    deinit { if let descriptor = take() { close(descriptor) } }

    /// The socket, once: whoever takes it closes it.
    func take() -> CInt? {
        descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
    }
}

extension LinkSocket {
    /// What the kernel gives in one read: a few records of bulk, and little memory while there is little to read.
    private static let readBytes = (min: 4 << 10, first: 16 << 10, max: 256 << 10)
    /// Sealed bytes that wait for the kernel: enough to keep it busy, and the rest waits unsealed.
    private static let unwritten = (low: 256 << 10, high: 1 << 20)

    /// Begins a connection on its loop with this handler; whatever goes wrong ends the handler.
    static func open(_ descriptor: CInt, on loop: any EventLoop, _ channel: LinkChannel) {
        let bound = NIOLoopBound(channel, eventLoop: loop)
        let reads = AdaptiveRecvByteBufferAllocator(
            minimum: readBytes.min,
            initial: readBytes.first,
            maximum: readBytes.max
        )
        let writes = ChannelOptions.Types.WriteBufferWaterMark(low: unwritten.low, high: unwritten.high)
        ClientBootstrap(group: loop)
            .channelOption(.recvAllocator, value: reads)
            .channelOption(.writeBufferWaterMark, value: writes)
            .channelInitializer { socket in
                socket.eventLoop.makeCompletedFuture { try socket.pipeline.syncOperations.addHandler(bound.value) }
            }
            .withConnectedSocket(descriptor)
            .whenFailure { _ in bound.value.end() }
    }
}

/// Where the node's loop hands in the connections of callers; whoever comes before somebody opened the door, or after
/// it was shut, is dropped.
final class LinkDoor: Sendable {
    private let guest = Mutex<(@Sendable (LinkSocket) -> Void)?>(nil)

    func open(_ body: (@Sendable (LinkSocket) -> Void)?) { guest.withLock { $0 = body } }

    func hand(_ socket: LinkSocket) { guest.withLock { $0 }?(socket) }
}

/// What is asked of the node's loop: a data link to a peer. `done` is called once, on that loop.
struct LinkDial: Sendable {
    let offer: LinkOffer
    let done: @Sendable (Result<LinkSocket, LinkFailure>) -> Void
}
