import Mesh
import NIOCore
import Store

/// CopyObject and UploadPartCopy: bytes from one version into another, without the client.
extension S3Exchange {
    func copyObject(_ source: CopySource) async throws {
        guard source.range == nil else { throw S3Error.unsupported(.header, "x-amz-copy-source-range") }
        let target = try await bucket(for: .write)
        let condition = try WriteConditions.precondition(headers)
        let (sourceBucket, found) = try await sourceVersion(source)
        let record = found.record
        guard record.size <= Self.putBytesMax else {
            throw S3Error(
                .invalidRequest,
                "The specified copy source is larger than the maximum allowable size for a copy source: 5 GiB. Copy it in parts."
            )
        }
        try await admit(record.size, into: target)
        let replacesMetadata = try Directive(headers, "x-amz-metadata-directive") == .replace
        let replacesTags = try Directive(headers, "x-amz-tagging-directive") == .replace
        let isSelf = sourceBucket.id == target.id && source.key == objectKey && source.version == .current
        if isSelf && !replacesMetadata && target.versioning == .off {
            throw S3Error(
                .invalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                    + "object's metadata, storage class, website redirect location or encryption attributes."
            )
        }
        let old = try ObjectAttributes(of: record)
        var attributes = replacesMetadata ? try ObjectAttributes(headers) : old
        let tags = replacesTags ? try TagSet(in: headers).encoded : record.tags
        if !replacesTags, headers.contains("x-amz-tagging") {
            throw S3Error(.invalidArgument, "x-amz-tagging needs x-amz-tagging-directive: REPLACE.")
        }

        let algorithm = try ChecksumRequest(headers).algorithm ?? old.checksum?.algorithm
        let received = try await copied(found, 0..<record.size, algorithm, into: target)
        attributes.checksum = received.checksum
        // A copy is written here, wherever its source comes from.
        attributes.origin = nil
        let draft = Draft(
            bucket: target.id,
            key: objectKey,
            size: received.size,
            etag: received.etag,
            body: received.body,
            attributes: attributes.encoded,
            tags: tags
        )
        try await admit(received.size, into: target, orDiscard: received.body)
        let new = try added(await coordinator.commit(.put(draft, condition), asked), to: target)
        var head = head(200)
        versionHeader(new, in: target, &head)
        if sourceBucket.versioning != .off { head.add("x-amz-copy-source-version-id", VersionID.text(of: record)) }
        var xml = ByteBuffer()
        S3Answers.copied(
            etag: new.etag,
            modifiedMillis: new.modifiedMillis,
            checksum: received.checksum,
            isPart: false,
            into: &xml
        )
        try await answer(head, xml: xml)
    }

    func copyPart(_ uploadText: String, _ number: UInt16, _ source: CopySource) async throws {
        let target = try await bucket(for: .write)
        let upload = try await existingUpload(uploadText, in: target)
        let (sourceBucket, found) = try await sourceVersion(source)
        let record = found.record
        var range = 0..<record.size
        if let asked = source.range {
            guard asked.upperBound < record.size else {
                throw S3Error.argument(
                    "x-amz-copy-source-range",
                    headers.string("x-amz-copy-source-range") ?? "",
                    "Range specified is not valid for source object of size: \(record.size)"
                )
            }
            range = asked.lowerBound..<(asked.upperBound + 1)
        }
        try await admit(UInt64(range.count), into: target, isPart: true)
        guard UInt64(range.count) <= Self.putBytesMax else { throw S3Error(.entityTooLarge) }
        let algorithm = try ObjectAttributes(of: upload).checksumAlgorithm
        let received = try await copied(found, range, algorithm, into: target, isPart: true)
        let part = try await commitPart(received, number, upload, in: target)
        var head = head(200)
        if sourceBucket.versioning != .off { head.add("x-amz-copy-source-version-id", VersionID.text(of: record)) }
        var xml = ByteBuffer()
        S3Answers.copied(
            etag: part.etag,
            modifiedMillis: part.modifiedMillis,
            checksum: received.checksum,
            isPart: true,
            into: &xml
        )
        try await answer(head, xml: xml)
    }

    private func sourceVersion(_ source: CopySource) async throws -> (Bucket, Found) {
        let bucket = try await bucket(
            named: source.bucket,
            for: .read,
            expectedOwner: request.expectedSourceBucketOwner
        )
        guard let found = try await coordinator.find(bucket.id, source.key, source.version, body: true, asked),
            found.record.kind != .tombstone
        else {
            throw S3Error(
                source.version == .current ? .noSuchKey : .noSuchVersion,
                nil,
                [.init("Key", source.key.text)]
            )
        }
        guard found.record.kind == .object else {
            if source.version == .current { throw S3Error(.noSuchKey, nil, [.init("Key", source.key.text)]) }
            throw S3Error(
                .invalidRequest,
                "The source of a copy request may not specifically refer to a delete marker by version id."
            )
        }
        if let error = source.conditions.error(
            etag: found.record.etag,
            modifiedMillis: found.record.modifiedMillis,
            isCopy: true
        ) {
            throw error
        }
        return (bucket, found)
    }

    /// Writes the bytes of `range` anew: every version owns its bytes, so nothing ever counts references.
    private func copied(
        _ found: Found,
        _ range: Range<UInt64>,
        _ algorithm: ChecksumAlgorithm?,
        into target: Bucket,
        isPart: Bool = false
    ) async throws -> Received {
        let digest = BodyDigest(checksum: algorithm, sha256: false)
        let size = UInt64(range.count)
        let new: NewBody
        if let whole = found.inlineBody ?? (found.record.size == 0 ? ByteBuffer() : nil) {
            let slice = whole.getSlice(at: whole.readerIndex + Int(range.lowerBound), length: Int(size)) ?? ByteBuffer()
            digest.update(slice)
            if isPart {
                new = try await coordinator.makeBody(target.id, objectKey, isPart: true).finish(
                    appending: slice
                )
            } else {
                new = size == 0 ? .empty : .inline(slice)
            }
        } else {
            let reader = try await coordinator.openBody(of: found.record)
            let blob = try coordinator.makeBody(target.id, objectKey, isPart: isPart)
            var offset = range.lowerBound
            // The store wants full chunks; what is read may end earlier where the source's parts do.
            let allocator = ByteBufferAllocator()
            var chunk = allocator.buffer(capacity: BlobWriter.chunkBytes)
            while offset < range.upperBound {
                let space = UInt64(BlobWriter.chunkBytes - chunk.readableBytes)
                var bytes = try await reader.read(at: offset, limit: min(range.upperBound, offset + space))
                offset += UInt64(bytes.readableBytes)
                chunk.writeBuffer(&bytes)
                if chunk.readableBytes == BlobWriter.chunkBytes {
                    try await blob.append(chunk) { digest.update($0) }
                    chunk = allocator.buffer(capacity: BlobWriter.chunkBytes)
                }
            }
            if chunk.readableBytes > 0 { try await blob.append(chunk) { digest.update($0) } }
            new = try await blob.finish()
        }
        let result = digest.finish()
        return Received(body: new, size: size, etag: ETag(md5: result.md5), checksum: result.checksum)
    }
}

/// `COPY` or `REPLACE`.
private enum Directive {
    case copy
    case replace

    init(_ headers: HeaderTable, _ name: StaticString) throws(S3Error) {
        switch headers.string(name) {
        case nil, "COPY": self = .copy
        case "REPLACE": self = .replace
        case let other?: throw S3Error.argument("\(name)", other, "Unknown directive: COPY and REPLACE are known.")
        }
    }
}
