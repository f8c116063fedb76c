internal import NIOCore
internal import NIOPosix
internal import Swim

/// The part of a lane that lives on its loop: the connection, the calls that wait for answers, and their deadlines.
final class LinkLaneDriver: LinkChannelOwner {
    private struct Waiting {
        let bytes: Int
        let begunAt: NIODeadline
        let done: LinkLane.Done
    }

    private enum Phase {
        case idle
        /// A connection is on its way; the number tells it from an earlier one that comes late.
        case dialing(attempt: Int, frames: [LinkFrame], bytes: Int)
        case open(LinkChannel)
        /// The peer could not be reached; calls fail until it is tried again.
        case resting(LinkFailure)
        case shut(LinkFailure)
    }

    private unowned let lane: LinkLane
    private let wire: LinkWire
    private var phase = Phase.idle
    private var calls: CallTable<Waiting>
    private var inbox: [LinkLane.Call] = []
    private var expired: [(id: UInt64, call: Waiting)] = []
    private var over = (count: 0, bytes: 0)
    private var attempt = 0
    private var restMillis = LinkLimit.restMillisMin
    private var rest: Scheduled<Void>?
    private var calledAt = NIODeadline.distantPast
    /// When the turn of the loop began that is going on: what answers are timed by.
    private var now = NIODeadline.now()
    private var timer: Scheduled<Void>?
    private var isTicking = false
    private var tickedAt = NIODeadline.now()
    private var pingedAt = NIODeadline.distantPast

    init(_ lane: LinkLane, wire: LinkWire) {
        self.lane = lane
        self.wire = wire
        calls = CallTable(callsMax: LinkLimit.callsMax, now: Self.tick(.now()))
    }

    private var loop: NIOIsolatedEventLoop { lane.loop.assumeIsolated() }

    // MARK: Calls

    func takeCalls() {
        now = .now()
        lane.takeCalls(spare: &inbox)
        for call in inbox { begin(call) }
        inbox.removeAll(keepingCapacity: true)
        endTurn()
    }

    private func begin(_ call: LinkLane.Call) {
        let bytes = call.payload.readableBytes
        calledAt = now
        switch phase {
        case .resting(let failure), .shut(let failure): return refuse(call, failure)
        case .open(let channel) where channel.queuedBytes > lane.traffic.bytesInFlightMax:
            return refuse(call, .overloaded)
        // Those whose time is over meanwhile still count here.
        case .dialing(_, let frames, let waiting)
        where waiting + bytes > lane.traffic.bytesInFlightMax || frames.count >= LinkLimit.callsMax:
            return refuse(call, .overloaded)
        case .idle, .dialing, .open: break
        }
        let waiting = Waiting(bytes: bytes, begunAt: call.begunAt, done: call.done)
        guard let id = calls.insert(waiting, due: Self.tick(call.due) + 1) else { return refuse(call, .overloaded) }
        let millis = max(0, (call.due - now).nanoseconds / 1_000_000)
        let frame = LinkFrame(
            kind: .request,
            method: call.method,
            id: id,
            limitMillis: UInt32(clamping: millis),
            payload: call.payload
        )
        switch phase {
        case .open(let channel): channel.send(frame)
        case .dialing(let attempt, var frames, let waiting):
            // So that the array has one owner while it grows.
            phase = .idle
            frames.append(frame)
            phase = .dialing(attempt: attempt, frames: frames, bytes: waiting + bytes)
        case .idle: dial([frame])
        case .resting, .shut: break
        }
        tickSoon()
    }

    private func refuse(_ call: LinkLane.Call, _ failure: LinkFailure) {
        over.count += 1
        over.bytes += call.payload.readableBytes
        lane.counters.fail(failure)
        lane.pulse.noteFailure()
        call.done(.failure(failure))
    }

    private func finish(_ waiting: Waiting, _ result: Result<ByteBuffer, LinkFailure>) {
        over.count += 1
        over.bytes += waiting.bytes
        switch result {
        case .success(let answer):
            lane.counters.answers.add()
            lane.pulse.noteAnswer()
            if answer.readableBytes + waiting.bytes < FrameSealer.directBytesMin {
                lane.pulse.note(roundTripMicros: UInt64(max(0, (now - waiting.begunAt).nanoseconds / 1_000)))
            }
        case .failure(let failure):
            lane.counters.fail(failure)
            lane.pulse.noteFailure()
        }
        waiting.done(result)
    }

    private func failAll(_ failure: LinkFailure) {
        for waiting in calls.removeAll() { finish(waiting, .failure(failure)) }
    }

    private func endTurn() {
        if case .open(let channel) = phase { channel.flush() }
        lane.pulse.note(inFlight: calls.count)
        if over.count > 0 { lane.release(count: over.count, bytes: over.bytes) }
        over = (0, 0)
    }

    // MARK: The connection

    private func dial(_ frames: [LinkFrame]) {
        attempt += 1
        let number = attempt
        phase = .dialing(attempt: number, frames: frames, bytes: frames.reduce(0) { $0 + $1.payload.readableBytes })
        let lane = lane
        let this = NIOLoopBound(self, eventLoop: lane.loop)
        wire.dial(lane.peer, lane.traffic) { result in
            lane.loop.execute { this.value.dialed(number, result) }
        }
        loop.scheduleTask(in: .milliseconds(LinkLimit.dialMillis)) { self.dialed(number, .failure(.notConnected)) }
    }

