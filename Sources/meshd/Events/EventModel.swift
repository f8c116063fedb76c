import Foundation
import HTTPTypes
import Hummingbird
import Mesh

/// The values of the calls about events.

/// `events`
struct EventsAnswer: Codable, Sendable {
    /// Newest first.
    var events: [MeshEvent]
    /// Where the next page begins: to be given as `before`. Nothing on the last one.
    var next: String?
    /// The names of those whose events these are, and of members that did not answer.
    var of: [String]
    var silent: [String]
    /// Events of the node that was asked which were left out since its start, because they were too many at once.
    var suppressed: UInt64
}

/// The stream's event `events`: the place of each node's newest one.
struct EventMarks: Codable, Sendable {
    struct Mark: Codable, Sendable {
        var node: String
        var newest: String
    }

    var nodes: [Mark]

    init(conditions: [NodeCondition]) {
        nodes = conditions.compactMap { condition in
            condition.newestEvent.map { Mark(node: condition.name, newest: $0) }
        }
    }
}

/// A query as it stands behind the `?` of a call.
struct EventWords {
    static let textBytesMax = 256

    var query = EventQuery()
    /// Of all nodes, not only of the one that is asked.
    var isOfAll = false

    init() {}

    /// Throws a sentence for what it does not understand, and for what this role may not read.
    init(_ request: Request, for role: Role) throws(AdminError) {
        for (name, value) in request.uri.queryParameters {
            try take(String(name), String(value))
        }
        try narrow(to: role)
    }

    /// Who did what names objects and keys: that is for admins.
    mutating func narrow(to role: Role) throws(AdminError) {
        guard role != .admin else { return }
        let asked = query.kinds.isEmpty ? MeshEvent.Kind.allCases : query.kinds
        query.kinds = asked.filter { $0 != .audit && $0 != .signIn }
        guard !query.kinds.isEmpty else {
            throw AdminError(.forbidden, "not_admin", "only admins may read the kinds audit and sign-in")
        }
    }

    private static func no(_ what: String) -> AdminError { AdminError(.badRequest, "invalid", what) }

    mutating func take(_ name: String, _ value: String) throws(AdminError) {
        guard value.utf8.count <= Self.textBytesMax else { throw Self.no("\(name) is too long") }
        guard !value.isEmpty else { return }
        switch name {
        case "severity":
            guard let severity = MeshEvent.Severity(rawValue: value) else {
                throw Self.no("severity is note, warning or error, and means that and worse")
            }
            query.severity = severity
        case "kind":
            query.kinds = []
            for word in value.split(separator: ",") {
                guard let kind = MeshEvent.Kind(rawValue: String(word)) else {
                    throw Self.no("kind is of \(MeshEvent.Kind.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                query.kinds.append(kind)
            }
        case "since": query.sinceMillis = try Self.moment(value, name)
        case "until": query.untilMillis = try Self.moment(value, name)
        case "node": query.node = value
        case "text": query.text = value
        case "before", "after":
            guard EventPlace(value) != nil else { throw Self.no("\(name) is a place that an answer gave") }
            if name == "before" { query.before = value } else { query.after = value }
        case "limit":
            guard let limit = Int(value), (1...EventQuery.limitMax).contains(limit) else {
                throw Self.no("limit is 1 to \(EventQuery.limitMax)")
            }
            query.limit = limit
        case "of":
            guard value == "all" || value == "self" else { throw Self.no("of is self or all") }
            isOfAll = value == "all"
        case "format": break
        default: throw Self.no("events are not asked for by \(name)")
        }
    }

    /// `2026-11-21T04:05:06Z`, milliseconds since 1970, or a span before now such as `15m`.
    static func moment(_ text: String, _ name: String) throws(AdminError) -> UInt64 {
        if let millis = UInt64(text), text != "0" { return millis }
        if let span = SettingKind.millis(of: text) { return JSON.nowMillis() - min(span, JSON.nowMillis()) }
        if let date = try? Date(text, strategy: .iso8601), date.timeIntervalSince1970 >= 0,
            date.timeIntervalSince1970 < 1e11
        {
            return UInt64(date.timeIntervalSince1970 * 1_000)
        }
        throw no("\(name) is a time such as 2026-11-21T04:05:06Z, or a span such as 15m or 24h")
    }
}
