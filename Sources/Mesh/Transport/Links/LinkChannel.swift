internal import NIOCore

/// Who is behind a link's connection: the caller's end or the listener's. Called on the connection's loop.
protocol LinkChannelOwner: AnyObject {
    func hear(_ frame: LinkFrame)
    /// What came together has been heard.
    func didRead()
    /// Whether a frame that waited for the socket should still go out.
    func wants(_ frame: LinkFrame) -> Bool
    /// The socket takes more.
    func didWrite()
    /// The end, once.
    func didClose(_ channel: LinkChannel)
}

/// One connection of a link after its handshake: frames out, frames in.
///
/// Frames that are sent between two flushes go into one record where they fit. What the socket does not take waits
/// here unsealed, and its owner bounds it by `queuedBytes`. Lives on the link's loop.
final class LinkChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var owner: (any LinkChannelOwner)?
    private var sealer: FrameSealer
    private var opener: FrameOpener
    private let counters: LinkCounters.Class
    private var leftover: ByteBuffer
    private var context: ChannelHandlerContext?
    private var queue = CircularBuffer<LinkFrame>()
    private var heard: [LinkFrame] = []
    private var records: [ByteBuffer] = []
    private var isActive = false
    private var isClosed = false
    private var isReading = true
    /// Of payloads that wait for the socket.
    private(set) var queuedBytes = 0
    private(set) var heardAt: NIODeadline
    private(set) var wroteAt: NIODeadline

    init(_ socket: LinkSocket, owner: any LinkChannelOwner, counters: LinkCounters.Class) {
        self.owner = owner
        self.counters = counters
        let ciphers = socket.session.recordCiphers(socket.terms.suite)
        sealer = FrameSealer(cipher: ciphers.sealing)
        opener = FrameOpener(cipher: ciphers.opening)
        leftover = socket.leftover
        heardAt = .now()
        wroteAt = heardAt
    }

    // MARK: In

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelActive(context: ChannelHandlerContext) {
        isActive = true
        take(leftover)
        leftover = ByteBuffer()
        owner?.didRead()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(unwrapInboundIn(data)) }

    func channelReadComplete(context: ChannelHandlerContext) { owner?.didRead() }

    func channelInactive(context: ChannelHandlerContext) { end() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end() }

    private func take(_ bytes: ByteBuffer) {
        guard !isClosed else { return }
        heardAt = .now()
        counters.bytesReceived.add(UInt64(bytes.readableBytes))
        let before = opener.records
        let isSound = opener.take(bytes, into: &heard)
        counters.recordsReceived.add(opener.records - before)
        counters.framesReceived.add(UInt64(heard.count))
        for frame in heard { owner?.hear(frame) }
        heard.removeAll(keepingCapacity: true)
        if !isSound {
            counters.broken.add()
            end()
        }
    }

    /// Whether the socket is read: the way in which a listener that has enough to do says so.
    func setReading(_ isOn: Bool) {
        guard isOn != isReading, !isClosed, let channel = context?.channel else { return }
        isReading = isOn
        try? channel.syncOptions?.setOption(.autoRead, value: isOn)
    }

    // MARK: Out

    /// Queues a frame; `flush` sends it.
    func send(_ frame: LinkFrame) {
        guard !isClosed else { return }
        queuedBytes += frame.payload.readableBytes
        queue.append(frame)
    }

    var hasQueued: Bool { !queue.isEmpty }

    /// Seals and writes as much as the socket takes.
    func flush() {
        guard isActive, !isClosed, let context, !queue.isEmpty, context.channel.isWritable else { return }
        let before = sealer.records
        var frames: UInt64 = 0
        var isSound = true
        while isSound, context.channel.isWritable, let frame = queue.popFirst() {
            queuedBytes -= frame.payload.readableBytes
            guard owner?.wants(frame) == true else { continue }
            frames += 1
            isSound = sealer.add(frame, into: &records)
            write(context)
        }
        isSound = isSound && sealer.finish(into: &records)
        write(context)
        guard isSound else { return end() }
        wroteAt = .now()
        counters.framesSent.add(frames)
        counters.recordsSent.add(sealer.records - before)
        context.flush()
    }

    private func write(_ context: ChannelHandlerContext) {
        for record in records {
            counters.bytesSent.add(UInt64(record.readableBytes))
            context.write(wrapOutboundOut(record), promise: nil)
        }
        records.removeAll(keepingCapacity: true)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        flush()
        owner?.didWrite()
    }

    // MARK: The end

    /// Closes; what waits is lost.
    func end() {
        guard !isClosed else { return }
        isClosed = true
        queue.removeAll()
        queuedBytes = 0
        context?.close(promise: nil)
        context = nil
        let last = owner
        owner = nil
        last?.didClose(self)
    }
}
