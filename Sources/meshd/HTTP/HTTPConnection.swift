import HummingbirdCore
import NIOCore
import NIOHTTP1

/// One client's HTTP/1.1 connection: parsed requests in, ready answers out.
///
/// Why not Hummingbird's own request pipeline: an empty answer through it costs 0.058 ms of CPU here and through this
/// one a third of that, which decides whether small objects meet their bound. Hummingbird still listens, accepts,
/// counts and drains connections.
///
/// The loop owns all state. The one task that serves the connection runs on the same loop (its executor preference), so
/// that nothing here hops between threads and reading a part that is already there costs no suspension.
final class HTTPConnection: ChannelDuplexHandler, ServerChildChannelValue {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Failure: Error {
        /// The client went away, or broke the protocol in the middle of a body.
        case closed
        /// The client sent nothing, or took nothing, for too long.
        case idle
    }

    /// Bytes of a body that may wait here before the socket is no longer read.
    static let bufferedBytesMax = 128 * 1024
    /// What is read and thrown away of a refused body, so that the client gets to see the answer.
    static let discardedBytesMax = 8 << 20

    let channel: any Channel

    private struct State {
        var parts = CircularBuffer<HTTPServerRequestPart>()
        var bufferedBytes = 0
        var waiter: UnsafeContinuation<Void, Never>?
        var writer: UnsafeContinuation<Void, Never>?
        var isReadHeld = false
        var isClosed = false
        /// The client sends no more (it may still read), or asked for a protocol that is not HTTP.
        var hasInputEnded = false
        /// The message that arrives is the last that can be parsed: it asks to speak another protocol behind it.
        var asksUpgrade = false
        /// The request that is served is such a message.
        var isLast = false
        var isQuiescing = false
        var isServing = false
        var malformed: (any Error)?
        /// Why the socket broke, if it did.
        var failure: (any Error)?
        /// When the connection last moved: parts arrived or bytes left.
        var lastProgress = NIODeadline.now()
        var wasIdle = false
    }

    // Touched on the channel's loop only: handler callbacks run there, and the serving task does by its executor
    // preference (`S3Face.handle`), which is checked wherever that task writes or waits.
    private nonisolated(unsafe) var state = State()
    private nonisolated(unsafe) var context: ChannelHandlerContext?

    init(channel: any Channel) { self.channel = channel }

    // MARK: For the task that serves the connection

    /// The next request's head; nil when the client is done, or the server is and the connection idle.
    func nextHead() async throws -> HTTPRequestHead? {
        state.isServing = false
        while true {
            if let part = state.parts.popFirst() {
                // Ends of bodies that were thrown away, or never read, are passed over.
                guard case .head(let head) = part else {
                    if case .body(let bytes) = part { taken(bytes) }
                    continue
                }
                state.isServing = true
                state.isLast = Self.asksUpgrade(head)
                return head
            }
            // What came whole before the damage is answered first.
            if let malformed = state.malformed { throw malformed }
            if state.isClosed || state.hasInputEnded || state.isQuiescing || state.wasIdle { return nil }
            await wait()
        }
    }

    /// The next bytes of the body; nil at its end.
    func nextBody() async throws -> ByteBuffer? {
        while true {
            switch state.parts.first {
            case .body(let bytes):
                state.parts.removeFirst()
                taken(bytes)
                return bytes
            case .end:
                state.parts.removeFirst()
                return nil
            case .head:
                return nil
            case nil:
                if let malformed = state.malformed { throw malformed }
                if state.wasIdle { throw Failure.idle }
                if state.isClosed || state.hasInputEnded { throw Failure.closed }
                await wait()
            }
        }
    }

    /// Drops the rest of the present body and says how many bytes that were; nil: some of it has not come yet, and nobody
    /// waits for it.
    func dropArrivedBody() -> Int? {
        let isWhole = state.parts.contains { if case .end = $0 { true } else { false } }
        guard isWhole else { return nil }
        var dropped = 0
        while let part = state.parts.popFirst() {
            guard case .body(let bytes) = part else { break }
            dropped += bytes.readableBytes
            taken(bytes)
        }
        return dropped
    }

