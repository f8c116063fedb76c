internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Swim

/// The UDP socket: reads in batches through NIO, writes by itself.
///
/// NIO closes a datagram channel when a send fails for a reason that it does not know, and a firewall's drop, an
/// interface that is down or a full queue are such reasons. To a failure detector they are a lost datagram, so each
/// send is one system call whose failure is counted. Lives on the node's event loop.
final class DatagramPort {
    struct Numbers: Sendable, Equatable {
        var received: UInt64 = 0
        var receivedBytes: UInt64 = 0
        var sent: UInt64 = 0
        var sentBytes: UInt64 = 0
        /// The kernel did not take them: no route, a firewall, a full queue, or another address family.
        var unsent: UInt64 = 0
    }

    /// What is longer cannot be ours: the largest datagram of the protocol is shorter by far.
    private static let readBytes = 2_048
    private static let readsPerCall = 16
    private static let addressesMax = 4_096

    private let channel: any Channel
    private let socket: CInt
    private let isIPv6: Bool
    /// Where it is bound.
    let address: SocketAddress?
    private var addresses: [Endpoint: SocketAddress] = [:]
    var numbers = Numbers()
    /// Nothing goes out and what comes in is not heard, as if the plug were pulled.
    var isSilent = false
    var onDatagram: (([UInt8]) -> Void)?
    /// After a batch.
    var onBatch: (() -> Void)?

    /// Opens the socket; the caller wraps the channel on its loop.
    static func bind(_ address: SocketAddress, on loop: any EventLoop) -> EventLoopFuture<any Channel> {
        DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readBytes * readsPerCall))
            .channelOption(.datagramVectorReadMessageCount, value: readsPerCall)
            // A stopped process finds what came meanwhile: the news of a few seconds of a busy mesh.
            .channelOption(.socketOption(.so_rcvbuf), value: 1 << 20)
            .bind(to: address)
    }

    init(_ channel: any Channel) throws {
        self.channel = channel
        address = channel.localAddress
        isIPv6 = address?.protocol == .inet6
        let handle = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            $0
        }
        guard let handle else { throw MeshError.cannotListen("the UDP socket has no descriptor") }
        socket = handle
        try channel.pipeline.syncOperations.addHandler(Reader(self))
    }

    var isOpen: Bool { channel.isActive }

    func close() {
        onDatagram = nil
        onBatch = nil
        channel.close(promise: nil)
    }

    func send(_ bytes: [UInt8], to endpoint: Endpoint) {
        guard channel.isActive else { return }
        guard !isSilent, isIPv6 || !endpoint.isIPv6, let address = address(of: endpoint) else {
            numbers.unsent += 1
            return
        }
        let count = address.withSockAddr { pointer, size in
            sendto(socket, bytes, bytes.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL), pointer, socklen_t(size))
        }
        guard count == bytes.count else {
            numbers.unsent += 1
            return
        }
        numbers.sent += 1
        numbers.sentBytes += UInt64(count)
    }

    /// Addresses in the form of the system, made once for each of the usual receivers.
    private func address(of endpoint: Endpoint) -> SocketAddress? {
        if let known = addresses[endpoint] { return known }
        guard let address = endpoint.socketAddress(isDual: isIPv6) else { return nil }
        if addresses.count >= Self.addressesMax { addresses.removeAll(keepingCapacity: true) }
        addresses[endpoint] = address
        return address
    }

    fileprivate func take(_ data: ByteBuffer) {
        guard !isSilent else { return }
        numbers.received += 1
        numbers.receivedBytes += UInt64(data.readableBytes)
        onDatagram?(Array(data.readableBytesView))
    }

    /// The channel's end of the port.
    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let port: DatagramPort

        init(_ port: DatagramPort) { self.port = port }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { port.take(unwrapInboundIn(data).data) }

        func channelReadComplete(context: ChannelHandlerContext) { port.onBatch?() }

        /// A failed read is one datagram less; the channel closes by itself when the socket is lost.
        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
