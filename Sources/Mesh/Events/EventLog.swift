internal import FoundationEssentials
internal import Store
internal import Synchronization

/// The events of one node: in memory for whoever asks, and on the disk for the next life.
package final class EventLog: Sendable {
    private let book: Mutex<EventBook>
    private let disk: LineLog?
    private let clock: @Sendable () -> UInt64

    /// - Parameters:
    ///   - path: the folder; nil keeps nothing.
    ///   - clock: milliseconds since 1970.
    package init(
        _ path: String?,
        nodeID: String,
        node: String,
        limits: EventBook.Limits = EventBook.Limits(),
        clock: @escaping @Sendable () -> UInt64 = { WallClock.unixMillis }
    ) throws {
        self.clock = clock
        var book = EventBook(nodeID: nodeID, node: node, limits: limits)
        if let path {
            let decoder = JSONDecoder()
            let events = LineLog.read(path).compactMap { try? decoder.decode(MeshEvent.self, from: Data($0)) }
            book.restore(events, nowMillis: clock())
            disk = try LineLog(path, limits: .init(bytesMax: limits.bytesMax, ageMillisMax: limits.ageMillisMax))
        } else {
            disk = nil
        }
        self.book = Mutex(book)
    }

    /// Never blocks for longer than it takes to write a line into memory.
    package func note(_ draft: EventDraft) {
        let now = clock()
        let events = book.withLock { $0.note(draft, nowMillis: now) }
        for event in events { if let line = Self.line(event) { disk?.append(line) } }
    }

    /// Events looked at under one hold of the lock: who notes one waits for no whole search.
    private static let stepMax = 512

    package func page(_ query: EventQuery) -> EventPage {
        var search = EventSearch(query)
        while book.withLock({ $0.look(&search, most: Self.stepMax) }) {}
        return search.page
    }

    package var newest: MeshEvent? { book.withLock { $0.newest } }

    /// Left out because too many came at once, or because they could not be written.
    package var suppressed: UInt64 { book.withLock { $0.suppressed } + (disk?.dropped ?? 0) }
    package var counts: [MeshEvent.Severity: UInt64] { book.withLock { $0.counts } }

    /// Everything is on the disk when this returns. Blocks; once, at the end.
    package func close() { disk?.close() }

    /// One line of JSON, its names in order.
    package static func line(_ event: MeshEvent) -> [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(event)).map(Array.init)
    }
}
