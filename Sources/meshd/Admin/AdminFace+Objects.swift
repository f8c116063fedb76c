import HTTPTypes
import Hummingbird
import Mesh
import NIOCore
import Store

/// Objects, for a person with a browser: lists, one object down, one object up, one object gone.
///
/// Programs use the S3 port; both take the same road behind it.
extension AdminFace {
    /// One page of a list: a screen and a bit.
    private static let pageMax = 200
    /// What S3 allows in one PUT.
    private static let bytesMax: UInt64 = 5 << 30

    func addObjects(to api: RouterGroup<AdminContext>) {
        api.get("buckets/:bucket/objects") { request, context in
            try await listObjects(bucket(of: context, for: .read), request)
        }
        api.get("buckets/:bucket/object") { request, context in
            try await sendObject(
                bucket(of: context, for: .read),
                Self.key(request),
                Self.version(request) ?? .current
            )
        }
        api.put("buckets/:bucket/object") { request, context in
            try await takeObject(bucket(of: context, for: .write), Self.key(request), request)
        }
        api.delete("buckets/:bucket/object") { request, context in
            let (bucket, key) = (try await bucket(of: context, for: .write), try Self.key(request))
            switch try await node.coordinator.commit(.delete(bucket.id, key, .none)) {
            case .done, .noSuchKey: return try Self.yes(Nothing())
            case let other: throw Self.refusal(other, bucket)
            }
        }
    }

    /// The key in a request's query.
    static func key(_ request: Request) throws -> Key {
        let bytes = Array(text("key", of: request).utf8)
        guard (1...Key.bytesMax).contains(bytes.count) else {
            throw AdminError(.badRequest, "invalid", "name a key of 1 to \(Key.bytesMax) bytes: ?key=K")
        }
        return Key(bytes)
    }

    private static func text(_ name: String, of request: Request) -> String {
        request.uri.queryParameters[name[...]].map(String.init) ?? ""
    }

    /// Throws when an object of so many bytes is beyond the quota of the bucket, or of its tenant (`QuotaGate`).
    func admit(_ bytes: UInt64, as key: Key, into bucket: Bucket, orDiscard body: NewBody? = nil) async throws {
        let sentence = try await node.quotaGate.objection(toBytes: bytes, as: key, in: bucket, orDiscard: body)
        if let sentence { throw AdminError(.forbidden, "quota_exceeded", sentence) }
    }

    static func refusal(_ outcome: Outcome, _ bucket: Bucket) -> AdminError {
        switch outcome {
        case .noSuchBucket:
            AdminError(.notFound, "no_such_bucket", "there is no bucket \(BucketName.local(bucket.name))")
        case .noSuchKey, .noSuchVersion: AdminError(.notFound, "no_such_version", "there is no such version")
        default: AdminError(.internalServerError, "internal", "the store answered \(outcome)")
        }
    }

    // MARK: Lists

    private func listObjects(_ bucket: Bucket, _ request: Request) async throws -> Response {
        var query = ListQuery(bucket: bucket.id, limit: Self.pageMax)
        query.prefix = Array(Self.text("prefix", of: request).utf8)
        query.delimiter = [UInt8(ascii: "/")]
        let after = Self.text("after", of: request)
        if !after.isEmpty { query.after = Array(after.utf8) }
        guard query.prefix.count <= Key.bytesMax, after.utf8.count <= Key.bytesMax else {
            throw AdminError(.badRequest, "invalid", "a key has at most \(Key.bytesMax) bytes")
        }
        let page = try await node.coordinator.list(query)
        var answer = ObjectsAnswer(folders: [], objects: [])
        for entry in page.entries {
            switch entry {
            case .commonPrefix(let prefix):
                answer.folders.append(String(decoding: prefix, as: UTF8.self))
                answer.next = answer.folders.last
            case .object(let record):
                answer.objects.append(
                    .init(
                        key: record.key.text,
                        size: record.size,
                        millis: record.modifiedMillis,
                        etag: record.etag.text
                    )
                )
                answer.next = record.key.text
            }
        }
        if !page.isTruncated { answer.next = nil }
        return try Self.yes(answer)
    }

    // MARK: Down

