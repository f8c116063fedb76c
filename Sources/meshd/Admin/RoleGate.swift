import HTTPTypes
import Hummingbird
import Mesh
import Store

/// Lets through whose role is enough for a call. It stands behind the audit: what was refused is written down, too.
struct RoleGate: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        let least = Self.least(request.method, AuditTrail.path(of: request))
        guard context.role >= least else {
            throw AdminError(
                .forbidden,
                "not_\(least.name)",
                "this call is for the role \(least.name): you are \(context.role.name)"
            )
        }
        return try await next(request, context)
    }

    /// Patterns of paths behind `/api/v1/`; `*` is any one part.
    private struct Call: Sendable {
        let method: HTTPRequest.Method
        let pattern: [Substring]

        init(_ method: HTTPRequest.Method, _ pattern: String) {
            (self.method, self.pattern) = (method, pattern.split(separator: "/"))
        }

        func matches(_ method: HTTPRequest.Method, _ parts: [Substring]) -> Bool {
            self.method == method && pattern.count == parts.count
                && zip(pattern, parts).allSatisfy { $0 == "*" || $0 == $1 }
        }
    }

    /// The least role for a call. What stands in no list is for admins.
    static func least(_ method: HTTPRequest.Method, _ path: String) -> Role {
        let parts = path.split(separator: "/")
        let asked = method == .head ? .get : method
        if viewers.contains(where: { $0.matches(asked, parts) }) { return .viewer }
        return operators.contains { $0.matches(asked, parts) } ? .operator : .admin
    }

    /// What tells no secret and changes nothing. Calls about what is in a bucket are open to every role, and judged by
    /// the grants of the key where the bucket is known.
    private static let viewers =
        [
            "status", "events", "events/export", "metrics/history", "stream", "keys", "keys/*", "buckets", "buckets/*",
            "cluster/activation", "cluster/health", "cluster/layout", "cluster/metrics", "cluster/movements",
            "cluster/nodes", "cluster/nodes/*", "cluster/repair", "cluster/ring", "cluster/status", "cluster/where",
            "mesh/agree", "mesh/decrees", "mesh/diff", "mesh/doctor", "mesh/keys", "mesh/members", "mesh/members/*",
            "mesh/why/*", "buckets/*/objects", "buckets/*/object", "buckets/*/versions",
        ].map { Call(.get, $0) } + [
            Call(.put, "buckets/*/object"), Call(.delete, "buckets/*/object"), Call(.delete, "buckets/*/version"),
            Call(.post, "buckets/*/restore"), Call(.post, "buckets/*/share"), Call(.put, "buckets/*/versioning"),
            Call(.delete, "buckets/*"),
        ]

    /// What a mesh needs from day to day.
    private static let operators =
        ["config"].map { Call(.get, $0) } + [
            Call(.post, "buckets"), Call(.put, "buckets/*/copies"), Call(.post, "mesh/probe"),
            Call(.patch, "cluster/nodes/*"), Call(.post, "cluster/repair/*"),
        ] + ["drain", "resume", "join", "remove", "forget", "replace"].map { Call(.post, "cluster/nodes/*/\($0)") }
}

extension AdminFace {
    /// The bucket that a call names, if who calls may do this to what is in it.
    func bucket(of context: AdminContext, for grant: Grant) async throws -> Bucket {
        try await bucket(context.parameters.require("bucket"), of: context, for: grant)
    }

    func bucket(_ name: String, of context: AdminContext, for grant: Grant) async throws -> Bucket {
        let bucket = try await bucket(name)
        guard context.role != .admin else { return bucket }
        let key = context.accessKey.flatMap { node.accessKeys.lookup($0) }
        guard key?.allows(grant, on: bucket.id) == true else {
            let right = grant.names.first ?? ""
            throw AdminError(
                .forbidden,
                "no_grant",
                "your access key has not the right \(right) on \(name): an admin grants it"
            )
        }
        return bucket
    }
}
