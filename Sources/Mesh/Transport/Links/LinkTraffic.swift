/// The class of what travels on a link. Each peer has one connection for each, so that bulk never stands before a
/// request.
package enum LinkTraffic: UInt8, Sendable, CaseIterable {
    /// Small requests that others wait for: layouts, digests, status.
    case control = 0
    /// The requests of clients.
    case data = 1
    /// Repair and movement.
    case bulk = 2

    /// The most that waits at the caller's end, payloads of unanswered requests: beyond it calls are refused.
    var bytesInFlightMax: Int {
        switch self {
        case .control: 8 << 20
        case .data: 32 << 20
        case .bulk: 16 << 20
        }
    }

    /// Requests that a peer is served at a time: beyond them its connection is not read.
    var servedMax: Int {
        switch self {
        case .control: 1_024
        case .data: 512
        case .bulk: 64
        }
    }

    /// Payloads of requests that are being served and of answers that wait for the socket.
    var servedBytesMax: Int { bytesInFlightMax }
}

/// The numbers of all links.
enum LinkLimit {
    /// Unanswered calls to one peer in one class.
    static let callsMax = 16_384
    /// A peer that cannot be reached is tried again after this, doubled each time.
    static let restMillisMin: Int64 = 50
    static let restMillisMax: Int64 = 500
    /// A connection that takes longer to open than this is given up: the kernel knocks at once, after a second and after
    /// three, and a way that is open again should not wait for the third time.
    static let dialMillis: Int64 = 1_500
    /// While answers are awaited: after this silence a sign of life is asked for, and given unasked.
    static let pulseMillis: Int64 = 500
    /// After this silence the connection is dead.
    static let silenceMillis: Int64 = 2_000
    /// A connection on which nothing is awaited is looked after this often.
    static let idlePulseMillis: Int64 = 10_000
    /// And is dropped by the listener when nothing was heard for this long.
    static let idleMillis: Int64 = 60_000
    /// The grain of deadlines.
    static let tickMillis: Int64 = 16
}
