package import Store

/// What every S3 operation asks of the mesh: the one door between the faces and the holders of a key.
///
/// On one machine the only holder is the store of this process, a majority of one: each call goes straight through,
/// with no network, no second copy and no overhead. More holders are a matter of this room; no face will notice.
package final class Coordinator: Sendable {
    private let store: ObjectStore

    package init(store: ObjectStore) { self.store = store }

    // MARK: Buckets

    package func bucket(named name: String) -> Bucket? { store.bucket(named: name) }

    /// All buckets, by name.
    package func buckets() -> [Bucket] { store.buckets() }

    // MARK: Writing

    /// Applies one change; durable on a majority of the key's holders when this returns.
    package func commit(_ mutation: Mutation) async throws -> Outcome { try await store.commit(mutation) }

    /// A stream for a body that is too large for its record.
    package func makeBlob() throws -> BlobWriter { try store.makeBlob() }

    /// Gives up a finished stream that no change will name.
    package func discard(_ blob: BlobID) { store.discard(blob) }

    // MARK: Reading

    package func find(
        _ bucket: BucketID,
        _ key: Key,
        _ version: VersionSelector,
        body: Bool
    ) async throws -> Found? {
        try await store.find(bucket, key, version, body: body)
    }

    package func openBody(of record: Record) async throws -> BodyReader { try await store.openBody(of: record) }

    package func manifest(of record: Record) async throws -> [PartRef] { try await store.manifest(of: record) }

    package func list(_ query: ListQuery) async throws -> ListPage { try await store.list(query) }

    package func listVersions(_ query: VersionsQuery) async throws -> VersionsPage {
        try await store.listVersions(query)
    }

    // MARK: Multipart uploads

    package func upload(_ id: UploadID) async throws -> Upload? { try await store.upload(id) }

    /// Parts with a number above `after`, by number.
    package func parts(of upload: UploadID, after: UInt16, limit: Int) async throws -> [Part] {
        try await store.parts(of: upload, after: after, limit: limit)
    }

    package func listUploads(_ query: UploadsQuery) async throws -> UploadsPage { try await store.listUploads(query) }
}
