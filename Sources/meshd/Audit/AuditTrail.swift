import Foundation
import HTTPTypes
import Hummingbird
import Mesh

/// Writes down every change that comes through the admin API: who, from where, what, and how it ended. The command line
/// and the console come this way too.
struct AuditTrail: RouterMiddleware {
    /// A longer body has no details; it is not collected here, so that it goes on as a stream.
    private static let bodyBytesMax = 64 << 10

    let events: EventLog

    @concurrent
    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        let path = Self.path(of: request)
        guard AuditEntry.concerns(request.method, path, isPreview: try Self.isPreview(request)) else {
            return try await next(request, context)
        }
        var request = request
        var entry = AuditEntry(
            method: request.method,
            path: path,
            who: context.who,
            from: context.from,
            outcome: "done"
        )
        entry.details = await Self.details(of: &request, path)
        do {
            let response = try await next(request, context)
            if response.status.code >= 400 { entry.outcome = "\(response.status.code)" }
            events.note(entry.draft)
            return response
        } catch {
            let refusal = AdminError(error)
            entry.outcome = refusal.fault.code
            // What somebody wrote who may not do it is not worth keeping, and may be long.
            if refusal.status == .forbidden { entry.details = [] }
            events.note(entry.draft)
            throw error
        }
    }

    /// As the router reads it: slashes that are doubled or at the end make no other call.
    static func path(of request: Request) -> String {
        let path = request.uri.path.split(separator: "/").joined(separator: "/")
        return path.hasPrefix("api/v1/") ? String(path.dropFirst(7)) : path
    }

    /// Only asks what would happen. Throws for a word that could be meant so and is not understood: such a call must
    /// not be carried out.
    static func isPreview(_ request: Request) throws(AdminError) -> Bool {
        try isPreview(request.method, path(of: request), query: request.uri.query ?? "")
    }

    static func isPreview(
        _ method: HTTPRequest.Method,
        _ path: String,
        query: String
    ) throws(AdminError) -> Bool {
        let values = query.split(separator: "&").compactMap { part -> String? in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                $0.removingPercentEncoding ?? String($0)
            }
            return pair[0] == "dry-run" ? (pair.count > 1 ? pair[1] : "") : nil
        }
        guard let first = values.first else { return false }
        guard AuditEntry.hasPreview(method, path) else {
            throw AdminError(.badRequest, "invalid", "this call has no dry run: nothing was done")
        }
        guard values.count == 1, ["true", "1", "false"].contains(first) else {
            throw AdminError(.badRequest, "invalid", "dry-run is true or false: nothing was done")
        }
        return first != "false"
    }

    private static func details(of request: inout Request, _ path: String) async -> [(name: String, value: String)] {
        var found = request.uri.queryParameters.filter { AuditEntry.detailNames.contains(String($0.key)) }
            .map { (name: String($0.key), value: String($0.value)) }
        let isJSON = request.headers[.contentType]?.hasPrefix("application/json") == true
        guard isJSON, !path.hasSuffix("/object"),
            let length = request.headers[.contentLength].flatMap({ Int($0) }), length <= bodyBytesMax,
            let bytes = try? await request.collectBody(upTo: bodyBytesMax),
            let fields = try? JSON.value([String: Detail].self, from: Array(bytes.readableBytesView))
        else { return found }
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) where AuditEntry.detailNames.contains(name) {
            if let text = value.text { found.append((name, text)) }
        }
        return found
    }
}

/// A plain value of a request's JSON; what has parts of its own is left out.
private struct Detail: Decodable {
    private static let valuesMax = 8

    let text: String?

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let flag = try? value.decode(Bool.self) {
            text = flag ? "yes" : "no"
        } else if let number = try? value.decode(UInt64.self) {
            text = "\(number)"
        } else if let word = try? value.decode(String.self) {
            text = word
        } else if let words = try? value.decode([String].self) {
            text = words.prefix(Self.valuesMax).joined(separator: ",")
        } else {
            text = nil
        }
    }
}
