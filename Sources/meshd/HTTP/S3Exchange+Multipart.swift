import Mesh
import NIOCore
import Store

/// Multipart uploads: begun, fed with parts, completed or aborted.
extension S3Exchange {
    /// All parts but the last are at least this large.
    static let partBytesMin: UInt64 = 5 << 20
    static let objectBytesMax: UInt64 = 5 << 40

    /// Conditions belong to the completion: a part or a beginning that carried one would be told that it held.
    private func refuseConditions() throws(S3Error) {
        for name in ["if-match", "if-none-match"] as [StaticString] where headers.contains(name) {
            throw S3Error.unsupported(.header, "\(name)")
        }
    }

    func createUpload() async throws {
        try refuseConditions()
        let bucket = try await bucket(for: .write)
        var attributes = try ObjectAttributes(headers)
        let tags = try TagSet(in: headers)
        // Before the parts come; what counts is judged again when they are there.
        if let origin = attributes.origin { _ = try await replicaCondition(of: origin, in: bucket, .none) }
        try await admit(0, into: bucket, isPart: true)
        let checksum = try ChecksumRequest(headers)
        attributes.checksumAlgorithm = checksum.algorithm
        attributes.checksumType = checksum.algorithm.map { checksum.type ?? $0.multipartType }
        let id = UploadID.fresh(millis: HTTPClock.millis)
        let upload = Upload(
            id: id,
            bucket: bucket.id,
            key: objectKey,
            initiatedMillis: id.initiatedMillis,
            attributes: attributes.encoded,
            tags: tags.encoded
        )
        let outcome = try await coordinator.commit(.createUpload(upload))
        guard case .done = outcome else { throw refusal(outcome) }
        var head = head(200)
        if let algorithm = attributes.checksumAlgorithm, let type = attributes.checksumType {
            head.add("x-amz-checksum-algorithm", algorithm.name)
            head.add("x-amz-checksum-type", type.name)
        }
        var xml = ByteBuffer()
        S3Answers.initiated(bucket: request.bucket, key: objectKey, upload: id, into: &xml)
        try await answer(head, xml: xml)
    }

    func existingUpload(_ text: String, in bucket: Bucket) async throws -> Upload {
        guard let id = UploadID(text: text),
            let upload = try await coordinator.upload(id, in: bucket.id, objectKey),
            upload.bucket == bucket.id, upload.key == objectKey
        else { throw S3Error(.noSuchUpload, nil, [.init("UploadId", text)]) }
        return upload
    }

    func putPart(_ uploadText: String, _ number: UInt16) async throws {
        try refuseConditions()
        let bucket = try await bucket(for: .write)
        let upload = try await existingUpload(uploadText, in: bucket)
        let wanted = try ObjectAttributes(of: upload).checksumAlgorithm
        try await admit(body.length ?? 0, into: bucket, isPart: true)
        let received = try await receive(in: bucket, algorithm: wanted, isPart: true)
        if let wanted, let got = received.checksum?.algorithm, got != wanted {
            throw S3Error(
                .invalidRequest,
                "Checksum Type mismatch occurred, expected checksum Type: \(wanted.name), actual checksum Type: \(got.name)"
            )
        }
        let part = try await commitPart(received, number, upload, in: bucket)
        var head = head(200)
        head.add("ETag", part.etag.quoted)
        if let checksum = received.checksum { head.add(name: checksum.algorithm.header, value: checksum.text) }
        try await answer(head)
    }

    func commitPart(_ received: Received, _ number: UInt16, _ upload: Upload, in bucket: Bucket) async throws -> Part {
        try await admit(received.size, into: bucket, isPart: true, orDiscard: received.body)
        var part = Part(
            number: number,
            blob: BlobID(rawValue: 0),
            size: received.size,
            etag: received.etag,
            modifiedMillis: HTTPClock.millis,
            attributes: PartAttributes(checksum: received.checksum).encoded
        )
        switch received.body {
        case .blob(let blob): part.blob = blob
        case .staged(let op): part.op = op
        case .inline, .empty: preconditionFailure("the bytes of a part are a stream")
        }
        let outcome = try await coordinator.put(part, in: upload)
        guard case .done = outcome else { throw refusal(outcome) }
        face.usage.took(MeshUsage(bytes: part.size), into: bucket)
        return part
    }

