import Mesh
import NIOCore
import Store

/// Listings of objects and versions.
extension S3Exchange {
    func listObjects(_ arguments: ListArguments) async throws {
        let bucket = try await bucket(for: .read)
        var query = ListQuery(bucket: bucket.id, limit: arguments.limit)
        query.prefix = arguments.prefix
        query.delimiter = arguments.delimiter
        query.after = arguments.after
        let page = try await coordinator.list(query, asked)
        var xml = ByteBufferAllocator().buffer(capacity: 512 + page.entries.count * 320)
        S3Answers.objects(page, arguments, bucket: request.bucket, owner: Owner.document, into: &xml)
        try await answer(head(200), xml: xml)
    }

    func listObjectVersions(_ arguments: ListVersionsArguments) async throws {
        let bucket = try await bucket(for: .read)
        var query = VersionsQuery(bucket: bucket.id, limit: arguments.limit)
        query.prefix = arguments.prefix
        query.delimiter = arguments.delimiter
        query.keyMarker = arguments.keyMarker
        query.versionMarker = arguments.versionMarker
        let page = try await coordinator.listVersions(query, asked)
        var xml = ByteBufferAllocator().buffer(capacity: 512 + page.entries.count * 400)
        S3Answers.versions(page, arguments, bucket: request.bucket, owner: Owner.document, into: &xml)
        try await answer(head(200), xml: xml)
    }
}
