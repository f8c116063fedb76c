import Mesh
import Store

/// Writes that another store's rule sends: nothing goes in circles, and the newer of two writes wins in every store.
extension S3Exchange {
    private static let orderedMillis: UInt64 = 10_000
    private static let futureMillisMax: UInt64 = 900_000

    /// The condition under which such a write is taken: that nobody wrote the key since it was looked at here. Throws
    /// when the bucket has had it before, or has something newer.
    func replicaCondition(
        of origin: ReplicationOrigin,
        in bucket: Bucket,
        _ asked: Precondition
    ) async throws -> Precondition {
        guard origin.millis <= HTTPClock.millis + Self.futureMillisMax else {
            throw S3Error.argument("\(ReplicationOrigin.header)", origin.text, "It was written in the future.")
        }
        guard asked == .none else { throw S3Error.unsupported(.header, "\(ReplicationOrigin.header) with a condition") }
        guard let place = await face.place(bucket.name) else { throw S3Error(.slowDown) }
        guard !origin.path.contains(place) else { throw S3Error(.replicationLoop) }
        let found = try await coordinator.find(bucket.id, objectKey, .current, body: false, self.asked)
        guard let record = found?.record, record.kind == .object else { return .absent }
        let known =
            try ObjectAttributes(of: record).origin
            ?? ReplicationOrigin(millis: max(record.stamp.millis, record.modifiedMillis), path: [place])
        // Who sends what it sent before has put its own writes in order, by more than clocks; what is much older was on
        // the wire while its sender died.
        let slack = known.path == origin.path ? Self.orderedMillis : 0
        guard !known.isNewer(than: origin.later(by: slack)) else { throw S3Error(.replicationSuperseded) }
        return .isOne(of: [record.etag])
    }
}
