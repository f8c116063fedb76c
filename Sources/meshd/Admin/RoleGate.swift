import HTTPTypes
import Hummingbird
import Mesh

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
            throw Self.refusal(context.role, least)
        }
        return try await next(request, context)
    }

    static func refusal(_ role: Role, _ least: Role) -> AdminError {
        let sentence = "this call needs the role \(least.name); yours is \(role.name)"
        return AdminError(.forbidden, "not_\(least.name)", sentence)
    }

    /// The least role for a call. What stands in no list is for admins.
    static func least(_ method: HTTPRequest.Method, _ path: String) -> Role {
        let parts = path.split(separator: "/")
        let asked = method == .head ? .get : method
        let lists: [(Role, [CallPattern])] = [(.user, users), (.viewer, viewers), (.operator, operators)]
        return lists.first { $0.1.contains { $0.match(asked, parts) != nil } }?.0 ?? .admin
    }

    /// What is in buckets: open to every key, and judged by its grants where the bucket is known. Keys, which a tenant's
    /// admin has a part of: judged where the key is known.
    private static let users =
        ["buckets", "buckets/*", "buckets/*/objects", "buckets/*/object", "buckets/*/versions"].map {
            CallPattern(.get, $0)
        } + [
            CallPattern(.put, "buckets/*/object"), CallPattern(.delete, "buckets/*/object"),
            CallPattern(.delete, "buckets/*/version"),
            CallPattern(.post, "buckets/*/restore"), CallPattern(.post, "buckets/*/share"),
            CallPattern(.put, "buckets/*/versioning"), CallPattern(.put, "buckets/*/copies"),
            CallPattern(.delete, "buckets/*"), CallPattern(.post, "buckets"),
            CallPattern(.get, "keys"), CallPattern(.post, "keys"), CallPattern(.get, "keys/*"),
            CallPattern(.patch, "keys/*"), CallPattern(.delete, "keys/*"), CallPattern(.post, "keys/*/grant"),
            CallPattern(.post, "keys/*/revoke"),
        ]

    /// What tells no secret and changes nothing.
    private static let viewers = [
        "status", "events", "events/export", "metrics/history", "stream", "cluster/activation",
        "cluster/health", "cluster/layout", "cluster/metrics", "cluster/movements", "cluster/nodes", "cluster/nodes/*",
        "cluster/rehearsal", "cluster/repair", "cluster/ring", "cluster/status", "cluster/where", "mesh/agree",
        "mesh/decrees", "mesh/diff", "mesh/doctor", "mesh/doctor/all", "mesh/keys", "mesh/members", "mesh/members/*",
        "mesh/why/*", "replication", "replication/*", "tenants", "tenants/*",
    ].map { CallPattern(.get, $0) }

    /// What a mesh needs from day to day.
    private static let operators =
        ["config"].map { CallPattern(.get, $0) } + [
            CallPattern(.put, "buckets/*/quota"), CallPattern(.post, "buckets/*/move"),
            CallPattern(.post, "mesh/probe"),
            CallPattern(.patch, "cluster/nodes/*"), CallPattern(.post, "cluster/nodes/remove"),
            CallPattern(.post, "cluster/repair/*"),
            CallPattern(.post, "cluster/rehearsal"), CallPattern(.post, "replication"),
            CallPattern(.patch, "replication/*"), CallPattern(.delete, "replication/*"),
            CallPattern(.post, "replication/*/retry"), CallPattern(.post, "replication/*/resync"),
        ] + CallPattern.nodeOrders.map { CallPattern(.post, "cluster/nodes/*/\($0)") }
}