    private func sendObject(_ bucket: Bucket, _ key: Key, _ version: VersionSelector) async throws -> Response {
        let found = try await node.coordinator.find(bucket.id, key, version, body: true)
        guard let found, found.record.kind == .object else {
            throw AdminError(.notFound, "no_such_object", "there is no object \(key.text) in \(bucket.name)")
        }
        let size = found.record.size
        var response = Response(status: .ok, headers: Self.downloadHeaders(key))
        guard size > 0 else { return response }
        if let bytes = found.inlineBody {
            response.body = .init(byteBuffer: bytes)
            return response
        }
        let source = try await node.coordinator.openBody(of: found.record)
        // Read before the head goes out: damage that shows at once is an error, damage that shows later a cut.
        let first = try await source.read(at: 0, limit: size)
        response.body = ResponseBody(contentLength: Int(size)) { writer in
            var chunk = first
            var offset: UInt64 = 0
            while true {
                offset += UInt64(chunk.readableBytes)
                try await writer.write(chunk)
                if offset >= size { break }
                chunk = try await source.read(at: offset, limit: size)
            }
            try await writer.finish(nil)
        }
        return response
    }

    /// Whatever an object holds, a browser saves it and runs nothing of it here.
    private static func downloadHeaders(_ key: Key) -> HTTPFields {
        let name = key.text.split(separator: "/").last.map(String.init) ?? "object"
        return [
            .contentType: "application/octet-stream",
            .contentDisposition: "attachment; filename*=UTF-8''" + encoded(name),
            .contentSecurityPolicy: "default-src 'none'; sandbox; frame-ancestors 'none'",
            .xContentTypeOptions: "nosniff",
            .cacheControl: "no-store",
        ]
    }

    /// Letters and digits as they are, all other bytes by their numbers.
    private static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { out, byte in
            let scalar = Unicode.Scalar(byte)
            let isPlain = byte < 0x80 && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            if isPlain { out.unicodeScalars.append(scalar) } else { out += "%" + Hex.encode([byte]) }
        }
    }

    // MARK: Up

    private func takeObject(_ bucket: Bucket, _ key: Key, _ request: Request) async throws -> Response {
        guard let length = request.headers[.contentLength].flatMap(UInt64.init), length <= Self.bytesMax else {
            throw AdminError(
                .contentTooLarge,
                "too_large",
                "an upload says its length, at most 5 GiB; larger ones go through the S3 port in parts"
            )
        }
        try await admit(length, as: key, into: bucket)
        let digest = BodyDigest(checksum: nil, sha256: false)
        let body = try await Self.receive(request, length, digest, inline: node.settings.store.inlineBytesMax) {
            try node.coordinator.makeBody(bucket.id, key)
        }
        let result = digest.finish()
        guard result.size == length else {
            node.coordinator.discard(body, bucket.id, key)
            throw AdminError(.badRequest, "cut_off", "the upload was cut off after \(result.size) of \(length) bytes")
        }
        var attributes = ObjectAttributes()
        attributes.contentType = request.headers[.contentType].flatMap { $0.isEmpty || $0.utf8.count > 255 ? nil : $0 }
        let draft = Draft(
            bucket: bucket.id,
            key: key,
            size: length,
            etag: ETag(md5: result.md5),
            body: body,
            attributes: attributes.encoded,
            tags: []
        )
        try await admit(length, as: key, into: bucket, orDiscard: body)
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

    /// Reads a body to its end, small ones into memory and large ones to where they will stay.
    private static func receive(
        _ request: Request,
        _ length: UInt64,
        _ digest: BodyDigest,
        inline inlineBytesMax: Int,
        _ makeBody: () throws -> BodySink
    ) async throws -> NewBody {
        if length <= UInt64(inlineBytesMax) {
            let all = try await request.body.collect(upTo: inlineBytesMax)
            digest.update(all)
            return all.readableBytes == 0 ? .empty : .inline(all)
        }
        let sink = try makeBody()
        do {
            var chunk = ByteBuffer()
            for try await var bytes in request.body {
                while bytes.readableBytes > 0 {
                    if chunk.readableBytes == BlobWriter.chunkBytes {
                        try await sink.append(chunk) { digest.update($0) }
                        chunk = ByteBuffer()
                    }
                    let space = BlobWriter.chunkBytes - chunk.readableBytes
                    if var slice = bytes.readSlice(length: min(space, bytes.readableBytes)) {
                        chunk.writeBuffer(&slice)
                    }
                }
            }
            return try await sink.finish(appending: chunk) { digest.update($0) }
        } catch {
            sink.discard()
            throw error
        }
    }
}