    /// Writes and flushes; returns at once while the socket keeps up, else when it took enough to go on.
    func write(_ bytes: ByteBuffer) async throws {
        channel.eventLoop.preconditionInEventLoop()
        guard let context, !state.isClosed else { throw Failure.closed }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        state.lastProgress = .now()
        while !channel.isWritable {
            if state.isClosed { throw Failure.closed }
            await withUnsafeContinuation { state.writer = $0 }
            if state.wasIdle { throw Failure.idle }
        }
    }

    /// What broke the connection; nil when the client just closed it.
    var failure: (any Error)? { state.failure }

    /// Whether the connection ends after the request at hand whatever the client wishes.
    var isEnding: Bool { state.isQuiescing || state.isLast }

    /// Reads and drops what the client still sends, for a while, then closes.
    func closeAfterDiscarding() async {
        var left = Self.discardedBytesMax
        channel.close(mode: .output, promise: nil)
        while left > 0, let bytes = try? await nextBody() { left -= bytes.readableBytes }
        close()
    }

    func close() { channel.close(promise: nil) }

    /// Whether HTTP ends with this message: NIO's decoder stops behind it, whether or not the upgrade is granted, and
    /// none is here. Some clients ask with each first request (Java's, for HTTP/2).
    private static func asksUpgrade(_ head: HTTPRequestHead) -> Bool {
        head.method == .CONNECT || head.headers.contains(name: "upgrade")
    }

    /// The request at hand is the last one; without one the connection ends.
    func quiesce() {
        channel.eventLoop.preconditionInEventLoop()
        state.isQuiescing = true
        if !state.isServing { wake() }
    }

    /// Called now and then: ends a connection that stands still.
    func reap(idle: TimeAmount) {
        channel.eventLoop.preconditionInEventLoop()
        guard state.waiter != nil || state.writer != nil, .now() - state.lastProgress > idle else { return }
        state.wasIdle = true
        wake()
        wakeWriter()
    }

    private func wait() async {
        channel.eventLoop.preconditionInEventLoop()
        await withUnsafeContinuation { continuation in
            state.waiter = continuation
            if state.isReadHeld {
                state.isReadHeld = false
                context?.read()
            }
        }
    }

    private func wake() {
        guard let waiter = state.waiter else { return }
        state.waiter = nil
        waiter.resume()
    }

    private func wakeWriter() {
        guard let writer = state.writer else { return }
        state.writer = nil
        writer.resume()
    }

    private func taken(_ bytes: ByteBuffer) {
        state.bufferedBytes -= bytes.readableBytes
        if state.isReadHeld, state.bufferedBytes < Self.bufferedBytesMax / 2 {
            state.isReadHeld = false
            context?.read()
        }
    }

    // MARK: For the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    /// A channel that ends before it was active says so here only.
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end()
    }

    private func end() {
        state.isClosed = true
        wake()
        wakeWriter()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch part {
        case .head(let head): state.asksUpgrade = Self.asksUpgrade(head)
        case .body(let bytes): state.bufferedBytes += bytes.readableBytes
        case .end: if state.asksUpgrade { state.hasInputEnded = true }
        }
        state.parts.append(part)
        state.lastProgress = .now()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        wake()
        context.fireChannelReadComplete()
    }

    /// Backpressure: the socket is not read while enough is waiting. A pipelined request waits its turn here too.
    func read(context: ChannelHandlerContext) {
        // Behind an upgrade the decoder parses no more and only collects: nothing may reach it.
        if state.asksUpgrade && state.hasInputEnded { return }
        let isFull = state.bufferedBytes >= Self.bufferedBytesMax || state.parts.count > 64
        if isFull && state.waiter == nil {
            state.isReadHeld = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            state.lastProgress = .now()
            wakeWriter()
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            quiesce()
        case ChannelEvent.inputClosed:
            // Whoever half-closes behind a request still waits for its answer.
            state.hasInputEnded = true
            wake()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError {
            state.malformed = error
            wake()
        } else {
            // A broken socket or TLS session: there is no client to tell.
            state.failure = error
            context.close(promise: nil)
        }
    }
}
