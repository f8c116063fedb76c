internal import NIOCore
internal import Swim
internal import Synchronization

/// The caller's end of one class of traffic to one peer, as every thread sees it: calls go into an inbox, and the
/// lane's loop takes them out together, a turn at a time.
///
/// So a call costs a lock and at most one wake-up of the loop, and what is called within one turn travels in one record.
final class LinkLane: Sendable {
    typealias Done = @Sendable (Result<ByteBuffer, LinkFailure>) -> Void

    struct Call: Sendable {
        let method: UInt8
        let payload: ByteBuffer
        let begunAt: NIODeadline
        let due: NIODeadline
        let done: Done
    }

    private struct Inbox {
        var calls: [Call] = []
        var isScheduled = false
        /// Payloads of all calls that have no answer yet.
        var bytes = 0
        var count = 0
        var end: LinkFailure?
    }

    let peer: NodeID
    let traffic: LinkTraffic
    let loop: any EventLoop
    let pulse = LinkPulse()
    let counters: LinkCounters.Class
    private let inbox = Mutex(Inbox())
    private let driver: NIOLoopBoundBox<LinkLaneDriver?>
    private let wire: LinkWire

    init(_ peer: NodeID, _ traffic: LinkTraffic, on loop: any EventLoop, wire: LinkWire) {
        self.peer = peer
        self.traffic = traffic
        self.loop = loop
        self.wire = wire
        counters = wire.counters[traffic]
        driver = .makeEmptyBox(valueType: LinkLaneDriver.self, eventLoop: loop)
    }

    /// Calls; `done` comes once, at once when the call is refused, else on the lane's loop.
    func call(_ method: UInt8, _ payload: ByteBuffer, timeoutMicros: UInt64, _ done: @escaping Done) {
        let now = NIODeadline.now()
        let bytes = payload.readableBytes
        let limit = TimeAmount.microseconds(Int64(clamping: min(timeoutMicros, Self.timeoutMicrosMax)))
        let call = Call(method: method, payload: payload, begunAt: now, due: now + limit, done: done)
        counters.calls.add()
        let (refusal, mustWake) = inbox.withLock { inbox -> (LinkFailure?, Bool) in
            if let end = inbox.end { return (end, false) }
            guard bytes <= LinkFrame.payloadBytesMax else { return (.tooLong, false) }
            guard inbox.bytes + bytes <= traffic.bytesInFlightMax, inbox.count < LinkLimit.callsMax else {
                return (.overloaded, false)
            }
            inbox.bytes += bytes
            inbox.count += 1
            inbox.calls.append(call)
            defer { inbox.isScheduled = true }
            return (nil, !inbox.isScheduled)
        }
        if let refusal {
            counters.fail(refusal)
            return done(.failure(refusal))
        }
        if mustWake { loop.execute { self.withDriver { $0.takeCalls() } } }
    }

    private static let timeoutMicrosMax: UInt64 = 3_600_000_000

    /// What was called since the last time; `spare` is an empty array whose room is used again.
    func takeCalls(spare: inout [Call]) {
        inbox.withLock { inbox in
            swap(&inbox.calls, &spare)
            inbox.isScheduled = false
        }
    }

    /// Calls that are over, and their payloads, make room for others.
    func release(count: Int, bytes: Int) {
        inbox.withLock { inbox in
            inbox.count -= count
            inbox.bytes -= bytes
        }
    }

    /// Refuses all calls from now on, with this reason.
    func shut(_ reason: LinkFailure) {
        inbox.withLock { $0.end = $0.end ?? reason }
        loop.execute { self.withDriver { $0.shut(reason) } }
    }

    /// The peer is seen alive again, or somewhere else: what waits for a better time tries now.
    func wake() { loop.execute { self.driver.value?.wake() } }

    private func withDriver(_ body: (LinkLaneDriver) -> Void) {
        let known = driver.value
        let current = known ?? LinkLaneDriver(self, wire: wire)
        if known == nil { driver.value = current }
        body(current)
    }
}

/// What lanes and services share: the way to the node, and the counters.
struct LinkWire: Sendable {
    let counters: LinkCounters
    /// Opens a connection; the answer comes on any thread.
    let dial: @Sendable (NodeID, LinkTraffic, @escaping @Sendable (Result<LinkSocket, LinkFailure>) -> Void) -> Void
    /// A connection in use broke off: the process behind it may be gone.
    let lost: @Sendable (NodeID) -> Void
    /// Whether the peer takes part in the mesh, so that it is worth while to call it unasked.
    let isPresent: @Sendable (NodeID) -> Bool
}
