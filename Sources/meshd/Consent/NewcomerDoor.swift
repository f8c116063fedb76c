import Foundation
import Mesh
import NIOHTTP1

/// The admin face of a node that is to be invited, as the node that invites it sees it. It is told nothing that is
/// secret before it has proved to know the code.
struct NewcomerDoor: Sendable {
    private static let connectSeconds: Int64 = 5
    /// A small machine takes its time over a code.
    private static let answerSeconds = 15
    private static let portDefault = 9001
    /// Who answers is a stranger still; what he has to say is short.
    static let answerBytesMax = 64 << 10

    /// Who proved to know the code, and what is shared with it.
    struct Proven: Sendable {
        let knock: String
        let keys: CodeKeys
        /// What the end said of itself, bound by the code.
        let words: String

        /// Throws unless it is the one that gave this answer, which anybody could have given, before.
        func expect(_ answer: ConsentAnswer) throws {
            guard words == NewcomerDoor.words(name: answer.name, id: answer.id) else {
                throw CommandFailure("who knows the code is another node than the one that answered before")
            }
        }
    }

    let address: ListenAddress
    private let isTLS: Bool

    /// What an invited node says of itself in the exchange.
    static func words(name: String, id: String) -> String { "\(name) \(id)" }

    /// `HOST:PORT`, `HOST`, or a URL; nil for anything else.
    init?(_ text: String) {
        var rest = text.trimmingCharacters(in: .whitespaces)
        isTLS = rest.hasPrefix("https://")
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) { rest.removeFirst(scheme.count) }
        if rest.hasSuffix("/") { rest.removeLast() }
        if let address = ListenAddress(rest) {
            self.address = address
        } else if let address = ListenAddress(rest + ":\(Self.portDefault)") {
            self.address = address
        } else {
            return nil
        }
        guard address.port > 0 else { return nil }
    }

    /// As it is named again: with `https://` where the door needs it.
    var text: String { isTLS ? "https://\(address)" : address.description }

    var client: AdminClient {
        var client = AdminClient(road: .tcp(host: address.host, port: address.port, isTLS ? .tls : .none), token: nil)
        client.connectSeconds = Self.connectSeconds
        client.answerBytesMax = Self.answerBytesMax
        return client
    }

    func look(within seconds: Int = answerSeconds) async throws -> ConsentAnswer {
        try await within(seconds) { try await client.call(.GET, "consent", as: ConsentAnswer.self) }
    }

    /// Both ends prove to each other that they know the code. Throws when one does not.
    func prove(code: String, words: String) async throws -> Proven {
        guard let exchange = CodeExchange(code: Secret(code), isInviting: true, words: Array(words.utf8)) else {
            throw CommandFailure("no exchange begins with these words")
        }
        let knock = ConsentKnock(
            session: Hex.encode(exchange.session),
            message: Hex.encode(exchange.message),
            words: words
        )
        let reply = try await post("knock", knock, as: ConsentReply.self)
        guard let message = Hex.decode(reply.message.utf8),
            let keys = exchange.keys(with: message, words: Array(reply.words.utf8))
        else { throw CommandFailure("what the node answered is no exchange of a code") }
        let proof = ConsentProof(knock: reply.knock, proof: Hex.encode(keys.proof))
        let proven = try await post("prove", proof, as: ConsentProven.self)
        guard keys.isProof(Hex.decode(proven.proof.utf8) ?? []) else {
            throw CommandFailure("the node does not know the code itself: somebody else may answer in its place")
        }
        return Proven(knock: reply.knock, keys: keys, words: reply.words)
    }

    func hand(_ token: JoinToken, to proven: Proven) async throws {
        let sealed = ConsentToken(
            knock: proven.knock,
            sealed: Hex.encode(proven.keys.seal(Array(token.text.utf8)))
        )
        _ = try await post("token", sealed, as: ConsentEnded.self)
    }

    @discardableResult
    func end(_ word: ConsentEnd.Word, bond: Secret) async throws -> String {
        let end = ConsentEnd(word: word, mark: Hex.encode(CodeKeys.mark(word.rawValue, by: bond)))
        return try await post("end", end, as: ConsentEnded.self).message
    }

    private func post<Value: Codable & Sendable>(
        _ path: String,
        _ body: some Encodable & Sendable,
        as type: Value.Type
    ) async throws -> Value {
        let bytes = try JSON.bytes(body)
        return try await within(Self.answerSeconds) {
            try await client.call(.POST, "consent/" + path, body: bytes, as: Value.self)
        }
    }

    /// Somebody who says nothing does not hold up anybody.
    private func within<Value: Sendable>(
        _ seconds: Int,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { tasks in
            tasks.addTask { try await body() }
            tasks.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw CommandFailure("the node at \(address) does not answer", isDown: true)
            }
            defer { tasks.cancelAll() }
            guard let first = try await tasks.next() else { throw CancellationError() }
            return first
        }
    }
}
