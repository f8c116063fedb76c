import AsyncHTTPClient
import Mesh
import Synchronization

/// Makes the ways to the targets of rules, over one client whose life it has.
final class TargetClient: Sendable {
    private let client = Mutex<HTTPClient?>(nil)

    /// Keeps the door open while something is done.
    nonisolated(nonsending) func open(_ body: () async -> Void) async {
        let own = S3Target.client()
        client.withLock { $0 = own }
        await body()
        client.withLock { $0 = nil }
        // Only a client that was shut down before refuses.
        try? await own.shutdown()
    }

    func target(of rule: ReplicationRule.Target) throws(ReplicationFailure) -> S3Target {
        guard let client = client.withLock({ $0 }) else { throw .unreachable("this node stops") }
        return try S3Target(rule, client: client)
    }
}
