import Mesh
import Store

/// Writes that another store's rule sends: nothing goes in circles, and the newer of two writes wins in every store.
extension S3Exchange {
    /// The condition under which such a write is taken: that nobody wrote the key since it was looked at here. Throws
    /// when the bucket has had it before, or has something newer.
    func replicaCondition(
        of origin: ReplicaOrigin,
        in bucket: Bucket,
        _ asked: Precondition
    ) async throws -> Precondition {
        guard asked == .none else { throw S3Error.unsupported(.header, "\(ReplicaOrigin.header) with a condition") }
        guard let place = await face.place(bucket.name) else { throw S3Error(.slowDown) }
        guard !origin.path.contains(place) else { throw S3Error(.replicationLoop) }
        let found = try await coordinator.find(bucket.id, objectKey, .current, body: false, self.asked)
        guard let record = found?.record, record.kind == .object else { return .absent }
        let known =
            try ObjectAttributes(of: record).origin
            ?? ReplicaOrigin(millis: record.modifiedMillis, path: [place])
        guard !known.isNewer(than: origin) else { throw S3Error(.replicationSuperseded) }
        return .isOne(of: [record.etag])
    }
}
