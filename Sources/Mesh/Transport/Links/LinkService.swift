internal import NIOCore
internal import Swim
internal import Synchronization

/// The listener's end of one connection: hands requests to whoever serves their method, and takes the answers from any
/// thread; those that come within one turn of the loop travel together.
final class LinkService: Sendable {
    typealias Serve = @Sendable (NodeID, ByteBuffer, @escaping @Sendable (ByteBuffer) -> Void) -> Void

    private struct Outbox {
        var answers: [(id: UInt64, payload: ByteBuffer)] = []
        var isScheduled = false
    }

    let peer: NodeID
    let traffic: LinkTraffic
    let loop: any EventLoop
    let counters: LinkCounters.Class
    private let outbox = Mutex(Outbox())
    private let driver: NIOLoopBoundBox<LinkServiceDriver?>

    init(_ peer: NodeID, _ traffic: LinkTraffic, on loop: any EventLoop, counters: LinkCounters) {
        self.peer = peer
        self.traffic = traffic
        self.loop = loop
        self.counters = counters[traffic]
        driver = .makeEmptyBox(valueType: LinkServiceDriver.self, eventLoop: loop)
    }

    /// Takes over the connection of a caller; `ended` is called once, on the loop, when it is closed.
    func begin(_ socket: LinkSocket, methods: [Serve?], ended: @escaping @Sendable (LinkService) -> Void) {
        loop.execute {
            guard let descriptor = socket.take() else { return ended(self) }
            let driver = LinkServiceDriver(self, methods: methods, ended: ended)
            self.driver.value = driver
            driver.begin(descriptor, socket)
        }
    }

    func answer(_ id: UInt64, _ payload: ByteBuffer) {
        let mustWake = outbox.withLock { outbox in
            outbox.answers.append((id, payload))
            defer { outbox.isScheduled = true }
            return !outbox.isScheduled
        }
        if mustWake { loop.execute { self.driver.value?.takeAnswers() } }
    }

    /// From now until the answers are taken nobody needs to wake the loop for them.
    func expectAnswers() { outbox.withLock { $0.isScheduled = true } }

    func takeAnswers(spare: inout [(id: UInt64, payload: ByteBuffer)]) {
        outbox.withLock { outbox in
            swap(&outbox.answers, &spare)
            outbox.isScheduled = false
        }
    }

    func cut() { loop.execute { self.driver.value?.cut() } }

    /// The connection is closed: nothing is held any more.
    func didEnd() { driver.value = nil }
}

/// The part of a service that lives on its loop. Who has enough requests in work is not read until some are answered:
/// so the pressure reaches the caller, who has a bound of his own.
final class LinkServiceDriver: LinkChannelOwner {
    private struct Served {
        let bytes: Int
        let due: NIODeadline
        /// The caller waits no more. The work goes on, so it keeps its place.
        var isCancelled = false
    }

    private let service: LinkService
    private let methods: [LinkService.Serve?]
    private let ended: @Sendable (LinkService) -> Void
    private var channel: LinkChannel?
    private var served: [UInt64: Served] = [:]
    private var servedBytes = 0
    private var answers: [(id: UInt64, payload: ByteBuffer)] = []
    private var isPaused = false
    private var isReading = false
    private var timer: Scheduled<Void>?

    init(_ service: LinkService, methods: [LinkService.Serve?], ended: @escaping @Sendable (LinkService) -> Void) {
        self.service = service
        self.methods = methods
        self.ended = ended
    }

    func begin(_ descriptor: CInt, _ socket: LinkSocket) {
        let channel = LinkChannel(socket, owner: self, counters: service.counters)
        self.channel = channel
        service.counters.accepted.add()
        tickLater()
        LinkSocket.open(descriptor, on: service.loop, channel)
    }

    // MARK: Requests

    func hear(_ frame: LinkFrame) {
        if !isReading {
            isReading = true
            service.expectAnswers()
        }
        switch frame.kind {
        case .request: serve(frame)
        case .cancel: served[frame.id]?.isCancelled = true
        case .ping: channel?.send(LinkFrame(kind: .pong))
        case .pong, .answer, .refusal: channel?.end()
        }
    }

    private func serve(_ frame: LinkFrame) {
        guard let serve = methods[Int(frame.method)] else {
            service.counters.unserved.add()
            channel?.send(LinkFrame(kind: .refusal, method: frame.method, id: frame.id))
            return
        }
        let bytes = frame.payload.readableBytes
        let limit = TimeAmount.milliseconds(Int64(frame.limitMillis))
        // The caller gives every request another id.
        guard served.updateValue(Served(bytes: bytes, due: .now() + limit), forKey: frame.id) == nil else {
            channel?.end()
            return
        }
        servedBytes += bytes
        service.counters.served.add()
        let (service, id) = (service, frame.id)
        serve(service.peer, frame.payload) { service.answer(id, $0) }
    }

    func didRead() {
        isReading = false
        takeAnswers()
    }

    // MARK: Answers

    func takeAnswers() {
        service.takeAnswers(spare: &answers)
        for (id, payload) in answers {
            guard let known = served.removeValue(forKey: id) else { continue }
            servedBytes -= known.bytes
            if known.isCancelled { continue }
            guard payload.readableBytes <= LinkFrame.payloadBytesMax else {
                channel?.send(LinkFrame(kind: .refusal, id: id))
                continue
            }
            channel?.send(LinkFrame(kind: .answer, id: id, payload: payload))
        }
        answers.removeAll(keepingCapacity: true)
        channel?.flush()
        pace()
    }

    func didWrite() { pace() }

    func wants(_ frame: LinkFrame) -> Bool { true }

    /// Stops reading at the bound, and begins again at half of it.
    private func pace() {
        guard let channel else { return }
        let bytes = servedBytes + channel.queuedBytes
        let (countMax, bytesMax) = (service.traffic.servedMax, service.traffic.servedBytesMax)
        if !isPaused, served.count >= countMax || bytes >= bytesMax {
            isPaused = true
            service.counters.paused.add()
            channel.setReading(false)
        } else if isPaused, served.count <= countMax / 2, bytes <= bytesMax / 2 {
            isPaused = false
            channel.setReading(true)
        }
    }

    // MARK: Time

    private func tickLater() {
        let pulse = TimeAmount.milliseconds(LinkLimit.pulseMillis)
        timer = service.loop.assumeIsolated().scheduleTask(in: pulse) { self.tick() }
    }

    private func tick() {
        guard let channel else { return }
        tickLater()
        let now = NIODeadline.now()
        // Who never answers keeps no place for ever: the caller gave up at this time.
        for (id, known) in served where known.due + .milliseconds(LinkLimit.silenceMillis) < now {
            served[id] = nil
            servedBytes -= known.bytes
        }
        let pulse = TimeAmount.milliseconds(LinkLimit.pulseMillis)
        let isBusy = !served.isEmpty || isPaused || now - channel.heardAt < pulse
        if isBusy, now - channel.wroteAt > pulse, !channel.hasQueued { channel.send(LinkFrame(kind: .pong)) }
        if !isPaused, now - channel.heardAt > .milliseconds(LinkLimit.idleMillis) { return channel.end() }
        takeAnswers()
    }

    // MARK: The end

    func cut() { channel?.end() }

    func didClose(_ channel: LinkChannel) {
        self.channel = nil
        timer?.cancel()
        served = [:]
        service.didEnd()
        ended(service)
    }
}
