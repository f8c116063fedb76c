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
            throw AdminError(
                .forbidden,
                "not_\(least.name)",
                "this call needs the role \(least.name); yours is \(context.role.name)"
            )
        }
        return try await next(request, context)
    }

    /// The least role for a call. What stands in no list is for admins.
    static func least(_ method: HTTPRequest.Method, _ path: String) -> Role {
        let parts = path.split(separator: "/")
        let asked = method == .head ? .get : method
        let lists: [(Role, [CallPattern])] = [(.user, users), (.viewer, viewers), (.operator, operators)]
        return lists.first { $0.1.contains { $0.match(asked, parts) != nil } }?.0 ?? .admin
    }

    /// What is in buckets: open to every key, and judged by its grants where the bucket is known.
    private static let users =
        ["buckets", "buckets/*", "buckets/*/objects", "buckets/*/object", "buckets/*/versions"].map {
            CallPattern(.get, $0)
        } + [
            CallPattern(.put, "buckets/*/object"), CallPattern(.delete, "buckets/*/object"),
            CallPattern(.delete, "buckets/*/version"),
            CallPattern(.post, "buckets/*/restore"), CallPattern(.post, "buckets/*/share"),
            CallPattern(.put, "buckets/*/versioning"), CallPattern(.put, "buckets/*/copies"),
            CallPattern(.delete, "buckets/*"),
        ]

    /// What tells no secret and changes nothing.
    private static let viewers = [
        "status", "events", "events/export", "metrics/history", "stream", "keys", "keys/*", "cluster/activation",
        "cluster/health", "cluster/layout", "cluster/metrics", "cluster/movements", "cluster/nodes", "cluster/nodes/*",
        "cluster/rehearsal", "cluster/repair", "cluster/ring", "cluster/status", "cluster/where", "mesh/agree",
        "mesh/decrees", "mesh/diff", "mesh/doctor", "mesh/doctor/all", "mesh/keys", "mesh/members", "mesh/members/*",
        "mesh/why/*", "replication", "replication/*",
    ].map { CallPattern(.get, $0) }

    /// What a mesh needs from day to day.
    private static let operators =
        ["config"].map { CallPattern(.get, $0) } + [
            CallPattern(.post, "buckets"), CallPattern(.post, "mesh/probe"),
            CallPattern(.patch, "cluster/nodes/*"), CallPattern(.post, "cluster/repair/*"),
            CallPattern(.post, "cluster/rehearsal"), CallPattern(.post, "replication"),
            CallPattern(.patch, "replication/*"), CallPattern(.delete, "replication/*"),
            CallPattern(.post, "replication/*/retry"), CallPattern(.post, "replication/*/resync"),
        ] + CallPattern.nodeOrders.map { CallPattern(.post, "cluster/nodes/*/\($0)") }
}
