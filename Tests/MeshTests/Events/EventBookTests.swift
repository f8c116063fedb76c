import Foundation
import Store
import Testing

@testable import Mesh

/// What is written down, what is left out, and what is found again.
@Suite struct EventBookTests {
    private static func book(_ limits: EventBook.Limits = EventBook.Limits(), node: String = "n1") -> EventBook {
        EventBook(nodeID: String(repeating: node.last.map(String.init) ?? "0", count: 32), node: node, limits: limits)
    }

    private static func draft(_ text: String, _ kind: MeshEvent.Kind = .member) -> EventDraft {
        EventDraft(kind, .note, text)
    }

    @Test("events are numbered without a gap, and a clock that is set back does not change their order")
    func order() {
        var book = Self.book()
        for (index, now) in [UInt64(5_000), 4_000, 9_000].enumerated() {
            #expect(book.note(Self.draft("\(index)"), nowMillis: now).map(\.sequence) == [UInt64(index + 1)])
        }
        let page = book.page(EventQuery())
        #expect(page.events.map(\.millis) == [9_000, 5_000, 5_000] && page.events.map(\.message) == ["2", "1", "0"])
    }

    @Test("too many at once are left out, counted, and told of when there is room again")
    func suppression() {
        var book = Self.book()
        var kept = 0
        for index in 0..<1_000 { kept += book.note(Self.draft("\(index)"), nowMillis: 1_000).count }
        #expect(kept == 300 && book.suppressed == 700)
        let later = book.note(Self.draft("later"), nowMillis: 61_000)
        #expect(later.map(\.kind) == [.suppressed, .member])
        #expect(later.first?.message == "700 events were left out of what this node saw: too many at once")
    }

    @Test("who tries secrets all day pushes out nothing of what membership saw")
    func sources() {
        var book = Self.book()
        for _ in 0..<500 { _ = book.note(EventDraft(.signIn, .warning, "no"), nowMillis: 1_000) }
        #expect(book.count == 60)
        #expect(book.note(Self.draft("MK1 signs in", .signIn), nowMillis: 1_000).count == 1)
        #expect(book.note(Self.draft("n2 is dead"), nowMillis: 1_000).count == 1)
        #expect(book.note(Self.draft("a change", .audit), nowMillis: 1_000).count == 1)
        // Nor does who asks all day for what he may not do.
        for _ in 0..<500 { _ = book.note(EventDraft(.audit, .warning, "not_operator"), nowMillis: 1_000) }
        #expect(book.count == 123)
        #expect(book.note(Self.draft("another change", .audit), nowMillis: 1_000).count == 1)
    }

    @Test("what is kept stays within its bytes and its age, the newest last")
    func bounds() {
        var book = Self.book(EventBook.Limits(bytesMax: 30_000, ageMillisMax: 3_600_000))
        for index in 0..<5_000 {
            _ = book.note(Self.draft("event number \(index)"), nowMillis: UInt64(index) * 100 + 1_000)
        }
        #expect(book.count > 100 && book.count * 200 <= 30_000)
        #expect(book.page(EventQuery()).events.first?.message == "event number 4999")
        _ = book.note(Self.draft("much later"), nowMillis: 10_000_000)
        #expect(book.count == 1)
    }

    @Test("severity, kind, time, node and text choose, and pages follow each other without a gap or a double")
    func queries() {
        var book = Self.book()
        for index in 0..<100 {
            var draft = EventDraft(
                index % 2 == 0 ? .member : .layout,
                index % 10 == 0 ? .error : .note,
                "Event \(index)"
            )
            draft.about = index % 3 == 0 ? "attic" : nil
            _ = book.note(draft, nowMillis: UInt64(1_000 + index))
        }
        func count(_ change: (inout EventQuery) -> Void) -> Int {
            var query = EventQuery()
            change(&query)
            return book.page(query).events.count
        }
        #expect(count { $0.severity = .warning } == 10)
        #expect(count { $0.kinds = [.layout] } == 50)
        #expect(count { $0.sinceMillis = 1_090 } == 10)
        #expect(count { $0.untilMillis = 1_009 } == 10)
        #expect(count { $0.node = "attic" } == 34)
        #expect(count { $0.node = "n1" } == 100)
        #expect(count { $0.text = "eVENT 9" } == 11)
        var seen: [UInt64] = []
        var query = EventQuery()
        query.limit = 7
        while true {
            let page = book.page(query)
            seen += page.events.map(\.sequence)
            guard page.hasMore else { break }
            query.before = page.events.last?.place.description
        }
        #expect(seen == Array((1...100).reversed()))
        query = EventQuery()
        query.after = book.page(EventQuery()).events[4].place.description
        #expect(book.page(query).events.count == 4)
    }