    private func dialed(_ number: Int, _ result: Result<LinkSocket, LinkFailure>) {
        guard case .dialing(attempt: number, let frames, _) = phase else { return }
        now = .now()
        switch result {
        case .failure(let failure): didFail(failure)
        case .success(let socket):
            guard let descriptor = socket.take() else { return didFail(.notConnected) }
            let channel = LinkChannel(socket, owner: self, counters: lane.counters)
            phase = .open(channel)
            restMillis = LinkLimit.restMillisMin
            pingedAt = .distantPast
            lane.counters.opened.add()
            lane.pulse.note(isConnected: true)
            lane.pulse.note(version: socket.terms.version)
            LinkSocket.open(descriptor, on: lane.loop, channel)
            for frame in frames { channel.send(frame) }
        }
        endTurn()
    }

    private func didFail(_ failure: LinkFailure) {
        lane.counters.dialsFailed.add()
        // A little more or less, so that not all callers come at once when the peer is back.
        let millis = Int64.random(in: restMillis / 2...restMillis)
        restMillis = min(2 * restMillis, LinkLimit.restMillisMax)
        phase = .resting(failure)
        rest = loop.scheduleTask(in: .milliseconds(millis)) { self.wake() }
        failAll(failure)
        endTurn()
    }

    /// Tries again after a rest, when somebody called lately and the peer is not known to be gone; else with the next
    /// call.
    func wake() {
        guard case .resting = phase else { return }
        rest?.cancel()
        phase = .idle
        if .now() - calledAt < .milliseconds(LinkLimit.idleMillis), wire.isPresent(lane.peer) { dial([]) }
    }

    func shut(_ failure: LinkFailure) {
        takeCalls()
        if case .shut = phase { return }
        let last = phase
        phase = .shut(failure)
        rest?.cancel()
        timer?.cancel()
        lane.pulse.note(isConnected: false)
        if case .open(let channel) = last { channel.end() }
        failAll(failure)
        endTurn()
    }

    // MARK: What the connection tells

    func hear(_ frame: LinkFrame) {
        switch frame.kind {
        case .answer:
            now = .now()
            if let waiting = calls.remove(frame.id) { finish(waiting, .success(frame.payload)) }
        case .refusal: if let waiting = calls.remove(frame.id) { finish(waiting, .failure(.unserved)) }
        case .pong: break
        // A listener asks nothing on this connection.
        case .request, .cancel, .ping: if case .open(let channel) = phase { channel.end() }
        }
    }

    func didRead() { endTurn() }

    func wants(_ frame: LinkFrame) -> Bool { frame.kind != .request || calls.contains(frame.id) }

    func didWrite() {}

    func didClose(_ channel: LinkChannel) {
        guard case .open(let current) = phase, current === channel else { return }
        phase = .idle
        lane.pulse.note(isConnected: false)
        lane.counters.lost.add()
        failAll(.closed)
        endTurn()
        wire.lost(lane.peer)
    }

    // MARK: Time

    private static func tick(_ time: NIODeadline) -> UInt64 {
        time.uptimeNanoseconds / (UInt64(LinkLimit.tickMillis) * 1_000_000)
    }

    /// While calls wait, the lane looks at the clock every few milliseconds; else now and then.
    private func tickSoon() {
        guard !isTicking else { return }
        isTicking = true
        tickedAt = now
        timer?.cancel()
        timer = loop.scheduleTask(in: .milliseconds(LinkLimit.tickMillis)) { self.tick() }
    }

    private func tick() {
        if case .shut = phase { return }
        timer?.cancel()
        now = .now()
        calls.advance(to: Self.tick(now), into: &expired)
        for (id, waiting) in expired {
            if case .open(let channel) = phase { channel.send(LinkFrame(kind: .cancel, id: id)) }
            finish(waiting, .failure(.timedOut))
        }
        expired.removeAll(keepingCapacity: true)
        // This process stood still: what was not heard meanwhile may be waiting in the socket.
        let wasPaused = isTicking && now - tickedAt > .milliseconds(LinkLimit.pulseMillis)
        if case .open(let channel) = phase, !wasPaused { feelPulse(channel) }
        endTurn()
        isTicking = !calls.isEmpty
        tickedAt = now
        let millis = isTicking ? LinkLimit.tickMillis : LinkLimit.idlePulseMillis
        timer = loop.scheduleTask(in: .milliseconds(millis)) { self.tick() }
    }

    /// Asks for a sign of life after a silence, and gives up a connection that has none.
    private func feelPulse(_ channel: LinkChannel) {
        let silence = now - channel.heardAt
        let sincePing = now - pingedAt
        let isIdle = calls.isEmpty
        // An answer to the ping that ended the last silence counts from the ping on, an idle peer owes nothing.
        if pingedAt > channel.heardAt, sincePing > .milliseconds(LinkLimit.silenceMillis - LinkLimit.pulseMillis) {
            return channel.end()
        }
        let wait = isIdle ? LinkLimit.idlePulseMillis - LinkLimit.pulseMillis : LinkLimit.pulseMillis
        guard silence > .milliseconds(wait), pingedAt <= channel.heardAt else { return }
        pingedAt = now
        channel.send(LinkFrame(kind: .ping))
        // Somebody has to look for the answer.
        if isIdle { tickAgainAfterPing() }
    }

    private func tickAgainAfterPing() {
        loop.scheduleTask(in: .milliseconds(LinkLimit.silenceMillis)) {
            if case .open = self.phase, !self.isTicking { self.tick() }
        }
    }
}
