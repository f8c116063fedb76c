/// A request without its body: all that signatures and routing look at.
package struct S3Head: Sendable {
    package var method: S3Method
    package let target: RequestTarget
    package var headers: HeaderTable

    package init(method: S3Method, target: RequestTarget, headers: HeaderTable) {
        self.method = method
        self.target = target
        self.headers = headers
    }

    /// `target` is the request line's, undecoded; `headers` include Host.
    package init(method: String, target: String, headers: HeaderTable) throws(S3Error) {
        self.init(method: S3Method(method), target: try RequestTarget(target), headers: headers)
    }

    /// Signers of presigned URLs may move `x-amz-` headers into the query; S3 reads them there. To be called after the
    /// signature was verified, for the query is what it covers.
    mutating func hoistQueryHeaders() {
        for item in target.items {
            let name = target.bytes[item.name]
            guard name.count > 6, ASCII.equalFolded(name.prefix(6), "x-amz-") else { continue }
            if Self.signatureNames.contains(where: { ASCII.equalFolded(name, $0) }) { continue }
            guard let value = PercentCoding.decode(target.bytes[item.value], plusIsBlank: true) else { continue }
            name.withUnsafeBufferPointer { name in
                value.withUnsafeBufferPointer { headers.append(name: name, value: $0) }
            }
        }
    }

    private static let signatureNames: [StaticString] = [
        "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature",
        "x-amz-content-sha256",
    ]
}

/// The methods that S3 knows; all others are refused with 405.
package enum S3Method: Hashable, Sendable {
    case get
    case head
    case put
    case post
    case delete
    case options
    case other(String)

    package init(_ text: String) {
        self =
            switch text {
            case "GET": .get
            case "HEAD": .head
            case "PUT": .put
            case "POST": .post
            case "DELETE": .delete
            case "OPTIONS": .options
            default: .other(text)
            }
    }

    package var text: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .put: "PUT"
        case .post: "POST"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other(let text): text
        }
    }
}