    @Test("pages of many nodes merge into one order, and nothing is missed between them")
    func merging() {
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        var books = (1...4).map { Self.book(node: "n\($0)") }
        var state = seed
        func draw(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        for index in 0..<240 { _ = books[Int(draw(4))].note(Self.draft("\(index)"), nowMillis: 1_000 + draw(50)) }
        var seen: [EventPlace] = []
        var query = EventQuery()
        query.limit = 11
        for _ in 0..<100 {
            let page = EventPage.merged(books.map { $0.page(query) }, limit: query.limit)
            seen += page.events.map(\.place)
            guard page.hasMore, let last = page.events.last else { break }
            query.before = last.place.description
        }
        #expect(seen.count == 240 && seen == seen.sorted(by: >) && Set(seen).count == 240, "seed \(seed)")
    }

    @Test("what a terminal would obey and what is too long does not get in")
    func plain() {
        var book = Self.book()
        let event = book.note(Self.draft("red \u{1B}[31m\n" + String(repeating: "x", count: 5_000)), nowMillis: 1)[0]
        #expect(!event.message.contains("\u{1B}") && !event.message.contains("\n") && event.message.utf8.count <= 1_024)
    }

    @Test("a search in steps finds what one of a piece finds, and pages are bounded by bytes")
    func steps() {
        var book = Self.book(EventBook.Limits(bytesMax: 8 << 20))
        for index in 0..<4_000 {
            let text = "event \(index) " + String(repeating: "x", count: 900)
            _ = book.note(Self.draft(text), nowMillis: UInt64(index) * 1_000 + 1)
        }
        var query = EventQuery()
        query.text = "event 39"
        for limit in [1, 50, 500] {
            query.limit = limit
            var search = EventSearch(query)
            var steps = 1
            while book.look(&search, most: 7) { steps += 1 }
            #expect(search.page == book.page(query) && steps > (limit == 500 ? 500 : 0))
        }
        query = EventQuery()
        query.limit = EventQuery.limitMax
        var seen = 0
        for _ in 0..<100 {
            let page = book.page(query)
            #expect(page.events.reduce(0) { $0 + EventBook.bytes(of: $1) } <= EventQuery.bytesMax)
            seen += page.events.count
            guard page.hasMore, let last = page.events.last else { break }
            query.before = last.place.description
        }
        #expect(seen == 4_000)
    }

    @Test("half a line of an earlier life swallows no event, and a life goes on in the last file")
    func halfLines() throws {
        let scratch = Folder()
        for round in 0..<3 {
            let log = try EventLog(scratch.path, nodeID: "00", node: "n1", clock: { 2 })
            #expect(log.page(EventQuery()).events.count == round)
            log.note(Self.draft("event \(round)"))
            log.close()
            let file = scratch.path + "/0000000001.jsonl"
            let bytes = try #require(try SmallFile.read(file))
            try SmallFile.write(bytes + Array("{half a li".utf8), to: file)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["0000000001.jsonl"])
    }

    @Test("of a file that is longer than is read the newest lines are there")
    func longFiles() throws {
        let scratch = Folder()
        try SmallFile.makeDirectory(scratch.path)
        let line = Array((String(repeating: "y", count: (1 << 20) - 1) + "\n").utf8)
        var bytes: [UInt8] = []
        for _ in 0..<65 { bytes += line }
        try SmallFile.write(bytes + Array("newest\n".utf8), to: scratch.path + "/0000000001.jsonl")
        let lines = LineLog.read(scratch.path)
        #expect(lines.count == 64 && lines.last == Array("newest".utf8))
    }

    @Test("a kind of a newer version is read as other")
    func otherKinds() throws {
        var book = Self.book()
        let line = try #require(EventLog.line(book.note(Self.draft("x"), nowMillis: 1)[0]))
        let text = String(decoding: line, as: UTF8.self).replacing("\"member\"", with: "\"weather\"")
        let scratch = Folder()
        let log = try EventLog(scratch.path, nodeID: "00", node: "n1")
        log.close()
        try SmallFile.write(Array((text + "\n{half a li").utf8), to: scratch.path + "/0000000009.jsonl")
        let again = try EventLog(scratch.path, nodeID: "00", node: "n1", clock: { 2 })
        #expect(again.page(EventQuery()).events.map(\.kind) == [.other])
        again.close()
    }

    @Test("events outlive the process, and their numbers go on")
    func restart() throws {
        let scratch = Folder()
        let first = try EventLog(scratch.path, nodeID: "ab", node: "n1", clock: { 5_000 })
        for index in 0..<50 { first.note(Self.draft("event \(index)")) }
        first.close()
        let second = try EventLog(scratch.path, nodeID: "ab", node: "n1", clock: { 6_000 })
        second.note(Self.draft("the fiftieth"))
        #expect(second.page(EventQuery()).events.map(\.sequence) == Array((1...51).reversed()))
        #expect(second.suppressed == 0)
        second.close()
    }

    @Test("the folder stays within its bytes, whatever comes")
    func folder() throws {
        let scratch = Folder()
        let limits = EventBook.Limits(bytesMax: 40_000)
        for round in 0..<6 {
            let log = try EventLog(scratch.path, nodeID: "ab", node: "n1", limits: limits, clock: { UInt64(round) })
            for index in 0..<200 { log.note(Self.draft("round \(round), event \(index)")) }
            log.close()
            #expect(try scratch.bytes() <= 40_000 + 64 << 10)
        }
        let log = try EventLog(scratch.path, nodeID: "ab", node: "n1", limits: limits, clock: { 9 })
        #expect(log.page(EventQuery()).events.first?.message == "round 5, event 199")
        log.close()
    }

    @Test("a table has no cell that a spreadsheet would run, and quotes what has commas")
    func tables() {
        #expect(EventTable.cell("=1+2") == "\"'=1+2\"" && EventTable.cell("@x") == "\"'@x\"")
        #expect(EventTable.cell("-x") == "\"'-x\"" && EventTable.cell("\tx") == "\"'\tx\"")
        #expect(EventTable.cell("a, \"b\"") == "\"a, \"\"b\"\"\"" && EventTable.cell("plain") == "\"plain\"")
        #expect(EventTable.cell("") == "\"\"")
        let accented = Array(EventTable.cell("=\u{301}a\"\u{301},=1").unicodeScalars)
        #expect(accented == Array("\"'=\u{301}a\"\"\u{301},=1\"".unicodeScalars))
    }
}

/// A folder that goes away with its test.
private final class Folder: Sendable {
    let path = NSTemporaryDirectory() + "events-" + UUID().uuidString

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func bytes() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: path).reduce(0) { sum, name in
            let values = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
            return sum + (values[.size] as? Int ?? 0)
        }
    }
}
