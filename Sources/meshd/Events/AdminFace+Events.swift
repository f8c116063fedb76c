import HTTPTypes
import Hummingbird
import Mesh
import NIOCore
import Swim

/// What happened, on this node or on all of them.
extension AdminFace {
    /// Pages of one export: the whole log of some nodes, and an end.
    private static let exportPagesMax = 400

    func addEvents(to api: RouterGroup<AdminContext>) {
        api.get("events") { request, context in try Self.yes(await events(EventWords(request, for: context.role))) }
        api.get("events/export") { request, context in
            let words = try EventWords(request, for: context.role)
            let format = request.uri.queryParameters["format"].map(String.init) ?? "jsonl"
            guard format == "jsonl" || format == "csv" else {
                throw AdminError(.badRequest, "invalid", "format is jsonl or csv")
            }
            return export(words, isTable: format == "csv")
        }
    }

    func events(_ words: EventWords) async -> EventsAnswer {
        var answer = EventsAnswer(events: [], of: [], silent: [], suppressed: node.events.suppressed)
        var pages: [EventPage] = []
        if words.isOfAll {
            let look = await ClusterBoard(node: node).look(asksOthers: false)
            let ids = look.facts.nodes.map(\.id)
            let answers = await node.ask(.events(words.query), of: ids)
            for id in ids {
                guard case .events(let page) = answers[id] else {
                    answer.silent.append(look.facts.name(of: id))
                    continue
                }
                pages.append(page)
                answer.of.append(look.facts.name(of: id))
            }
        } else {
            pages = [node.events.page(words.query)]
            answer.of = [node.name]
        }
        let page = EventPage.merged(pages, limit: words.query.limit)
        answer.events = page.events
        if page.hasMore { answer.next = page.events.last?.place.description }
        return answer
    }

    /// Everything that fits, newest first, page by page: as much memory as one page.
    private func export(_ words: EventWords, isTable: Bool) -> Response {
        let name = "meshd-events-\(node.name).\(isTable ? "csv" : "jsonl")"
        let body = ResponseBody { writer in
            var words = words
            words.query.limit = EventQuery.limitMax
            if isTable { try await writer.write(ByteBuffer(string: EventTable.header)) }
            var end = ExportEnd(isCut: true, silent: [])
            for _ in 0..<Self.exportPagesMax {
                let answer = await events(words)
                end.silent.formUnion(answer.silent)
                var bytes = ByteBuffer()
                for event in answer.events {
                    if isTable {
                        bytes.writeString(EventTable.row(event, time: JSON.date(millis: event.millis)))
                    } else if let line = EventLog.line(event) {
                        bytes.writeBytes(line + [0x0A])
                    }
                }
                if bytes.readableBytes > 0 { try await writer.write(bytes) }
                guard let next = answer.next else {
                    end.isCut = false
                    break
                }
                words.query.before = next
            }
            if let line = end.line(isTable: isTable) { try await writer.write(ByteBuffer(string: line)) }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: isTable ? "text/csv; charset=utf-8" : "application/x-ndjson",
                .contentDisposition: "attachment; filename=\"\(name)\"", .cacheControl: "no-store",
                .contentSecurityPolicy: "default-src 'none'; sandbox; frame-ancestors 'none'",
                .xContentTypeOptions: "nosniff",
            ],
            body: body
        )
    }
}

/// What is missing in an export, which must not look whole when it is not.
struct ExportEnd: Sendable {
    private struct Line: Codable {
        var cut: Bool
        var silent: [String]
    }

    /// There are older events than an export may have.
    var isCut: Bool
    /// Those who did not answer, on some page.
    var silent: Set<String>

    /// Nil: nothing is missing.
    func line(isTable: Bool) -> String? {
        guard isCut || !silent.isEmpty else { return nil }
        let names = silent.sorted()
        guard isTable else {
            return (try? JSON.bytes(Line(cut: isCut, silent: names))).map { String(decoding: $0, as: UTF8.self) + "\n" }
        }
        var sentences = names.map { "\($0) did not answer: its events are missing." }
        if isCut { sentences.append("There are older events: ask for a shorter time.") }
        return EventTable.note(sentences.joined(separator: " "))
    }
}
