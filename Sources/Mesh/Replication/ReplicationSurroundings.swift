internal import Store
internal import Swim

/// What all workers of rules stand on.
struct ReplicationSurroundings: Sendable {
    let store: ObjectStore
    let coordinator: Coordinator
    let rules: ReplicationRules
    /// Who holds what now; nil while this node does not know, or has no place.
    let layout: @Sendable () -> LayoutSight?
    /// What one of this mesh's buckets is called among all.
    let place: @Sendable (BucketID) async throws -> String
    let makeTarget: @Sendable (ReplicationRule) throws(ReplicationFailure) -> any ReplicationTarget
    /// Tells another holder; nil: it does not answer.
    let tell: @Sendable (NodeID, OutboxMethod, OutboxNotice) async -> OutboxAnswer?
}
