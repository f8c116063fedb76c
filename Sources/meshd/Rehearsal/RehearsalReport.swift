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
        case back
        case done
    }

    enum Verdict: String, Codable, Sendable {
        /// No request failed, of the conductor or of a client, and the node has all that it missed.
        case passed
        case failed
        /// It was ended before there was anything to say, and the node is back or comes back by itself.
        case brokenOff = "broken-off"
    }

    /// The conductor's own requests of one phase.
    struct Requests: Codable, Sendable, Equatable {
        var count = 0
        var failed = 0
        /// The slower half took longer; 0 without any.
        var medianMillis = 0.0
        var slowestMillis = 0.0
    }

    struct Failure: Codable, Sendable, Equatable {
        /// Since the node fell silent; nil: before that.
        var millis: Int64?
        /// `PUT`, `GET`, `LIST` or `DELETE`.
        var operation: String
        var error: String
    }

    /// All failures are counted, the first ones told.
    static let failuresMax = 20

    var id: String
    /// Who played dead.
    var node: String
    var nodeID: String
    /// Who conducted it and sent the requests.
    var conductor: String
    var seconds: Int
    var startedMillis: UInt64
    var endedMillis: UInt64?
    var phase = Phase.before
    var verdict: Verdict?
    /// What there is to say now, for people.
    var sentence = ""
    var before = Requests()
    var away = Requests()
    var back = Requests()
    var failures: [Failure] = []
    /// Since the node fell silent: when the conductor suspected it, declared it dead, saw it alive again, and when
    /// nothing waited for it any more.
    var suspectedMillis: Int64?
    var deadMillis: Int64?
    var backMillis: Int64?
    var equalMillis: Int64?
    /// The most objects that waited for it at once.
    var hintsMax = 0
    /// What clients asked meanwhile of the other nodes that could be asked before and after, and what of that was
    /// answered with a status of 500 or more.
    var clientRequests: UInt64 = 0
    var clientFailures: UInt64 = 0
}
