import Mesh

extension S3Error {
    /// What a client is told when holders could not agree in time. `x-mesh-effect` says whether a change may have
    /// happened all the same: `none` may be repeated blindly, `unknown` may not.
    init(_ error: CoordinatorError) {
        switch error {
        case .quorumLost(let answered, let count, let effect):
            self.init(
                .serviceUnavailable,
                "Only \(answered) of the \(count) nodes that hold this answered. Please retry.",
                [.init("Answered", String(answered)), .init("Holders", String(count))]
            )
            headers = [.init("x-mesh-effect", effect.rawValue), .init("Retry-After", "1")]
        case .contended(let effect):
            self.init(.conditionalRequestConflict)
            headers = [.init("x-mesh-effect", effect.rawValue)]
        case .bucketClosing(let effect):
            self.init(.operationAborted, "The bucket is being deleted. Try again.")
            headers = [.init("x-mesh-effect", effect.rawValue)]
        case .alone:
            self.init(.slowDown)
            headers = [.init("x-mesh-effect", CoordinatorError.Effect.none.rawValue), .init("Retry-After", "1")]
        case .notMember: self = .notMember
        case .unsupported(let consistency):
            self = .unsupported(.header, "x-mesh-consistency: \(consistency.rawValue)")
        }
    }
}

extension S3Error {
    /// What a node answers that was removed from its mesh: what it knows, its keys too, may be old.
    static var notMember: S3Error {
        var error = S3Error(.serviceUnavailable, "This node was removed from its mesh. Please ask another one.")
        error.headers = [.init("x-mesh-effect", "none")]
        return error
    }
}

extension S3Error {
    /// What a node answers while it plays dead; clients that retry, or ask another node, lose nothing.
    static func playingDead(seconds: Int) -> S3Error {
        var error = S3Error(.serviceUnavailable, "This node plays dead for a rehearsal. Please ask another one.")
        error.headers = [.init("x-mesh-effect", "none"), .init("Retry-After", "\(seconds)")]
        return error
    }
}

extension Consistency {
    /// What the request's header asks for; nil: nothing.
    init?(asked headers: HeaderTable) throws(S3Error) {
        guard let text = headers.string("x-mesh-consistency") else { return nil }
        guard let known = Consistency(rawValue: text) else {
            throw S3Error.argument("x-mesh-consistency", text, "Known are one, quorum and all.")
        }
        self = known
    }
}
