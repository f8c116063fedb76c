/// The values of the calls about rehearsals.

/// `POST cluster/rehearsal`
struct RehearsalOrder: Codable, Sendable {
    /// Who is to play dead: a name, or the beginning of an id.
    var node: String
    /// How long; 30 without it.
    var seconds: Int?
}

/// `cluster/rehearsal`
struct RehearsalState: Codable, Sendable {
    /// The last one that this node conducted since it was started.
    var rehearsal: RehearsalReport?
}

/// How a rehearsal goes, and how it went.
struct RehearsalReport: Codable, Sendable, Equatable {
    enum Phase: String, Codable, Sendable {
        /// Everybody is there: how long requests take without trouble.
        case before
        case away
        /// The node speaks again; what it missed is brought to it.
        case returning
        case done
    }

    enum Verdict: String, Codable, Sendable {
        /// No probe and no request of a client failed, and the node has all that it missed.
        case passed
        case failed
        /// It was ended before there was anything to say, and the node is back or comes back by itself.
        case brokenOff = "broken-off"
    }

    /// Probes of one phase.
    struct Probes: Codable, Sendable, Equatable {
        var count = 0
        var failed = 0
        /// The slower half took longer; 0 without probes.
        var medianMillis = 0.0
        var slowestMillis = 0.0
    }

    struct Failure: Codable, Sendable, Equatable {
        /// Since the node fell silent; before that negative.
        var millis: Int64
        /// `PUT`, `GET`, `LIST` or `DELETE`.
        var operation: String
        var error: String
    }

    /// The whole failures are counted, these are told.
    static let failuresMax = 20

    var id: String
    /// Who played dead.
    var node: String
    var nodeID: String
    /// Who conducted and sent the probes.
    var watcher: String
    var seconds: Int
    var startedMillis: UInt64
    var endedMillis: UInt64?
    var phase = Phase.before
    var verdict: Verdict?
    /// What there is to say now, for people.
    var sentence = ""
    var before = Probes()
    var away = Probes()
    var returning = Probes()
    var failures: [Failure] = []
    /// Since the node fell silent: when the watcher suspected it, held it for dead, saw it alive again, and when nothing
    /// waited for it any more.
    var suspectedMillis: Int64?
    var deadMillis: Int64?
    var backMillis: Int64?
    var equalMillis: Int64?
    /// The most objects that waited for it at once.
    var hintsMost = 0
    /// What clients asked of the other nodes meanwhile, and what of that was answered with a status of 500 or more.
    var clientRequests: UInt64 = 0
    var clientFailures: UInt64 = 0

    var probesFailed: Int { before.failed + away.failed + returning.failed }
}
