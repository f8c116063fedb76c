import HTTPTypes
import Hummingbird
import Logging
import Mesh
import Store

/// The admin port: health, metrics and `/api/v1`, described in docs/openapi.yaml.
struct AdminFace: Sendable {
    let node: Node
    let sessions: Sessions
    private let pulse: ConsolePulse

    init(node: Node) {
        self.node = node
        sessions = Sessions(node: node)
        pulse = ConsolePulse(node: node)
    }

    func responder() -> some HTTPResponder<AdminContext> {
        let router = Router(context: AdminContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: FaultEnvelope())
        router.get("health/live") { _, _ in Self.text("alive\n") }
        router.get("health/ready") { _, _ in
            node.isReady ? Self.text("ready\n") : Self.text("not ready\n", status: .serviceUnavailable)
        }
        router.get("metrics") { request, _ in
            let mesh = try? await node.mesh().counters()
            let facts = await ClusterBoard(node: node).look(asksOthers: false).facts
            let page = MetricsPage(
                node: node,
                mesh: mesh,
                facts: facts,
                namesBuckets: AdminGate.showsToken(request, of: node)
            )
            return Self.text(page.text, type: "text/plain; version=0.0.4; charset=utf-8")
        }
        ConsoleFiles.add(to: router)
        addSession(to: router.group("api/v1"))
        addConsent(toOpen: router.group("api/v1"))
        let api = router.group("api/v1").add(middleware: BodyFirst())
            .add(middleware: AdminGate(node: node, sessions: sessions))
            .add(middleware: AuditTrail(events: node.events))
            .add(middleware: RoleGate())
        addStatus(to: api)
        addEvents(to: api)
        addHistory(to: api)
        addBuckets(to: api)
        addKeys(to: api)
        addTenants(to: api)
        addMesh(to: api)
        addCluster(to: api)
        addOrders(to: api)
        addObjects(to: api)
        addVersions(to: api)
        addPackages(to: api)
        addConsent(to: api)
        addDiscovery(to: api)
        addActivation(to: api)
        addRehearsal(to: api)
        addReplication(to: api)
        ConsoleStream(pulse: pulse, sessions: sessions).add(to: api)
        return router.buildResponder()
    }

    // MARK: Answers

    private static func text(
        _ text: String,
        status: HTTPResponse.Status = .ok,
        type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json", .cacheControl: "no-store", .xContentTypeOptions: "nosniff"],
            body: .init(byteBuffer: ByteBuffer(bytes: try JSON.bytes(value)))
        )
    }

    static func yes<Value: Codable & Sendable>(_ value: Value, status: HTTPResponse.Status = .ok) throws -> Response {
        try json(Envelope(success: true, data: value, error: nil), status: status)
    }

    /// The JSON in a request's body: small and of known fields, or refused. A field that is null is left out.
    static func body<Value: Codable>(_ type: Value.Type, of request: Request) async throws -> Value {
        let bytes = try await bytes(of: request)
        let value = try value(type, in: bytes)
        guard let stray = try? JSON.strayField(in: bytes, of: value) else { throw badJSON }
        guard stray.isEmpty else {
            throw AdminError(.badRequest, "bad_json", "this call knows no field \(stray.prefix(80))")
        }
        return value
    }

    /// The same from a node, which may be of a newer build and say more.
    static func message<Value: Decodable>(_ type: Value.Type, of request: Request) async throws -> Value {
        try await value(type, in: bytes(of: request))
    }

    private static func bytes(of request: Request) async throws -> [UInt8] {
        var request = request
        return Array(try await takeIn(&request).readableBytesView)
    }

    /// The whole body of a request, which is small, or refused.
    @discardableResult
    static func takeIn(_ request: inout Request) async throws -> ByteBuffer {
        do { return try await request.collectBody(upTo: 64 << 10) } catch {
            throw AdminError(.contentTooLarge, "too_large", "the request body is longer than 64 KiB or was cut off")
        }
    }

    private static func value<Value: Decodable>(_ type: Value.Type, in bytes: [UInt8]) throws -> Value {
        do { return try JSON.value(type, from: bytes) } catch { throw badJSON }
    }

    private static var badJSON: AdminError {
        AdminError(.badRequest, "bad_json", "the request body is not the JSON that this call expects")
    }
}

