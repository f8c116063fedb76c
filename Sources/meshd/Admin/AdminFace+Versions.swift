import HTTPTypes
import Hummingbird
import Mesh
import NIOCore
import Store

/// `buckets/NAME/versions`
struct VersionsAnswer: Codable, Sendable {
    struct Line: Codable, Sendable {
        var version: String
        /// The one that readers get, or the marker that hides the others.
        var isLatest: Bool
        /// It says that the object was deleted.
        var isMarker: Bool
        var size: UInt64
        var millis: UInt64
        var etag: String
    }

    /// Newest first.
    var versions: [Line]
    /// There are older ones, which are not listed here.
    var isCut: Bool
}

/// `buckets/NAME/share`, POST.
struct NewShare: Codable, Sendable {
    var key: String
    var version: String?
    /// How long the link works: a minute to seven days; an hour when nothing is said.
    var seconds: UInt64?
    /// Where the receiver reaches S3, when that is not this node: `https://s3.example.com`.
    var endpoint: String?
}

struct ShareAnswer: Codable, Sendable {
    var url: String
    /// Unix seconds.
    var endsAt: UInt64
}

/// Versions of an object, and links to it, for a person with a browser.
extension AdminFace {
    private static let versionsMax = 200
    private static let shareSeconds: ClosedRange<UInt64> = 60...(7 * 86_400)

    func addVersions(to api: RouterGroup<AdminContext>) {
        api.get("buckets/:bucket/versions") { request, context in
            try await versions(bucket(of: context, for: .read), Self.key(request))
        }
        api.delete("buckets/:bucket/version") { request, context in
            let bucket = try await bucket(of: context, for: .write)
            guard let version = try Self.version(request) else { throw Self.noVersion }
            switch try await node.coordinator.commit(.deleteVersion(bucket.id, Self.key(request), version, .none)) {
            case .done, .noSuchKey: return try Self.yes(Nothing())
            case let other: throw Self.refusal(other, bucket)
            }
        }
        api.post("buckets/:bucket/restore") { request, context in
            let bucket = try await bucket(of: context, for: .write)
            guard let version = try Self.version(request) else { throw Self.noVersion }
            return try await restore(Self.key(request), version, in: bucket)
        }
        api.post("buckets/:bucket/share") { request, context in
            let share = try await Self.body(NewShare.self, of: request)
            let bucket = try await bucket(of: context, for: .read)
            return try Self.yes(try link(share, bucket, context, request.head.authority ?? ""))
        }
    }

    private static var noVersion: AdminError { AdminError(.badRequest, "invalid", "name a version: &version=V") }

    /// The version in a request's query; nil for the current one.
    static func version(_ request: Request) throws -> VersionSelector? {
        guard let text = request.uri.queryParameters["version"].map(String.init), !text.isEmpty else { return nil }
        guard let version = VersionID.parse(text) else {
            throw AdminError(.badRequest, "invalid", "no version is called so")
        }
        return version
    }

    private func versions(_ bucket: Bucket, _ key: Key) async throws -> Response {
        var query = VersionsQuery(bucket: bucket.id, limit: Self.versionsMax + 1)
        query.prefix = key.bytes
        let page = try await node.coordinator.listVersions(query)
        // Keys that only begin alike come behind all versions of this one.
        let lines = page.entries.compactMap { entry -> VersionsAnswer.Line? in
            guard case .version(let record, let isLatest) = entry, record.key == key else { return nil }
            return VersionsAnswer.Line(
                version: VersionID.text(of: record),
                isLatest: isLatest,
                isMarker: record.kind != .object,
                size: record.size,
                millis: record.modifiedMillis,
                etag: record.kind == .object ? record.etag.text : ""
            )
        }
        let isCut = lines.count > Self.versionsMax
        return try Self.yes(VersionsAnswer(versions: Array(lines.prefix(Self.versionsMax)), isCut: isCut))
    }

    // MARK: Restoring

    /// Writes the bytes of an older version as the newest one: nothing that came after it is lost.
    private func restore(_ key: Key, _ version: VersionSelector, in bucket: Bucket) async throws -> Response {
        let found = try await node.coordinator.find(bucket.id, key, version, body: true)
        guard let found, found.record.kind == .object else {
            throw AdminError(.notFound, "no_such_version", "there is no such version of \(key.text)")
        }
        let record = found.record
        try await admit(record.size, as: key, into: bucket)
        let body = try await copy(found, to: key, in: bucket)
        var attributes = try ObjectAttributes(of: record)
        // It is written here now, wherever it came from.
        attributes.origin = nil
        let draft = Draft(
            bucket: bucket.id,
            key: key,
            size: record.size,
            etag: record.etag,
            body: body,
            attributes: attributes.encoded,
            tags: record.tags
        )
        try await admit(record.size, as: key, into: bucket, orDiscard: body)
        switch try await node.coordinator.commit(.put(draft, .none)) {
        case .done(let record?, _):
            node.usage.took(MeshUsage(versions: 1, bytes: record.size), into: bucket)
            return try Self.yes(
                ObjectAnswer(key: key.text, size: record.size, etag: record.etag.text),
                status: .created
            )
        case let other: throw Self.refusal(other, bucket)
        }
    }

