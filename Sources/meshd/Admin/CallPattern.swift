import HTTPTypes

/// A method and a path behind `/api/v1/` in which `*` stands for any one part.
struct CallPattern: Sendable {
    /// Orders about a node's place: `cluster/nodes/*/drain` and so on. Each can be asked what it would do.
    static let nodeOrders = ["drain", "resume", "join", "remove", "forget", "replace"]

    private let method: HTTPRequest.Method
    private let parts: [Substring]

    init(_ method: HTTPRequest.Method, _ path: String) {
        (self.method, self.parts) = (method, path.split(separator: "/"))
    }

    /// What stands for the stars; nil when this is another call.
    func match(_ method: HTTPRequest.Method, _ path: [Substring]) -> [Substring]? {
        guard self.method == method, parts.count == path.count,
            zip(parts, path).allSatisfy({ $0 == "*" || $0 == $1 })
        else { return nil }
        return zip(parts, path).filter { $0.0 == "*" }.map(\.1)
    }
}
