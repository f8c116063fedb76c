import NIOHTTP1

/// What an answer, or none, says about whether a request took effect.
enum Outcome: Sendable {
    /// 2xx: it did. 404, 412: what was asked for was not so.
    case answered(HTTPResponse)
    /// It did not, and will not.
    case withoutEffect(String)
    /// It did, will, or never does.
    case unknown(String)

    /// A status of `takes` is a definite answer to this request.
    static func of(_ result: Result<HTTPResponse, HTTPFailure>, _ takes: Set<Int> = []) -> Outcome {
        switch result {
        case .success(let response):
            switch response.status {
            case 200..<300, 404, 412: .answered(response)
            case let status where takes.contains(status) && !Self.isConflict(response): .answered(response)
            case _ where response.headers["x-mesh-effect"].first == "none":
                .withoutEffect("\(response.status) \(response.text.prefix(300))")
            // Asked wrongly, or refused before it was looked at.
            case 400, 401, 403, 405, 411, 413, 416, 501:
                .withoutEffect("\(response.status) \(response.text.prefix(300))")
            default: .unknown("\(response.status) \(response.text.prefix(300))")
            }
        // No connection, so nobody has seen it.
        case .failure(.refused(let why)): .withoutEffect("never sent: \(why)")
        case .failure(let failure): .unknown("\(failure)")
        }
    }

    /// In a few words.
    var text: String {
        switch self {
        case .answered(let response): "\(response.status)"
        case .withoutEffect(let why): "nothing done: \(why)"
        case .unknown(let why): "unknown: \(why)"
        }
    }

    /// Others were at it at the same time; one may try again.
    static func isConflict(_ response: HTTPResponse) -> Bool {
        response.status == 409
            && ["ConditionalRequestConflict", "OperationAborted"].contains { response.text.contains("<Code>\($0)<") }
    }
}

/// One request through one node, and when.
struct Reply: Sendable {
    let node: Int
    let begin: UInt64
    let end: UInt64
    let outcome: Outcome

    var response: HTTPResponse? {
        if case .answered(let response) = outcome { response } else { nil }
    }

    var status: Int? { response?.status }

    /// When it was over for whoever orders events: an unknown outcome never is.
    var isUnknown: Bool {
        if case .unknown = outcome { true } else { false }
    }
}
