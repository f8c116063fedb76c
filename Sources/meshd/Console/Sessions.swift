import HTTPTypes
import Logging
import Mesh
import Synchronization

/// Who is signed in on the admin port: tries secrets, makes tokens, and checks those that come back.
///
/// A session is a token in a cookie that scripts cannot read; nothing is kept here but failures.
final class Sessions: Sendable {
    /// A working day. Keys that are disabled end their sessions at once.
    private static let secondsMax: UInt64 = 8 * 3_600
    /// Each node has an admin token of its own, which the others do not know: its sessions hold by the mesh's secret.
    private static let unbound = Secret("")
    static let changeHeader: HTTPField.Name = HTTPField.Name("x-meshd-change")!

    /// A session that was checked.
    struct Signed: Sendable {
        var token: SessionToken
        /// What a change has to repeat.
        var changeMark: String
        var role: Role

        /// For the audit: an access key, or whose admin token it was.
        var who: String {
            switch token.subject {
            case .accessKey(let id): id
            case .bearer(let name): "the token of \(name)"
            }
        }
    }

    private let node: Node
    private let watch = Mutex(SignInGuard())

    init(node: Node) { self.node = node }

    // MARK: Signing in

    /// Tries it, and writes down how it ended.
    func signIn(_ asked: SignIn, from address: String, _ logger: Logger) async throws -> Signed {
        do {
            let signed = try await tried(asked, from: address, logger)
            node.events.note(AuditEntry.signIn(who: signed.who, from: address, outcome: "done"))
            return signed
        } catch {
            // What was typed may be a secret in the wrong field: only the name of a key that exists is written down.
            let key = asked.accessKey.flatMap { node.accessKeys.lookup($0) }?.id
            let who = key ?? (asked.token == nil ? "unknown" : "a token")
            node.events.note(AuditEntry.signIn(who: who, from: address, outcome: AdminError(error).fault.code))
            throw error
        }
    }

    private func tried(_ asked: SignIn, from address: String, _ logger: Logger) async throws -> Signed {
        let now = JSON.nowMillis()
        var names: [SignInGuard.Name] = [.address(address)]
        // Only keys that exist are remembered by name: others cost no memory.
        if let id = asked.accessKey, node.accessKeys.lookup(id) != nil { names.append(.key(id)) }
        let wait = watch.withLock { $0.wait(names, at: now) }
        guard wait == 0 else { throw AdminError.tooManyFailures(seconds: Int((wait + 999) / 1_000)) }
        guard let (subject, binding) = proven(asked) else {
            watch.withLock { $0.failed(names, at: now) }
            // What was typed may be a secret in the wrong field: only the name of a key that exists is logged.
            let key = names.count > 1 ? asked.accessKey ?? "" : "unknown"
            logger.warning("a sign-in failed", metadata: ["from": "\(address)", "key": "\(key)"])
            throw AdminError(.unauthorized, "bad_credentials", "this name and secret do not open the console")
        }
        watch.withLock { $0.succeeded(names) }
        guard let (_, role) = standing(of: subject) else {
            throw AdminError(.unauthorized, "session_over", "this access key was disabled at this moment")
        }
        guard let (epoch, secret) = try await node.mesh().sessionSecret() else { throw MeshError.stopped }
        let token = SessionToken(
            subject: subject,
            endsAt: now / 1_000 + Self.secondsMax,
            epoch: epoch,
            secret: secret,
            binding: binding
        )
        return Signed(token: token, changeMark: token.changeMark(secret: secret, binding: binding), role: role)
    }

    /// Who this is and by which secret; nil when the secret is wrong. A key that does not exist takes as long.
    private func proven(_ asked: SignIn) -> (SessionToken.Subject, Secret)? {
        if let given = asked.token {
            guard Secret(given).isEqual(to: node.adminToken) else { return nil }
            return (.bearer(node.name), Self.unbound)
        }
        guard let id = asked.accessKey, let given = asked.secretKey else { return nil }
        let key = node.accessKeys.lookup(id)
        let isRight = Secret(given).isEqual(to: key?.secret ?? node.adminToken)
        guard let key, isRight, !key.isDisabled, node.tenants.opens(key.tenancy) else { return nil }
        return (.accessKey(id), key.secret)
    }

    // MARK: Checking

    /// The session that a request carries; nil when it has none. Throws when it has one that does not hold.
    func session(of headers: HTTPFields) async throws -> Signed? {
        let name = try await cookieName()
        guard let text = Self.cookie(name, in: headers) else { return nil }
        guard let token = SessionToken(text), token.endsAt > JSON.nowMillis() / 1_000,
            let (_, secret) = try await node.mesh().sessionSecret(token.epoch),
            let (binding, role) = standing(of: token.subject),
            token.isGenuine(secret: secret, binding: binding)
        else { throw AdminError(.unauthorized, "session_over", "the session is over: sign in again") }
        return Signed(token: token, changeMark: token.changeMark(secret: secret, binding: binding), role: role)
    }

    /// What the subject's token is bound to, and what he may do now; nil when he may not come in any more.
    private func standing(of subject: SessionToken.Subject) -> (binding: Secret, role: Role)? {
        switch subject {
        case .accessKey(let id):
            guard let key = node.accessKeys.lookup(id), !key.isDisabled, node.tenants.opens(key.tenancy) else {
                return nil
            }
            return (key.secret, key.role ?? .user)
        case .bearer: return (Self.unbound, .admin)
        }
    }

    // MARK: The cookie

    /// Cookies do not know ports: each mesh has its own, so that two on one machine stay apart.
    private func cookieName() async throws -> String {
        let mesh = try await node.mesh().meshID()
        return "meshd-" + mesh.description.prefix(16)
    }

    private static func cookie(_ name: String, in headers: HTTPFields) -> String? {
        for field in headers[values: .cookie] {
            for pair in field.split(separator: ";") {
                let text = pair.drop { $0 == " " }
                if text.hasPrefix(name + "=") { return String(text.dropFirst(name.utf8.count + 1)) }
            }
        }
        return nil
    }

    /// The header that gives a page its session, or takes it away.
    func setCookie(_ signed: Signed?) async throws -> String {
        let age = signed == nil ? 0 : Self.secondsMax
        let secure = node.settings.adminTLS == nil ? "" : "; Secure"
        return try await cookieName() + "=\(signed?.token.text ?? ""); Path=/api/v1; Max-Age=\(age); HttpOnly; "
            + "SameSite=Strict\(secure)"
    }
}
