package import NIOCore
internal import Store

/// Where a rule sends to: one bucket of some S3 store. The driver is behind HTTP; tests have one of their own.
package protocol ReplicationTarget: Sendable {
    /// What the bucket is called among all meshes (`ReplicationOrigin.place`); nil: it belongs to none. Throws when it cannot
    /// be reached, or the key may not look at it.
    func place() async throws(ReplicationFailure) -> String?
    /// What is there under a key; nil: nothing.
    func look(_ key: String) async throws(ReplicationFailure) -> TargetObject?
    func put(_ object: OutgoingObject) async throws(ReplicationFailure)
    /// - Parameter origin: whoever deleted it, and when.
    func delete(_ key: String, _ origin: ReplicationOrigin) async throws(ReplicationFailure)
}

/// Why something did not get to its target.
package enum ReplicationFailure: Error, Sendable, Equatable {
    /// Nobody answers there, or not in time.
    case unreachable(String)
    /// The target refuses everything: no such bucket, no such key, no right, or it fails itself.
    case refused(String)
    /// This one object is refused.
    case object(String)
    /// The target had it before, or has something newer: there is nothing to do.
    case superseded
    /// It cannot be read here.
    case source(String)

    /// Whether it is of no use to try the next key.
    package var isOfTarget: Bool {
        switch self {
        case .unreachable, .refused: true
        case .object, .superseded, .source: false
        }
    }

    /// For people.
    package var sentence: String {
        switch self {
        case .unreachable(let what): "the target cannot be reached: \(what)"
        case .refused(let what): "the target refuses: \(what)"
        case .object(let what): "the target refuses this object: \(what)"
        case .superseded: "the target has something newer"
        case .source(let what): "it cannot be read here: \(what)"
        }
    }
}

/// An object on its way.
package struct OutgoingObject: Sendable {
    package let key: String
    package let size: UInt64
    /// The MD5 of its bytes, if that is known; nil: it was put together from parts.
    package let md5: [UInt8]?
    /// What describes it: names in lower case.
    package let headers: [(name: String, value: String)]
    /// As the header `x-amz-tagging` wants them; nil: none.
    package let tagging: String?
    package let origin: ReplicationOrigin
    /// At least one byte from an offset on, never past the limit.
    package let read: @Sendable (_ offset: UInt64, _ limit: UInt64) async throws -> ByteBuffer
}

/// What a target has.
package struct TargetObject: Sendable, Equatable {
    package var size: UInt64
    /// Without quotes.
    package var etag: String
    package var origin: ReplicationOrigin?
    package var tagsCount: Int
    /// Content type and user metadata: names in lower case.
    package var headers: [String: String]

    package init(size: UInt64, etag: String, origin: ReplicationOrigin?, tagsCount: Int, headers: [String: String]) {
        self.size = size
        self.etag = etag
        self.origin = origin
        self.tagsCount = tagsCount
        self.headers = headers
    }

    /// Whether nothing would change by sending it. In doubt it is sent.
    func equals(_ object: OutgoingObject) -> Bool {
        // The number of tags says nothing of what they are.
        guard size == object.size, object.tagging == nil, tagsCount == 0 else { return false }
        let isSameBody = object.md5.map { md5 in etag == md5.withUnsafeBytes { Hex.encode($0) } }
        // Two writes may be of one millisecond; what went in parts has a tag of its own.
        if let origin { return origin.isSameWrite(as: object.origin) && (etag.contains("-") || isSameBody ?? true) }
        guard isSameBody == true else { return false }
        return object.headers.allSatisfy { headers[$0.name] == $0.value }
    }
}
