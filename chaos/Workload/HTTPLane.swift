import NIOCore
import NIOHTTP1

/// One exchange at a time on one connection: writes the request as fast as the socket takes it, gathers the answer.
final class HTTPLane: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart
    /// Resumed exactly once: by a `begin` that is refused, by `finish`, or by `fail`.
    typealias Waiter = UnsafeContinuation<Result<HTTPResponse, HTTPFailure>, Never>

    private struct Exchange {
        let request: HTTPRequest
        let waiter: Waiter
        let deadline: NIODeadline
        var bytesSent = 0
        var isSent = false
        var response: HTTPResponse?
    }

    private static let bytesPerWrite = 64 << 10
    /// Writes in one go: a socket that takes all that comes must not keep the loop from those that wait to be read.
    private static let writesPerTurn = 8
    private var exchange: Exchange?
    private var context: ChannelHandlerContext?
    private var isPumping = false
    /// Rings at the deadline of some exchange, mostly one long gone, and then is set again: a timer for each request
    /// would cost as much as the request.
    private var alarm: (at: NIODeadline, timer: Scheduled<Void>)?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func begin(_ request: HTTPRequest, _ waiter: Waiter) {
        guard let context, context.channel.isActive, exchange == nil else {
            return waiter.resume(returning: .failure(.closed))
        }
        let deadline = NIODeadline.now() + .seconds(request.secondsMax)
        exchange = Exchange(request: request, waiter: waiter, deadline: deadline)
        setAlarm(at: deadline, context)
        let head = HTTPRequestHead(
            version: .http1_1,
            method: request.method,
            uri: request.target,
            headers: HTTPHeaders(request.headers)
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        pump(context)
    }

    private func setAlarm(at deadline: NIODeadline, _ context: ChannelHandlerContext) {
        if let alarm, alarm.at <= deadline { return }
        alarm?.timer.cancel()
        let timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.ring() }
        alarm = (deadline, timer)
    }

    private func ring() {
        alarm = nil
        guard let exchange, let context else { return }
        if exchange.deadline > .now() { return setAlarm(at: exchange.deadline, context) }
        fail(.timedOut(seconds: exchange.request.secondsMax))
    }

    /// Writing may make the channel writable again before it returns: the flag turns that recursion into the loop.
    private func pump(_ context: ChannelHandlerContext) {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        var writes = 0
        while var current = exchange, !current.isSent, context.channel.isWritable {
            let size = current.request.body.size
            if current.bytesSent < size {
                let count = min(Self.bytesPerWrite, size - current.bytesSent)
                let slice = Self.slice(current.request.body, current.bytesSent, count)
                current.bytesSent += count
                exchange = current
                context.write(wrapOutboundOut(.body(.byteBuffer(slice))), promise: nil)
            }
            if current.bytesSent == size {
                current.isSent = true
                exchange = current
                context.write(wrapOutboundOut(.end(nil)), promise: nil)
            }
            writes += 1
            if current.isSent || !context.channel.isWritable { context.flush() }
            if !current.isSent, writes == Self.writesPerTurn {
                context.flush()
                // Not at once: a loop does all that is due before it looks at its sockets again.
                context.eventLoop.assumeIsolated().scheduleTask(in: .microseconds(100)) {
                    self.context.map { self.pump($0) }
                }
                return
            }
        }
    }

    private static func slice(_ body: HTTPRequest.Body, _ offset: Int, _ count: Int) -> ByteBuffer {
        switch body {
        case .bytes(let buffer): buffer.getSlice(at: buffer.readerIndex + offset, length: count) ?? ByteBuffer()
        case .pattern(let pattern, let range):
            pattern.bytes(range.lowerBound + offset..<range.lowerBound + offset + count)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        pump(context)
        context.fireChannelWritabilityChanged()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            exchange?.response = HTTPResponse(status: Int(head.status.code), headers: head.headers)
        case .body(let buffer): receive(buffer)
        case .end: finish(context)
        }
    }

    /// Works on the exchange where it is: a second owner of its body would make each append copy all that came before.
    private func receive(_ buffer: ByteBuffer) {
        guard let reception = exchange?.request.reception, let status = exchange?.response?.status,
            let bytesReceived = exchange?.response?.bytesReceived
        else { return fail(.malformed("a body without a head")) }
        if case .compare(let pattern) = reception, status == 200 {
            if exchange?.response?.firstDifference == nil {
                exchange?.response?.firstDifference = pattern.firstDifference(buffer, at: bytesReceived)
            }
        } else {
            var bytesMax = 1 << 20
            if case .collect(let limit) = reception { bytesMax = limit }
            guard bytesReceived + buffer.readableBytes <= bytesMax else { return fail(.overlong(bytesMax: bytesMax)) }
            if bytesReceived == 0 {
                // Mostly this is all of it.
                exchange?.response?.body = buffer
            } else {
                exchange?.response?.body.writeImmutableBuffer(buffer)
            }
        }
        exchange?.response?.bytesReceived += buffer.readableBytes
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard let exchange, let response = exchange.response else { return fail(.malformed("an end without a head")) }
        self.exchange = nil
        let isLast = response.headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
        // An answer that came before the whole body was sent leaves the connection out of step.
        if isLast || !exchange.isSent { context.close(promise: nil) }
        exchange.waiter.resume(returning: .success(response))
    }

    private func fail(_ failure: HTTPFailure) {
        guard let exchange else { return }
        self.exchange = nil
        exchange.waiter.resume(returning: .failure(failure))
        context?.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        alarm?.timer.cancel()
        alarm = nil
        fail(.closed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error is IOError ? .closed : .malformed("\(error)"))
        context.close(promise: nil)
    }
}