    func completeUpload(_ uploadText: String) async throws {
        let bucket = try await bucket(for: .write)
        var condition = try WriteConditions.precondition(headers)
        let document = try await body.document()
        try checkDocument(document, namesObject: true)
        let wanted = try S3Document.complete(Array(document.readableBytesView))
        let upload = try await existingUpload(uploadText, in: bucket)
        let stored = try await allParts(of: upload)
        let parts: [Part]
        do throws(S3Error) {
            parts = try chosen(wanted, of: stored)
        } catch {
            // Parts go with their upload, which may have ended since it was looked for.
            _ = try await existingUpload(uploadText, in: bucket)
            throw error
        }
        let size = parts.reduce(UInt64(0)) { $0 + $1.size }
        guard size <= Self.objectBytesMax else { throw S3Error(.entityTooLarge) }
        if let text = headers.string("x-amz-mp-object-size") {
            guard let declared = UInt64(text) else {
                throw S3Error.argument("x-amz-mp-object-size", text, "Not a size.")
            }
            guard declared == size else {
                throw S3Error(
                    .invalidRequest,
                    "The provided 'x-amz-mp-object-size' header does not match what was computed."
                )
            }
        }
        try await admit(0, into: bucket)
        var attributes = try ObjectAttributes(of: upload)
        attributes.checksum = try joinedChecksum(attributes, parts)
        attributes.checksumAlgorithm = nil
        attributes.checksumType = nil
        let etag = joinedTag(parts)
        if let origin = attributes.origin {
            condition = try await replicaCondition(of: origin, in: bucket, condition)
        }
        let outcome = try await coordinator.complete(
            upload,
            parts: parts.map {
                PartRef(number: $0.number, blob: $0.blob, size: $0.size, attributes: $0.attributes, op: $0.op)
            },
            size: size,
            etag: etag,
            attributes: attributes.encoded,
            condition
        )
        let record = try written(outcome)
        // Its bytes were counted as they came.
        face.usage.took(MeshUsage(versions: 1), into: bucket)
        var head = head(200)
        versionHeader(record, in: bucket, &head)
        var xml = ByteBuffer()
        let path = PercentCoding.encode("/\(request.bucket)/\(objectKey.text)", keepSlash: true)
        S3Answers.completed(
            location: "\(face.isSecure ? "https" : "http")://\(headers.string("host") ?? "")\(path)",
            bucket: request.bucket,
            key: objectKey,
            etag: etag,
            checksum: attributes.checksum,
            into: &xml
        )
        try await answer(head, xml: xml)
    }

    /// The stored parts that the document names, in its order, each as the client knows it.
    private func chosen(_ wanted: [S3Document.CompletedPart], of stored: [Part]) throws(S3Error) -> [Part] {
        let byNumber = Dictionary(uniqueKeysWithValues: stored.map { ($0.number, $0) })
        var parts: [Part] = []
        parts.reserveCapacity(wanted.count)
        for (index, want) in wanted.enumerated() {
            guard let part = byNumber[want.number], part.etag == want.etag,
                want.checksum == nil || want.checksum == PartAttributes.checksum(of: part)
            else { throw S3Error(.invalidPart, nil, [.init("PartNumber", String(want.number))]) }
            guard part.size >= Self.partBytesMin || index == wanted.count - 1 else {
                throw S3Error(
                    .entityTooSmall,
                    nil,
                    [
                        .init("ProposedSize", String(part.size)),
                        .init("MinSizeAllowed", String(Self.partBytesMin)),
                        .init("PartNumber", String(part.number)),
                    ]
                )
            }
            parts.append(part)
        }
        return parts
    }

