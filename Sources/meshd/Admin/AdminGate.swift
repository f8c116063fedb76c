import Glibc
import HTTPTypes
import Hummingbird
import Mesh
import NIOCore

/// What the admin face knows of a request beside its head and body.
struct AdminContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Who asks, as far as the network tells: an IPv4 address, the first half of an IPv6 one (a household has all of
    /// it), or `socket`.
    let from: String
    /// Who this is, once the gate knows.
    var who = "unknown"
    /// Nothing for who came with an admin token.
    var accessKey: String?
    /// The least one until the gate knows who calls.
    var role = Role.user

    init(source: Source) {
        coreContext = .init(source: source)
        from = Self.text(of: source.channel.remoteAddress)
    }

    /// How IPv6 addresses begin that stand for IPv4 ones.
    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    static func text(of address: SocketAddress?) -> String {
        guard let address, let ip = address.ipAddress else { return "socket" }
        guard case .v6 = address else { return ip }
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, ip, &bytes) == 1 else { return ip }
        // An IPv4 address in IPv6's clothes is one of many behind the same prefix.
        return bytes.prefix(12).elementsEqual(mapped) ? ip : Hex.encode(bytes.prefix(8))
    }
}

/// Takes in a request's body before anybody asks who sends it. A body takes as long as its sender likes, and what he may
/// do is what he may do when it is here. Objects are the exception: they are as large as they like, too.
struct BodyFirst: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        guard !(request.method == .put && request.uri.path.hasSuffix("/object")) else {
            return try await next(request, context)
        }
        var request = request
        try await AdminFace.takeIn(&request)
        return try await next(request, context)
    }
}

/// Lets through who knows the admin token, and who is signed in. The comparison takes the same time for every wrong one.
struct AdminGate: RouterMiddleware {
    let node: Node
    let sessions: Sessions

    @concurrent
    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        if let given = request.headers[.authorization] {
            guard given.hasPrefix("Bearer ") else { throw Self.nobody }
            guard Self.showsToken(request, of: node) else {
                node.events.note(AuditEntry.signIn(who: "a token", from: context.from, outcome: "unauthorized"))
                throw AdminError(.unauthorized, "unauthorized", "the admin token is not that of this node")
            }
            var context = context
            context.who = "the token of \(node.name)"
            context.role = .admin
            return try await next(request, context)
        }
        guard let signed = try await sessions.session(of: request.headers) else { throw Self.nobody }
        // A browser sends the cookie by itself; the mark it sends only when the console's own script says so.
        guard request.method == .get || request.method == .head || Self.repeats(signed.changeMark, request.headers)
        else {
            throw AdminError(.forbidden, "no_change_mark", "a change by cookie repeats the session's mark in a header")
        }
        var context = context
        context.who = signed.who
        context.role = signed.role
        if case .accessKey(let id) = signed.token.subject { context.accessKey = id }
        return try await next(request, context)
    }

    /// Whether a request carries the admin token of this node.
    static func showsToken(_ request: Request, of node: Node) -> Bool {
        guard let given = request.headers[.authorization], given.hasPrefix("Bearer ") else { return false }
        return Secret(String(given.dropFirst(7))).isEqual(to: node.adminToken)
    }

    static func repeats(_ mark: String, _ headers: HTTPFields) -> Bool {
        Secret(headers[Sessions.changeHeader] ?? "").isEqual(to: Secret(mark))
    }

    private static var nobody: AdminError {
        AdminError(.unauthorized, "unauthorized", "this call needs the header Authorization: Bearer TOKEN")
    }
}
