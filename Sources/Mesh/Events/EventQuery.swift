/// Which events somebody asks for.
package struct EventQuery: Codable, Sendable, Equatable {
    /// Of one page.
    package static let limitMax = 500
    /// Of one page, roughly.
    package static let bytesMax = 512 << 10

    /// At least so grave.
    package var severity: MeshEvent.Severity?
    /// Of these kinds; empty: of all.
    package var kinds: [MeshEvent.Kind] = []
    package var sinceMillis: UInt64?
    package var untilMillis: UInt64?
    /// By the name of the node that noticed it or that it is about, or the first digits of the former's id.
    package var node: String?
    /// Somewhere in its words; capitals do not count.
    package var text: String?
    /// Only older ones than this place, or only newer ones; as `EventPlace` is written.
    package var before: String?
    package var after: String?
    package var limit = 100

    package init() {}
}

/// Some events, newest first.
package struct EventPage: Codable, Sendable, Equatable {
    package var events: [MeshEvent]
    /// There are older ones that fit too.
    package var hasMore: Bool

    package init(events: [MeshEvent], hasMore: Bool) {
        self.events = events
        self.hasMore = hasMore
    }

    /// One page of what several nodes answered.
    package static func merged(_ pages: [EventPage], limit: Int) -> EventPage {
        let all = pages.flatMap(\.events).sorted { $0.place > $1.place }
        // A node that had more than it gave hides nothing that is newer than the last that it gave.
        let floor = pages.filter(\.hasMore).compactMap { $0.events.last?.place }.max()
        let sure = floor.map { floor in all.prefix { $0.place >= floor } } ?? all[...]
        let isCut = sure.count > limit || sure.count < all.count || pages.contains(where: \.hasMore)
        return EventPage(events: Array(sure.prefix(limit)), hasMore: isCut)
    }
}

/// A query made ready for many events.
struct EventSieve {
    private let query: EventQuery
    private let kinds: Set<MeshEvent.Kind>
    private let text: String?
    private let node: String?
    private let before: EventPlace?
    private let after: EventPlace?

    init(_ query: EventQuery) {
        self.query = query
        kinds = Set(query.kinds)
        text = query.text.map { $0.lowercased() }
        node = query.node
        before = query.before.flatMap { EventPlace($0) }
        after = query.after.flatMap { EventPlace($0) }
    }

    /// Whether all from this time back are too old.
    func isOver(at millis: UInt64) -> Bool {
        max(after?.millis ?? 0, query.sinceMillis ?? 0) > millis
    }

    func lets(_ event: MeshEvent) -> Bool {
        // What costs little is asked first.
        if let since = query.sinceMillis, event.millis < since { return false }
        if let until = query.untilMillis, event.millis > until { return false }
        if let before, event.millis > before.millis || event.place >= before { return false }
        if let severity = query.severity, event.severity < severity { return false }
        if !kinds.isEmpty, !kinds.contains(event.kind) { return false }
        if let after, event.place <= after { return false }
        if let node, event.node != node, event.about != node, !(node.utf8.count >= 4 && event.nodeID.hasPrefix(node)) {
            return false
        }
        guard let text else { return true }
        return [event.message, event.who, event.from, event.action, event.outcome, event.node, event.about].contains {
            $0?.lowercased().contains(text) == true
        }
    }
}

/// A search through the events of one node that may be done in steps, so that nobody waits long for it.
struct EventSearch {
    private let sieve: EventSieve
    private let limit: Int
    private var bytes = 0
    private(set) var page = EventPage(events: [], hasMore: false)
    /// It goes on with the newest event whose number is lower; nil: with the newest of all.
    private(set) var below: UInt64?

    init(_ query: EventQuery) {
        sieve = EventSieve(query)
        limit = min(max(1, query.limit), EventQuery.limitMax)
    }

    /// Looks at one event, from the newest on; false when no other is needed.
    mutating func take(_ event: MeshEvent) -> Bool {
        below = event.sequence
        // Times of one node only grow.
        if sieve.isOver(at: event.millis) { return false }
        guard sieve.lets(event) else { return true }
        let more = EventBook.bytes(of: event)
        guard page.events.count < limit, page.events.isEmpty || bytes + more <= EventQuery.bytesMax else {
            page.hasMore = true
            return false
        }
        bytes += more
        page.events.append(event)
        return true
    }
}
