/// What one key may hold, given every write that was sent and every answer that came.
///
/// A write may be the value as long as no acknowledged write began after it was over. A write without an answer stays
/// possible, from its start until the daemon that took it is dead: then it has happened or never will. A read may see
/// what was possible when it began, or a write that began before it ended. That judges registers soundly (nothing that
/// is right is called wrong) though not completely: two reads in a row are not compared with each other.
struct KeyHistory {
    enum Content: Hashable, Sendable {
        case absent
        case object(Pattern)

        var isAbsent: Bool { self == .absent }
    }

    private struct Write {
        let operation: UInt64
        let content: Content
        let begin: UInt64
        /// When it was over; nil while it may still take effect.
        var end: UInt64?
    }

    /// How many past events of a key are kept to explain an anomaly.
    private static let eventsMax = 48

    private var writes = [Write(operation: 0, content: .absent, begin: 0, end: 0)]
    private var openReads: [UInt64: [Content]] = [:]
    private(set) var events: [String] = []

    /// Everything that a read that began now, with nothing in flight, might return.
    var possible: [Content] { writes.map(\.content) }

    mutating func beginWrite(_ operation: UInt64, _ content: Content, at now: UInt64, note: String) {
        writes.append(Write(operation: operation, content: content, begin: now, end: nil))
        for read in openReads.keys { openReads[read]?.append(content) }
        record(now, "\(note) \(operation) begins")
    }

    /// It was done: whatever was over before it began is history.
    mutating func acknowledge(_ operation: UInt64, at now: UInt64) {
        record(now, "\(operation) acknowledged")
        guard let index = writes.firstIndex(where: { $0.operation == operation }) else { return }
        writes[index].end = now
        let begin = writes[index].begin
        writes.removeAll { $0.end.map { $0 < begin } ?? false }
    }

    /// It was refused and never happened.
    mutating func refuse(_ operation: UInt64, at now: UInt64, note: String) {
        record(now, "\(operation) refused: \(note)")
        writes.removeAll { $0.operation == operation }
    }

    /// No answer came.
    mutating func lose(_ operation: UInt64, at now: UInt64, note: String) {
        record(now, "\(operation) unknown: \(note)")
    }

    /// The daemon is dead; what was in flight is decided.
    mutating func settle(at now: UInt64) {
        for index in writes.indices where writes[index].end == nil { writes[index].end = now }
        openReads.removeAll()
        record(now, "the daemon ends")
    }

    mutating func beginRead(_ read: UInt64, at now: UInt64) { openReads[read] = possible }

    /// What that read may have returned.
    mutating func endRead(_ read: UInt64) -> [Content] { openReads.removeValue(forKey: read) ?? possible }

    /// A read that had the key to itself saw this; nothing else is possible from now on.
    mutating func pin(_ content: Content, at now: UInt64) {
        guard let write = writes.first(where: { $0.content == content }) else { return }
        writes = [Write(operation: write.operation, content: content, begin: write.begin, end: now)]
        record(now, "read back as \(Self.name(content))")
    }

    mutating func record(_ now: UInt64, _ event: String) {
        if events.count >= Self.eventsMax { events.removeFirst(events.count - Self.eventsMax + 1) }
        events.append("\(now / 1000) µs  \(event)")
    }

    static func name(_ content: Content) -> String {
        switch content {
        case .absent: "nothing"
        case .object(let pattern): "the \(pattern.size) bytes of \(pattern.operation)"
        }
    }
}
