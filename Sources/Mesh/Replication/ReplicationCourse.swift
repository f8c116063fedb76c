internal import Store
internal import Swim

/// Decides, for one rule on one node, which of the keys that wait are worked at, by whom, and when to rest. Pure: times
/// are milliseconds since 1970 by this node's clock.
struct ReplicationCourse {
    struct Settings: Sendable {
        /// Keys on their way to the target at once.
        var atOnce = 4
        /// The first holder of a key works at it. When it has been away so long the next one does: what the first one sent
        /// before it went away is there by then.
        var standInMillis: UInt64 = 30_000
        /// A key that waits longer than this with somebody who is not to work at it is told to whoever is.
        var handMillis: UInt64 = 20_000
        /// The first rest after a failure; each one after it is twice as long.
        var restMillis: UInt64 = 1_000
        var restMaxMillis: UInt64 = 300_000
        var keyRestMillis: UInt64 = 10_000
        var keyRestMaxMillis: UInt64 = 3_600_000
        /// Keys in trouble that are remembered; with more the rule rests, because something else is wrong.
        var troublesMax = 1_000

        init() {}
    }

    enum Duty: Equatable {
        case work
        case wait
        /// Somebody else is to work at it, and has had time enough.
        case hand(NodeID)
    }

    private struct Trouble {
        var times: Int
        var untilMillis: UInt64
    }

    private let settings: Settings
    private var troubles: [Key: Trouble] = [:]
    private var failures = 0
    /// Since when nodes are away, of those that would be asked before this one.
    private var awaySince: [NodeID: UInt64] = [:]
    /// Others are told of keys behind this one, from then on.
    private var handedKey: Key?
    private var handFromMillis: UInt64 = 0
    /// The target is left alone until then.
    private(set) var restUntilMillis: UInt64 = 0

    init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    /// Who works at a key that was queued then. `keepers`: those that keep its bytes, in the order of their slots.
    mutating func duty(
        queuedMillis: UInt64,
        keepers: [NodeID],
        own: NodeID,
        isUsable: (NodeID) -> Bool,
        nowMillis: UInt64
    ) -> Duty {
        let age = nowMillis > queuedMillis ? nowMillis - queuedMillis : 0
        var isPatient = true
        for node in keepers {
            if node == own { return isPatient ? .work : .wait }
            guard !isUsable(node) else {
                awaySince[node] = nil
                return age >= settings.handMillis ? .hand(node) : .wait
            }
            let since = awaySince[node] ?? nowMillis
            awaySince[node] = since
            if nowMillis < since + settings.standInMillis { isPatient = false }
        }
        return .wait
    }

    /// Whether a key that failed may be tried again.
    func admits(_ key: Key, nowMillis: UInt64) -> Bool {
        guard let trouble = troubles[key] else { return true }
        return trouble.untilMillis <= nowMillis
    }

    func rests(nowMillis: UInt64) -> Bool { nowMillis < restUntilMillis }

    /// How many keys failed for themselves and wait for another try.
    var troublesCount: Int { troubles.count }

    mutating func succeeded(_ key: Key) {
        troubles[key] = nil
        failures = 0
        restUntilMillis = 0
    }

    /// - Parameter key: nil: whatever it was, it was none of a key, and the next one would fare no better.
    mutating func failed(_ key: Key?, _ failure: ReplicationFailure, nowMillis: UInt64) {
        guard let key, !failure.isOfTarget else { return rest(nowMillis) }
        // The target answered: what is wrong is the key.
        failures = 0
        let times = (troubles[key]?.times ?? 0) + 1
        guard troubles[key] != nil || troubles.count < settings.troublesMax else { return rest(nowMillis) }
        let rest = Self.rest(settings.keyRestMillis, times: times, most: settings.keyRestMaxMillis)
        troubles[key] = Trouble(times: times, untilMillis: nowMillis + rest)
    }

    private mutating func rest(_ nowMillis: UInt64) {
        // What was under way together fails together, and counts once.
        guard !rests(nowMillis: nowMillis) else { return }
        failures += 1
        restUntilMillis =
            nowMillis + Self.rest(settings.restMillis, times: failures, most: settings.restMaxMillis)
    }

    /// Somebody changed the rule, or asks for a try now.
    mutating func hurry() {
        failures = 0
        restUntilMillis = 0
        troubles = [:]
    }

    private static func rest(_ first: UInt64, times: Int, most: UInt64) -> UInt64 {
        min(most, first << UInt64(min(times - 1, 20)))
    }

    /// Whether another one is told now that this key waits here.
    func mayHand(_ key: Key, nowMillis: UInt64) -> Bool {
        nowMillis >= handFromMillis && handedKey.map { $0 < key } ?? true
    }

    /// Others were told of keys up to this one. When they knew them all, as while a target is away, the rest is for later:
    /// what they settle they will say. When not, something got lost, and the next page follows at once.
    /// - Parameter key: nil: nobody took any.
    mutating func handed(upTo key: Key?, fresh: Int, nowMillis: UInt64) {
        handedKey = key ?? handedKey
        if fresh == 0 { handFromMillis = nowMillis + settings.handMillis }
    }

    /// A pass came to its end: the next round begins with the first key, after a while if there was anything to tell.
    mutating func passed(nowMillis: UInt64) {
        guard handedKey != nil, nowMillis >= handFromMillis else { return }
        handedKey = nil
        handFromMillis = nowMillis + settings.handMillis
    }

    // MARK: When

    private static let idleMillis: UInt64 = 1_000
    /// A pass over much that is for others takes no more of the time than one part in so many.
    private static let idleShare: UInt64 = 20

    /// When the next pass over the queue begins.
    static func nextPass(
        _ schedule: ReplicationRule.Schedule,
        begunMillis: UInt64,
        endedMillis: UInt64,
        foundWork: Bool
    ) -> UInt64 {
        switch schedule {
        case .interval(let seconds): return begunMillis + UInt64(seconds) * 1_000
        case .continuous:
            if foundWork { return endedMillis }
            let took = endedMillis > begunMillis ? endedMillis - begunMillis : 0
            return endedMillis + max(idleMillis, took * idleShare)
        }
    }
}