    /// The checksum of the whole from those of its parts, and what the client says it must be.
    private func joinedChecksum(_ attributes: ObjectAttributes, _ parts: [Part]) throws -> ChecksumValue? {
        let asked = try ChecksumRequest(headers)
        guard let algorithm = attributes.checksumAlgorithm, let type = attributes.checksumType else {
            guard asked.expected == nil else {
                throw S3Error(.invalidRequest, "The upload was created without a checksum algorithm.")
            }
            return nil
        }
        if let wanted = asked.type, wanted != type {
            throw S3Error(
                .invalidRequest,
                "The upload was created using the \(type.name) checksum mode. "
                    + "The complete request must use the same checksum mode."
            )
        }
        let values = parts.map { (value: PartAttributes.checksum(of: $0), size: $0.size) }
        guard let joined = ChecksumValue.multipart(algorithm, type, parts: values) else {
            throw S3Error(.invalidPart, "A part lacks the \(algorithm.name) checksum that the upload was created with.")
        }
        if let expected = asked.expected, expected.algorithm != algorithm || expected.bytes != joined.bytes {
            throw S3Error(
                .badDigest,
                "The \(expected.algorithm.name) you specified did not match the calculated checksum.",
                [.init("CalculatedDigest", joined.text)]
            )
        }
        return joined
    }

    /// The MD5 of the parts' MD5s, with their number.
    private func joinedTag(_ parts: [Part]) -> ETag {
        let digest = BodyDigest(checksum: nil, sha256: false)
        for part in parts { part.etag.md5.withUnsafeBytes { digest.update($0) } }
        return ETag(md5: digest.finish().md5, parts: UInt32(parts.count))
    }

    private func allParts(of upload: Upload) async throws -> [Part] {
        var all: [Part] = []
        while true {
            let page = try await coordinator.parts(of: upload, after: all.last?.number ?? 0, limit: 1000)
            all += page
            if page.count < 1000 { return all }
        }
    }

    func abortUpload(_ uploadText: String) async throws {
        let bucket = try await bucket(for: .write)
        let upload = try await existingUpload(uploadText, in: bucket)
        let outcome = try await coordinator.abort(upload)
        guard case .done = outcome else { throw refusal(outcome) }
        try await answer(head(204))
    }

    func listParts(_ arguments: ListPartsArguments) async throws {
        let bucket = try await bucket(for: .read)
        let upload = try await existingUpload(arguments.upload, in: bucket)
        var parts = try await coordinator.parts(of: upload, after: arguments.after, limit: arguments.limit + 1)
        // An empty page asked for is whole: as truncated it would name itself as the next one, for ever.
        let isTruncated = parts.count > arguments.limit && arguments.limit > 0
        parts.removeLast(max(0, parts.count - arguments.limit))
        var xml = ByteBuffer()
        S3Answers.parts(
            parts,
            isTruncated: isTruncated,
            of: upload,
            arguments,
            bucket: request.bucket,
            owner: Owner.document,
            into: &xml
        )
        try await answer(head(200), xml: xml)
    }

    func listUploads(_ arguments: ListUploadsArguments) async throws {
        let bucket = try await bucket(for: .read)
        var query = UploadsQuery(bucket: bucket.id, limit: arguments.limit)
        query.prefix = arguments.prefix
        query.delimiter = arguments.delimiter
        query.keyMarker = arguments.keyMarker
        query.uploadMarker = arguments.uploadMarker.flatMap { UploadID(text: $0) }
        let page = try await coordinator.listUploads(query)
        var xml = ByteBuffer()
        S3Answers.uploads(page, arguments, bucket: request.bucket, owner: Owner.document, into: &xml)
        try await answer(head(200), xml: xml)
    }
}
