/// Decides what is written down: numbers events, bounds how many a second, and what is kept.
///
/// A value without a clock. Each kind of source has an allowance of its own, so that whoever tries secrets all day, or
/// calls that he may not make, cannot push out what was done and seen. What was left out is counted, and told by an event
/// when there is room again.
package struct EventBook: Sendable {
    package struct Limits: Sendable {
        /// Roughly, as they are kept on the disk.
        package var bytesMax: Int
        package var ageMillisMax: UInt64

        package init(bytesMax: Int = 4 << 20, ageMillisMax: UInt64 = 30 * 86_400_000) {
            self.bytesMax = bytesMax
            self.ageMillisMax = ageMillisMax
        }
    }

    /// Who shares an allowance: events at once, and events a second after that.
    private enum Source: CaseIterable {
        case observed, changes, refusedChanges, signIns, refusedSignIns

        private var isSmall: Bool { self != .observed && self != .changes }
        var atOnce: Double { isSmall ? 60 : 300 }
        var perSecond: Double { isSmall ? 1 : 20 }

        init(_ draft: EventDraft) {
            switch draft.kind {
            // Who asks all day for what he may not do must not hide what was done.
            case .audit: self = draft.severity == .note ? .changes : .refusedChanges
            // Whoever guesses all day must not hide that somebody came in.
            case .signIn: self = draft.severity == .note ? .signIns : .refusedSignIns
            default: self = .observed
            }
        }

        var word: String {
            switch self {
            case .observed: "of what this node saw"
            case .changes: "of changes"
            case .refusedChanges: "of refused changes"
            case .signIns: "of sign-ins"
            case .refusedSignIns: "of refused sign-ins"
            }
        }
    }

    private struct Allowance {
        var left: Double
        var atMillis: UInt64
        var suppressed: UInt64 = 0
        var toldMillis: UInt64 = 0
    }

    /// Between two events that tell what was left out.
    private static let tellMillis: UInt64 = 10_000
    /// What an event costs beside its texts.
    private static let bytesPerEvent = 200

    private let nodeID: String
    private let node: String
    private let limits: Limits
    private var kept: [MeshEvent] = []
    /// The first that is still kept; those before it are removed now and then.
    private var head = 0
    private var bytes = 0
    private var allowances: [Source: Allowance] = [:]
    private var lastMillis: UInt64 = 0
    package private(set) var nextSequence: UInt64 = 1
    package private(set) var suppressed: UInt64 = 0
    /// Written down since the start, by severity.
    package private(set) var counts: [MeshEvent.Severity: UInt64] = [:]

    package init(nodeID: String, node: String, limits: Limits = Limits()) {
        self.nodeID = nodeID
        self.node = node
        self.limits = limits
    }

    package var count: Int { kept.count - head }
    package var newest: MeshEvent? { kept.last }

    /// What an earlier life of this node kept.
    package mutating func restore(_ events: [MeshEvent], nowMillis: UInt64) {
        kept = events.sorted { ($0.sequence, $0.millis) < ($1.sequence, $1.millis) }
        bytes = kept.reduce(0) { $0 + Self.bytes(of: $1) }
        nextSequence = (kept.last?.sequence ?? 0) + 1
        lastMillis = kept.last?.millis ?? 0
        forget(nowMillis)
    }

    /// The events to keep: the one that was told, after word of those that were left out before; none when it is too
    /// much.
    package mutating func note(_ draft: EventDraft, nowMillis: UInt64) -> [MeshEvent] {
        let source = Source(draft)
        var allowance = allowances[source] ?? Allowance(left: source.atOnce, atMillis: nowMillis)
        let passed = nowMillis > allowance.atMillis ? nowMillis - allowance.atMillis : 0
        allowance.left = min(source.atOnce, allowance.left + Double(passed) / 1_000 * source.perSecond)
        allowance.atMillis = nowMillis
        defer { allowances[source] = allowance }
        guard allowance.left >= 1 else {
            allowance.suppressed += 1
            suppressed += 1
            return []
        }
        allowance.left -= 1
        var events: [MeshEvent] = []
        if allowance.suppressed > 0, nowMillis >= allowance.toldMillis + Self.tellMillis {
            let many = Wording.count(allowance.suppressed, "event was", "events were")
            let text = "\(many) left out \(source.word): too many at once"
            events.append(add(EventDraft(.suppressed, .warning, text), nowMillis))
            allowance.suppressed = 0
            allowance.toldMillis = nowMillis
        }
        events.append(add(draft, nowMillis))
        forget(nowMillis)
        return events
    }

    private mutating func add(_ draft: EventDraft, _ nowMillis: UInt64) -> MeshEvent {
        // A clock that was set back must not change the order.
        lastMillis = max(lastMillis, nowMillis)
        let event = draft.event(sequence: nextSequence, millis: lastMillis, nodeID: nodeID, node: node)
        nextSequence += 1
        kept.append(event)
        bytes += Self.bytes(of: event)
        counts[event.severity, default: 0] += 1
        return event
    }

    static func bytes(of event: MeshEvent) -> Int {
        bytesPerEvent
            + [event.message, event.who, event.from, event.action, event.outcome, event.about].reduce(0) {
                $0 + ($1?.utf8.count ?? 0)
            }
    }

    private mutating func forget(_ nowMillis: UInt64) {
        while head < kept.count, bytes > limits.bytesMax || kept[head].millis + limits.ageMillisMax < nowMillis {
            bytes -= Self.bytes(of: kept[head])
            head += 1
        }
        guard head > 1_024, head > kept.count / 2 else { return }
        kept.removeFirst(head)
        head = 0
    }

    /// The newest that fit, newest first.
    package func page(_ query: EventQuery) -> EventPage {
        var search = EventSearch(query)
        while look(&search, most: .max) {}
        return search.page
    }

    /// Goes on with a search through at most so many events; false when it is over.
    func look(_ search: inout EventSearch, most: Int) -> Bool {
        var index = search.below.map(firstIndex(from:)) ?? kept.count
        var left = most
        while index > head, left > 0 {
            index -= 1
            left -= 1
            guard search.take(kept[index]) else { return false }
        }
        return index > head
    }

    /// The first kept event with this number or a higher one.
    private func firstIndex(from sequence: UInt64) -> Int {
        var (low, high) = (head, kept.count)
        while low < high {
            let middle = (low + high) / 2
            if kept[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
