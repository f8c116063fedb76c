import Mesh
import NIOCore
import Store

/// PutObject, and how bodies come in.
extension S3Exchange {
    /// S3's limit for one PUT and for one part.
    static let putBytesMax: UInt64 = 5 << 30

    func putObject() async throws {
        let bucket = try await bucket(for: .write)
        var condition = try WriteConditions.precondition(headers)
        var attributes = try ObjectAttributes(headers)
        let tags = try TagSet(in: headers)
        if let origin = attributes.origin {
            condition = try await replicaCondition(of: origin, in: bucket, condition)
        }
        try await refuseEarly(condition, in: bucket)
        try await admit(body.length ?? 0, into: bucket)

        let received = try await receive(in: bucket)
        attributes.checksum = received.checksum
        let draft = Draft(
            bucket: bucket.id,
            key: objectKey,
            size: received.size,
            etag: received.etag,
            body: received.body,
            attributes: attributes.encoded,
            tags: tags.encoded
        )
        try await admit(received.size, into: bucket, orDiscard: received.body)
        let record = try added(await coordinator.commit(.put(draft, condition), asked), to: bucket)
        var head = head(200)
        head.add("ETag", record.etag.quoted)
        versionHeader(record, in: bucket, &head)
        if let checksum = received.checksum { addChecksum(checksum, to: &head) }
        try await answer(head)
    }

    /// A condition that is false already saves the upload. The judgement that counts is the committer's.
    private func refuseEarly(_ condition: Precondition, in bucket: Bucket) async throws {
        guard condition != .none else { return }
        let current = try await coordinator.find(bucket.id, objectKey, .current, body: false, asked)?.record
        let live = current?.kind == .object ? current : nil
        switch condition {
        case .absent where live != nil:
            throw S3Error(.preconditionFailed, nil, [.init("Condition", "If-None-Match")])
        case .isOne(let tags):
            guard let live else { throw S3Error(.noSuchKey, nil, [.init("Key", objectKey.text)]) }
            if !tags.contains(live.etag) {
                throw S3Error(.preconditionFailed, nil, [.init("Condition", "If-Match")])
            }
        default: break
        }
    }

    /// The version that a mutation wrote, or the error that S3 has for its outcome.
    func written(_ outcome: Outcome) throws -> Record {
        guard case .done(let record?, _) = outcome else { throw refusal(outcome) }
        return record
    }

    /// The same for one that a bucket did not have before, of bytes that it did not have either.
    func added(_ outcome: Outcome, to bucket: Bucket) throws -> Record {
        let record = try written(outcome)
        face.usage.took(MeshUsage(versions: 1, bytes: record.size), into: bucket)
        return record
    }

    func refusal(_ outcome: Outcome) -> S3Error {
        switch outcome {
        case .preconditionFailed: S3Error(.preconditionFailed)
        case .noSuchBucket: S3Error(.noSuchBucket, nil, [.init("BucketName", request.bucket)])
        case .noSuchKey: S3Error(.noSuchKey, nil, [.init("Key", request.key?.text ?? "")])
        case .noSuchVersion: S3Error(.noSuchVersion)
        case .noSuchUpload: S3Error(.noSuchUpload)
        case .partsChanged: S3Error(.operationAborted)
        case .bucketExists: S3Error(.bucketAlreadyOwnedByYou)
        case .bucketNotEmpty: S3Error(.bucketNotEmpty, nil, [.init("BucketName", request.bucket)])
        case .registerChanged: S3Error(.operationAborted)
        case .done: S3Error(.internalError)
        }
    }

    // MARK: Bodies

    struct Received {
        var body: NewBody
        var size: UInt64
        var etag: ETag
        var checksum: ChecksumValue?
    }

    /// Reads the request's body to its end, verifies all that the client said of it, and makes large ones durable.
    func receive(in bucket: Bucket, algorithm: ChecksumAlgorithm? = nil, isPart: Bool = false) async throws -> Received
    {
        guard let length = body.length else { throw S3Error(.missingContentLength) }
        guard length <= Self.putBytesMax else {
            throw S3Error(
                .entityTooLarge,
                nil,
                [.init("ProposedSize", String(length)), .init("MaxSizeAllowed", String(Self.putBytesMax))]
            )
        }
        let wanted = try ChecksumRequest(headers)
        let digest = digest(for: wanted, fallback: algorithm)
        let new: NewBody
        // Parts have their bytes in segments whatever their size: an upload's index rows stay small.
        if length <= UInt64(face.settings.inlineBytesMax), !isPart {
            new = try await receiveInline(Int(length), digest)
        } else {
            new = try await receiveStream(length, digest, in: bucket, isPart: isPart)
        }
        let result = digest.finish()
        do {
            guard result.size == length else { throw S3Error(.incompleteBody) }
            try wanted.verify(result, payload: body.payload, trailer: body.trailer)
        } catch {
            coordinator.discard(new, bucket.id, objectKey)
            throw error
        }
        return Received(
            body: new,
            size: length,
            etag: ETag(md5: result.md5),
            checksum: result.checksum
        )
    }

    /// What is computed of a body: always its MD5, the payload's hash if that is signed, a checksum if one is wanted.
    private func digest(for wanted: ChecksumRequest, fallback: ChecksumAlgorithm?) -> BodyDigest {
        let isSigned = if case .sha256 = body.payload { true } else { false }
        return BodyDigest(checksum: wanted.algorithm ?? fallback, sha256: isSigned)
    }

    /// Documents come with the same digests as objects. With `namesObject`, the checksum header is the object's own.
    func checkDocument(_ document: ByteBuffer, namesObject: Bool = false) throws {
        var wanted = try ChecksumRequest(headers)
        if namesObject {
            wanted.algorithm = nil
            wanted.expected = nil
        }
        let digest = digest(for: wanted, fallback: nil)
        digest.update(document)
        try wanted.verify(digest.finish(), payload: body.payload, trailer: body.trailer)
    }

    private func receiveInline(_ length: Int, _ digest: BodyDigest) async throws -> NewBody {
        guard var all = try await body.next() else {
            guard length == 0 else { throw S3Error(.incompleteBody) }
            return .empty
        }
        digest.update(all)
        while var bytes = try await body.next() {
            digest.update(bytes)
            if all.readableBytes + bytes.readableBytes > length { break }
            all.writeBuffer(&bytes)
        }
        guard all.readableBytes == length else { throw S3Error(.incompleteBody) }
        return .inline(all)
    }

    private func receiveStream(
        _ length: UInt64,
        _ digest: BodyDigest,
        in bucket: Bucket,
        isPart: Bool
    ) async throws -> NewBody {
        let blob = try coordinator.makeBody(bucket.id, objectKey, isPart: isPart)
        let allocator = ByteBufferAllocator()
        var chunk = allocator.buffer(capacity: Int(min(length, UInt64(BlobWriter.chunkBytes))))
        while var bytes = try await body.next() {
            while bytes.readableBytes > 0 {
                // A full chunk waits for the byte behind it: the last one goes with the end of the stream in one hop.
                if chunk.readableBytes == BlobWriter.chunkBytes {
                    try await blob.append(chunk) { digest.update($0) }
                    chunk = allocator.buffer(capacity: BlobWriter.chunkBytes)
                }
                let space = BlobWriter.chunkBytes - chunk.readableBytes
                if var slice = bytes.readSlice(length: min(space, bytes.readableBytes)) { chunk.writeBuffer(&slice) }
            }
        }
        return try await blob.finish(appending: chunk) { digest.update($0) }
    }
}
