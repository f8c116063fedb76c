import Mesh
import NIOCore
import Store

/// Tags of a version, and GetObjectAttributes.
extension S3Exchange {
    func getTagging() async throws {
        let bucket = try await bucket(for: .read)
        let record = try await existing(in: bucket, request.version, body: false).record
        var head = head(200)
        versionHeader(record, in: bucket, &head)
        var xml = ByteBuffer()
        S3Answers.tagging(try TagSet(of: record), into: &xml)
        try await answer(head, xml: xml)
    }

    func putTagging() async throws {
        let bucket = try await bucket(for: .write)
        let document = try await body.document()
        try checkDocument(document)
        try await setTags(S3Document.tagging(Array(document.readableBytesView)), in: bucket, status: 200)
    }

    func deleteTagging() async throws {
        let bucket = try await bucket(for: .write)
        try await setTags(.empty, in: bucket, status: 204)
    }

    private func setTags(_ tags: TagSet, in bucket: Bucket, status: Int) async throws {
        _ = try await existing(in: bucket, request.version, body: false)
        let outcome = try await coordinator.commit(
            .setTags(bucket.id, objectKey, request.version, tags.encoded),
            asked
        )
        let record = try written(outcome)
        var head = head(status)
        versionHeader(record, in: bucket, &head)
        try await answer(head)
    }

    func getAttributes(_ arguments: AttributesArguments) async throws {
        let bucket = try await bucket(for: .read)
        let record = try await existing(in: bucket, request.version, body: false).record
        let attributes = try ObjectAttributes(of: record)
        let parts = arguments.parts && record.body == .parts ? try await coordinator.manifest(of: record) : []
        var head = head(200)
        head.add("Last-Modified", S3Date.http(seconds: record.modifiedMillis / 1000))
        versionHeader(record, in: bucket, &head)
        var xml = ByteBuffer()
        S3Answers.attributes(
            arguments,
            etag: record.etag,
            size: record.size,
            checksum: attributes.checksum,
            parts: parts.map { .init(number: $0.number, size: $0.size, checksum: PartAttributes.checksum(of: $0)) },
            into: &xml
        )
        try await answer(head, xml: xml)
    }
}