/// A call that was refused or failed, as the caller sees it.
struct AdminError: Error, Sendable {
    let status: HTTPResponse.Status
    let fault: Fault
    /// When it makes sense to ask again.
    private(set) var retrySeconds: Int?

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.fault = Fault(code: code, message: message)
    }

    /// Parts of the request are wrong; all of them are told at once.
    init(fields: [FieldFault]) {
        status = .unprocessableContent
        let what = fields.map { "\($0.field): \($0.message)" }.joined(separator: "; ")
        fault = Fault(code: "invalid_fields", message: what, fields: fields)
    }

    /// Too many wrong secrets came before this one.
    static func tooManyFailures(seconds: Int) -> AdminError {
        var error = AdminError(
            .tooManyRequests,
            "too_many_failures",
            "too many wrong secrets: wait \(seconds) s before the next try"
        )
        error.retrySeconds = seconds
        return error
    }

    /// The one table from the rooms' errors to the admin API's.
    init(_ error: any Error) {
        switch error {
        case let error as AdminError: self = error
        case AccessError.noSuchKey(let id): self.init(.notFound, "no_such_key", "there is no access key \(id)")
        case AccessError.keyExists(let id): self.init(.conflict, "key_exists", "there is an access key \(id) already")
        case AccessError.invalid(let what): self.init(.badRequest, "invalid", what)
        case AccessError.busy(let id): self.init(.conflict, "busy", "\(id) was changed by others at the same time")
        case RegisterError.missing(let name): self.init(.notFound, "not_found", "there is no \(name)")
        case RegisterError.exists(let name): self.init(.conflict, "exists", "there is a \(name) already")
        case RegisterError.busy(let name):
            self.init(.conflict, "busy", "\(name) was changed by others at the same time")
        case ReplicationError.noSuchRule(let id):
            self.init(.notFound, "no_such_rule", "there is no replication rule \(id)")
        case ReplicationError.invalid(let what): self.init(.badRequest, "invalid", what)
        case ReplicationError.busy: self.init(.conflict, "busy", "the rule was changed by others at the same time")
        case StoreError.diskFull(let free):
            self.init(
                .init(code: 507, reasonPhrase: "Insufficient Storage"),
                "disk_full",
                "the disk is too full for writes: \(free) bytes are free"
            )
        case StoreError.overloaded, StoreError.closed, StoreError.notSole:
            self.init(.serviceUnavailable, "unavailable", "the node cannot take the change now; try again")
        case let error as MeshError: self.init(error)
        case let error as CoordinatorError: self.init(error)
        case let error as any HTTPResponseError where error.status.code < 500:
            self.init(error.status, "http_\(error.status.code)", error.status.reasonPhrase)
        default:
            self.init(.internalServerError, "internal", "the node failed; its log says why")
        }
    }

    private init(_ error: CoordinatorError) {
        switch error {
        case .quorumLost(let answered, let all, let effect):
            let end = effect == .none ? "nothing was changed" : "whether it took effect is not known"
            self.init(
                .serviceUnavailable,
                effect == .none ? "no_quorum" : "unknown_effect",
                "\(answered) of \(all) holders answered, too few: \(end)"
            )
        case .contended: self.init(.conflict, "busy", "others changed the same thing all the time; try again")
        case .bucketClosing: self.init(.conflict, "bucket_closing", "the bucket is being deleted")
        case .alone: self.init(.serviceUnavailable, "no_quorum", "all other nodes left meanwhile; nothing was changed")
        case .notMember:
            self.init(.serviceUnavailable, "not_member", "this node was removed from its mesh: ask another one")
        case .unsupported(let asked):
            self.init(.badRequest, "invalid", "this call cannot be answered with the consistency \(asked.rawValue)")
        }
    }

    private init(_ error: MeshError) {
        switch error {
        case .unknownNode(let what): self.init(.notFound, "no_such_node", what)
        case .unreachable(let what): self.init(.badGateway, "unreachable", what)
        case .invalid(let what): self.init(.badRequest, "invalid", what)
        case .badDecree(let what): self.init(.badRequest, "bad_decree", what)
        case .badToken(let what): self.init(.badRequest, "bad_token", what)
        case .stopped: self.init(.conflict, "left", "this node has left its mesh; it returns when it is started again")
        case .unusable(let what), .cannotListen(let what), .notAdmitted(let what):
            self.init(.internalServerError, "mesh", what)
        }
    }
}

/// Turns every error into the envelope that every answer has.
private struct FaultEnvelope: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let answer = AdminError(error)
            if answer.status == .internalServerError {
                context.logger.error("an admin call failed", metadata: ["error": "\(error)"])
            }
            let envelope = Envelope<Nothing>(success: false, data: nil, error: answer.fault)
            var response = try AdminFace.json(envelope, status: answer.status)
            if let seconds = answer.retrySeconds { response.headers[.retryAfter] = String(seconds) }
            return response
        }
    }
}
