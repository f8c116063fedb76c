package import Store
package import Swim
internal import Synchronization

/// Who knows which buckets there are.
package protocol BucketRegister: Sendable {
    /// The buckets that there are, those in deletion included, as a majority of the voters has them now.
    func liveBuckets() async throws -> Set<BucketID>
    /// Opens a bucket on this node that is closed here, if a majority of the voters has it as one that takes writes.
    func openIfActive(_ bucket: BucketID) async
    /// Tells a node that the bucket takes no writes. False: it did not answer.
    func tellClosed(_ bucket: BucketID, _ node: NodeID) async -> Bool
}

/// Gives the space of deleted buckets back, on every node, and opens those whose deletion came to nothing.
///
/// A bucket is closed on a majority of all holders after a majority of the voters has it as being deleted. So a bucket that
/// is closed here, and that a majority of the voters does not have at all at some later moment, is gone for good: bucket
/// ids are never used twice. Members that were away when it closed are told until they have heard.
final class Burial: Sendable {
    /// Buckets about which somebody is still to be told; beyond that the oldest are left to whoever else buried them.
    private static let untoldMax = 4096

    private let around: RepairSurroundings
    private let register: any BucketRegister
    private let untold = Mutex<[(bucket: BucketID, nodes: Set<NodeID>)]>([])

    init(_ around: RepairSurroundings, _ register: any BucketRegister) {
        self.around = around
        self.register = register
    }

    func step() async throws {
        try await bury()
        await tell()
    }

    private func bury() async throws {
        // Looked at before the voters are asked: what closes later is a question for the next round.
        let closed = try await around.disk.closedBuckets()
        guard !closed.isEmpty else { return }
        let live = try await register.liveBuckets()
        let others = Set(around.book.current.members.map(\.node)).subtracting([around.own])
        for bucket in closed.sorted(by: { $0.rawValue < $1.rawValue }) {
            try Task.checkCancellation()
            if live.contains(bucket) {
                // Its deletion goes on, or failed when this node could not be told.
                await register.openIfActive(bucket)
                continue
            }
            try await around.disk.buryBuckets([bucket])
            around.counters.bucketsBuried.add()
            untold.withLock { untold in
                untold.append((bucket, others))
                if untold.count > Self.untoldMax { untold.removeFirst() }
            }
        }
    }

    private func tell() async {
        let waiting = untold.withLock { $0 }
        guard !waiting.isEmpty else { return }
        let alive = around.alive()
        let members = Set(around.book.current.members.map(\.node))
        var left: [(bucket: BucketID, nodes: Set<NodeID>)] = []
        for (bucket, nodes) in waiting {
            var unheard = nodes.intersection(members)
            for node in unheard.intersection(alive).sorted() where !Task.isCancelled {
                if await register.tellClosed(bucket, node) { unheard.remove(node) }
            }
            if !unheard.isEmpty { left.append((bucket, unheard)) }
        }
        // Only this task changes it.
        untold.withLock { $0 = left }
    }
}
