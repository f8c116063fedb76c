import Mesh
import Store

/// Writes that another store's rule sends: nothing goes in circles, and the newer of two writes wins in every store.
extension S3Exchange {
    private static let futureMillisMax: UInt64 = 900_000

    /// The condition under which such a write is taken: that nobody wrote the key since it was looked at here. Throws
    /// when the bucket has had it before, or has something newer; that goes to the other store once more then, which may
    /// have taken it for older by the order of its own rows.
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
        let record = try await coordinator.find(bucket.id, objectKey, .current, body: false, self.asked)?.record
        let known = try record.map { record in
            try ObjectAttributes(of: record).origin ?? ReplicationOrigin(millis: record.changedMillis, path: [place])
        }
        switch ReplicaVerdict(origin, at: place, known: known) {
        case .take: break
        case .refuse: throw S3Error(.replicationLoop)
        case .refuseAndSend:
            // With this answer the sender settles its entry, so ours has to be queued before it.
            if let record, await !face.sendAgain(record) { throw S3Error(.operationAborted) }
            throw S3Error(.replicationSuperseded)
        }
        guard let record, record.kind == .object else { return .absent }
        return .isOne(of: [record.etag])
    }
}
