import Mesh
import Store

/// Judges an object by the quotas of its bucket and its tenant, for whichever face it comes through: before its bytes
/// come, and once more when they are here, because others may have been faster.
struct QuotaGate: Sendable {
    let quotas: Quotas
    let coordinator: Coordinator
    /// Brings what quotas are judged by up to now.
    let look: @Sendable () async -> Void

    /// Why there is no room for so many bytes under a key; nil: there is. A part takes the place of nothing.
    /// - Parameter body: bytes that are here already, and are given up when there is none.
    func objection(
        toBytes bytes: UInt64,
        as key: Key,
        in bucket: Bucket,
        isPart: Bool = false,
        orDiscard body: NewBody? = nil
    ) async throws -> String? {
        guard quotas.mayExceed(withBytes: bytes, in: bucket) else { return nil }
        await look()
        guard quotas.objection(toBytes: bytes, in: bucket) != nil else { return nil }
        // Who is full may still write what takes the place of something as large.
        let isReplacing = bucket.versioning == .off && !isPart
        let old = isReplacing ? try await coordinator.find(bucket.id, key, .current, body: false) : nil
        let sentence = quotas.objection(toBytes: bytes, in: bucket, replacing: old?.record.size)
        if sentence != nil, let body { coordinator.discard(body, bucket.id, key) }
        return sentence
    }
}
