import HTTPTypes
import Hummingbird
import Logging
import Mesh

/// How a node that is alone is invited: what anybody may ask it, and what only its own operator sees.
extension AdminFace {
    /// Outside the gate: the code opens it.
    func addConsent(toOpen open: RouterGroup<AdminContext>) {
        let consent = open.group("consent")
        consent.get { _, _ in try await Self.yes(node.consentAnswer()) }
        consent.post("knock") { request, context in
            let knock = try await Self.plainJSON(ConsentKnock.self, of: request)
            return try Self.yes(node.knock(knock, from: context.from, Logger(label: "meshd")))
        }
        consent.post("prove") { request, context in
            let proof = try await Self.plainJSON(ConsentProof.self, of: request)
            return try Self.yes(node.prove(proof, from: context.from, Logger(label: "meshd")))
        }
        consent.post("token") { request, context in
            let token = try await Self.plainJSON(ConsentToken.self, of: request)
            return try Self.yes(node.take(token, from: context.from, Logger(label: "meshd")))
        }
        consent.post("end") { request, context in
            let end = try await Self.plainJSON(ConsentEnd.self, of: request)
            return try Self.yes(node.end(end, from: context.from, Logger(label: "meshd")))
        }
    }

    func addConsent(to api: RouterGroup<AdminContext>) {
        api.get("consent/code") { _, _ in
            guard let code = node.shownCode() else {
                let reason = node.reasonAgainstInviting ?? "the last code was tried too often: there is a new one soon"
                return try Self.yes(CodeAnswer(reason: reason))
            }
            return try Self.yes(
                CodeAnswer(code: code.text, endsAtMillis: code.endsAtMillis, triesLeft: code.triesLeft)
            )
        }
    }

    /// A body that a form of another site cannot send without asking first.
    private static func plainJSON<Value: Decodable>(_ type: Value.Type, of request: Request) async throws -> Value {
        guard request.headers[.contentType]?.hasPrefix("application/json") == true else {
            throw AdminError(.unsupportedMediaType, "not_json", "this call is JSON, and says so in Content-Type")
        }
        return try await message(type, of: request)
    }
}
