import Mesh
import NIOCore
import Store

/// DeleteObject and DeleteObjects.
extension S3Exchange {
    func deleteObject() async throws {
        let bucket = try await bucket(for: .write)
        var condition = try WriteConditions.deletePrecondition(headers)
        var attributes: [UInt8] = []
        if let origin = try ObjectAttributes.origin(headers) {
            guard request.version == .current else { throw S3Error.unsupported(.header, "\(ReplicationOrigin.header)") }
            condition = try await replicaCondition(of: origin, in: bucket, condition)
            // Who deleted it is not told of it again.
            var carried = ObjectAttributes()
            carried.origin = origin
            attributes = carried.encoded
        }
        let outcome = try await coordinator.commit(
            Self.deletion(in: bucket, objectKey, request.version, condition, attributes),
            asked
        )
        var head = head(204)
        switch outcome {
        case .done(let marker?, _):
            head.add("x-amz-delete-marker", constant: "true")
            versionHeader(marker, in: bucket, &head)
        case .done(nil, let removed?) where request.version != .current:
            if removed.kind == .deleteMarker { head.add("x-amz-delete-marker", constant: "true") }
            versionHeader(removed, in: bucket, &head)
        case .done, .noSuchKey, .noSuchVersion:
            // Deleting what is not there is done already.
            break
        default: throw refusal(outcome)
        }
        try await answer(head)
    }

    private static func deletion(
        in bucket: Bucket,
        _ key: Key,
        _ version: VersionSelector,
        _ condition: Precondition,
        _ attributes: [UInt8] = []
    ) -> Mutation {
        version == .current
            ? .delete(bucket.id, key, condition, attributes: attributes)
            : .deleteVersion(bucket.id, key, version, condition)
    }

    /// Up to 1,000 keys in one request. All changes are queued at once and share the committer's batches.
    func deleteObjects() async throws {
        let bucket = try await bucket(for: .write)
        let document = try await body.document()
        try checkDocument(document)
        let wanted = try S3Document.delete(Array(document.readableBytesView))
        let coordinator = coordinator
        let asked = asked
        var results = [S3Answers.DeleteOutcome?](repeating: nil, count: wanted.objects.count)
        try await withThrowingTaskGroup(of: (Int, S3Answers.DeleteOutcome).self) { group in
            for (index, object) in wanted.objects.enumerated() {
                group.addTask {
                    do {
                        let mutation = try Self.mutation(for: object, in: bucket)
                        return (index, Self.result(of: object, try await coordinator.commit(mutation, asked)))
                    } catch let error as S3Error {
                        return (index, Self.answer(to: object, error: error))
                    } catch let error as StoreError {
                        // The keys beside it may be gone already: each gets an answer of its own.
                        return (index, Self.answer(to: object, error: Self.refusal(error)))
                    } catch let error as CoordinatorError {
                        return (index, Self.answer(to: object, error: S3Error(error)))
                    }
                }
            }
            for try await (index, result) in group { results[index] = result }
        }
        var xml = ByteBuffer()
        S3Answers.deleted(results.compactMap { $0 }, isQuiet: wanted.isQuiet, into: &xml)
        try await answer(head(200), xml: xml)
    }

    private static func mutation(for object: S3Document.Deletion, in bucket: Bucket) throws(S3Error) -> Mutation {
        let key = try ObjectKeyRule.check(object.key)
        var version = VersionSelector.current
        if let text = object.version {
            guard let parsed = VersionID.parse(text) else { throw S3Error(.noSuchVersion) }
            version = parsed
        }
        var condition = Precondition.none
        if object.etag != nil || object.lastModified != nil || object.size != nil {
            let isAny = object.etag == "*"
            let tag = isAny ? nil : object.etag.flatMap { ETag(text: $0.utf8) }
            // A text that no entity tag of ours can be matches nothing.
            if object.etag != nil && !isAny && tag == nil {
                condition = .isOne(of: [])
            } else {
                condition = .matches(
                    etag: tag,
                    anyETag: isAny,
                    lastModifiedSeconds: object.lastModified,
                    size: object.size
                )
            }
        }
        return deletion(in: bucket, key, version, condition)
    }

    private static func result(of object: S3Document.Deletion, _ outcome: Outcome) -> S3Answers.DeleteOutcome {
        switch outcome {
        case .done(let marker, let removed):
            answer(to: object, marker: marker ?? (removed?.kind == .deleteMarker ? removed : nil))
        case .noSuchKey, .noSuchVersion: answer(to: object)
        case .preconditionFailed: answer(to: object, error: S3Error(.preconditionFailed))
        case .noSuchBucket: answer(to: object, error: S3Error(.noSuchBucket))
        default: answer(to: object, error: S3Error(.internalError))
        }
    }

    private static func refusal(_ error: StoreError) -> S3Error {
        switch error {
        case .overloaded, .notSole: S3Error(.slowDown)
        default: S3Error(.internalError)
        }
    }

    private static func answer(
        to object: S3Document.Deletion,
        marker: Record? = nil,
        error: S3Error? = nil
    ) -> S3Answers.DeleteOutcome {
        S3Answers.DeleteOutcome(
            key: object.key,
            version: object.version,
            error: error,
            deleteMarkerVersion: marker.map { VersionID.text(of: $0) }
        )
    }
}