    private func copy(_ found: Found, to key: Key, in bucket: Bucket) async throws -> NewBody {
        let size = found.record.size
        if size == 0 { return .empty }
        if let bytes = found.inlineBody { return .inline(bytes) }
        let source = try await node.coordinator.openBody(of: found.record)
        let sink = try node.coordinator.makeBody(bucket.id, key)
        do {
            var offset: UInt64 = 0
            // The store wants full chunks; what is read may end earlier where the source's parts do.
            var chunk = ByteBuffer()
            while offset < size {
                let space = UInt64(BlobWriter.chunkBytes - chunk.readableBytes)
                var bytes = try await source.read(at: offset, limit: min(size, offset + space))
                offset += UInt64(bytes.readableBytes)
                chunk.writeBuffer(&bytes)
                if chunk.readableBytes == BlobWriter.chunkBytes, offset < size {
                    try await sink.append(chunk) { _ in }
                    chunk = ByteBuffer()
                }
            }
            return try await sink.finish(appending: chunk) { _ in }
        } catch {
            sink.discard()
            throw error
        }
    }

    // MARK: Links

    /// Signed here with the key of who is signed in: its secret never leaves the node, and the link may no more than it.
    private func link(_ share: NewShare, _ bucket: Bucket, _ context: AdminContext, _ host: String) throws
        -> ShareAnswer
    {
        guard let id = context.accessKey, let key = node.accessKeys.lookup(id), !key.isDisabled else {
            throw AdminError(
                .conflict,
                "no_access_key",
                "a link is signed with an access key: sign in with one instead of an admin token"
            )
        }
        guard (1...Key.bytesMax).contains(share.key.utf8.count) else {
            throw AdminError(.badRequest, "invalid", "a key has 1 to \(Key.bytesMax) bytes")
        }
        let seconds = share.seconds ?? 3_600
        guard Self.shareSeconds.contains(seconds) else {
            throw AdminError(.badRequest, "invalid", "a link works for a minute to seven days")
        }
        let version = try share.version.map { text in
            guard VersionID.parse(text) != nil else {
                throw AdminError(.badRequest, "invalid", "no version is called so")
            }
            return text
        }
        guard
            let endpoint = ShareEndpoint(
                share.endpoint,
                listen: node.faces.s3,
                askedAt: host,
                isTLS: node.settings.tls != nil
            )
        else {
            throw AdminError(.badRequest, "invalid", "an endpoint is http:// or https://, a host, and perhaps a port")
        }
        let now = JSON.nowMillis() / 1_000
        let name = key.tenant == nil ? bucket.name : BucketName.local(bucket.name)
        let path = "/" + name + "/" + PercentCoding.encode(share.key, keepSlash: true)
        let target = try S3Signer(accessKey: id, secret: key.secret.revealed, region: node.settings.region).presign(
            method: "GET",
            target: path + (version.map { "?versionId=\($0)" } ?? ""),
            host: endpoint.host,
            expires: seconds,
            now: now
        )
        return ShareAnswer(url: endpoint.scheme + "://" + endpoint.host + target, endsAt: now + seconds)
    }
}

/// Where the receiver of a link reaches S3.
struct ShareEndpoint: Sendable, Equatable {
    let scheme: String
    /// With its port unless that is the scheme's own, as browsers write it into Host.
    let host: String

    /// - Parameters:
    ///   - given: what the person said; nothing for this node's own S3 port.
    ///   - listen: where that is.
    ///   - askedAt: the host at which the admin port was asked: the same machine.
    init?(_ given: String?, listen: String, askedAt: String, isTLS: Bool) {
        guard let given = given.map({ $0.hasSuffix("/") ? String($0.dropLast()) : $0 }), !given.isEmpty else {
            guard let address = ListenAddress(listen) else { return nil }
            scheme = isTLS ? "https" : "http"
            let isWildcard = ["0.0.0.0", "::"].contains(address.host)
            let asked = ListenAddress(askedAt)?.host ?? askedAt
            let name = isWildcard && !asked.isEmpty ? asked : address.host
            let whole = ListenAddress(host: name, port: address.port).description
            // An IPv6 address keeps its brackets.
            host = address.port == Self.ownPort(scheme) ? String(whole.dropLast(":\(address.port)".count)) : whole
            return
        }
        guard let end = given.firstRange(of: "://")?.upperBound else { return nil }
        scheme = given[..<end].dropLast(3).lowercased()
        let rest = String(given[end...])
        let port = ListenAddress(rest)?.port
        let name = port == nil ? rest : ListenAddress(rest)?.host ?? ""
        guard scheme == "http" || scheme == "https", SettingKind.isHostName(name) || name.contains(":") else {
            return nil
        }
        guard let port, port == Self.ownPort(scheme) else {
            host = port == nil ? name : rest
            return
        }
        host = String(rest[..<(rest.lastIndex(of: ":") ?? rest.endIndex)])
    }

    private static func ownPort(_ scheme: String) -> Int { scheme == "http" ? 80 : 443 }
}
