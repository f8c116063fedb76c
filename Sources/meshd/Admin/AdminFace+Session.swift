import HTTPTypes
import Hummingbird
import Mesh

/// Signing in and out, for the console.
extension AdminFace {
    /// Outside the gate: this is the way in.
    func addSession(to open: RouterGroup<AdminContext>) {
        open.post("session") { request, context in
            // A form of another site cannot send this type without asking first.
            guard request.headers[.contentType]?.hasPrefix("application/json") == true else {
                throw AdminError(.unsupportedMediaType, "not_json", "a sign-in is JSON, and says so in Content-Type")
            }
            let asked = try await Self.body(SignIn.self, of: request)
            let signed = try await sessions.signIn(asked, from: context.from, context.logger)
            return try await answer(signed)
        }
        open.get("session") { request, _ in
            guard let signed = try await sessions.session(of: request.headers) else {
                throw AdminError(.unauthorized, "unauthorized", "nobody is signed in here")
            }
            return try await answer(signed)
        }
        open.delete("session") { request, _ in
            // A session that is over is signed out all the same; a living one only by its own page.
            if let signed = try? await sessions.session(of: request.headers),
                !AdminGate.repeats(signed.changeMark, request.headers)
            {
                throw AdminError(.forbidden, "no_change_mark", "a sign-out repeats the session's mark in a header")
            }
            var response = try Self.yes(Nothing())
            response.headers[.setCookie] = try await sessions.setCookie(nil)
            return response
        }
    }

    private func answer(_ signed: Sessions.Signed) async throws -> Response {
        let (kind, name) =
            switch signed.token.subject {
            case .accessKey(let id): ("accessKey", id)
            case .bearer(let name): ("token", name)
            }
        let key = kind == "accessKey" ? node.accessKeys.lookup(name) : nil
        var response = try Self.yes(
            SessionAnswer(
                kind: kind,
                name: name,
                role: signed.role.name,
                tenant: key?.tenant,
                tenantAdmin: key?.isTenantAdmin ?? false,
                createBuckets: signed.role >= .operator || key?.allowsCreatingBuckets == true,
                endsAt: signed.token.endsAt,
                changeMark: signed.changeMark,
                node: node.name,
                version: Meshd.version
            )
        )
        response.headers[.setCookie] = try await sessions.setCookie(signed)
        return response
    }
}
