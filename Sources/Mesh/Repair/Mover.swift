internal import Store
internal import Swim
internal import Synchronization

/// Takes over what a change of the layout gives this node, and says when it has.
///
/// Digests are compared before anything is fetched, so a node that kept its place costs some kilobytes. Sources are
/// taken one after the other: the first brings nearly everything in one walk, the others what it lacked.
final class Mover: Sendable {
    let around: RepairSurroundings
    private let synced = Mutex<UInt64>(0)
    private let waitingFor = Mutex<[NodeID: Int]>([:])

    init(_ around: RepairSurroundings) { self.around = around }

    /// Whether this node has all that it is to hold in this epoch.
    func isSynced(in epoch: UInt64) -> Bool { synced.withLock { $0 == epoch } }

    /// Who is needed to go on and does not answer, and for how many partitions.
    var obstacles: [NodeID: Int] { waitingFor.withLock { $0 } }

    /// Does what the present layout wants as far as it goes now: true when nothing is left to do.
    func step() async throws -> Bool {
        let layout = around.book.current
        // Fences first: nothing counts that was seen before this node's own store took up the epoch.
        guard around.peers.epoch() == layout.epoch else { return false }
        if isSynced(in: layout.epoch) { return true }
        var plan = plan(layout)
        if plan.partitions.isEmpty {
            finish(layout)
            return true
        }
        if around.movement.progress.epoch != layout.epoch {
            around.movement.begin(layout.epoch, partitions: plan.partitions.count, now: MonotonicClock.micros)
            await expect(plan, layout)
        }
        while !plan.isDone {
            let alive = around.alive()
            waitingFor.withLock { $0 = plan.waiting(reachable: alive) }
            guard let (source, partitions) = plan.next(reachable: alive) else { return false }
            try await take(partitions, from: source)
            try check(layout)
            plan.pulled(from: source, partitions)
            around.movement.notePartitions(done: plan.doneCount, unobtainable: 0)
        }
        let pass = try await WantedBodies(around: around).pass(Set(plan.partitions))
        try check(layout)
        around.movement.notePartitions(done: plan.doneCount, unobtainable: pass.unobtainable)
        // What no member has cannot be waited for; it stays wanted, and visible.
        guard pass.waiting == 0, try await closeBuckets(layout) else { return false }
        finish(layout)
        return true
    }

    /// Takes over which buckets are closed, from a majority of each partition's present holders: the next majority has to
    /// refuse their writes, too. Last of all, because of deletions that run meanwhile: one that closed and listed in the
    /// epoch before has closed the bucket at a member of that majority by now, and any other is told of this node.
    private func closeBuckets(_ layout: Layout) async throws -> Bool {
        var plan = plan(layout)
        while !plan.isDone {
            let alive = around.alive()
            waitingFor.withLock { $0 = plan.waiting(reachable: alive) }
            guard let (source, partitions) = plan.next(reachable: alive) else { return false }
            let closed = try await closedBuckets(at: source)
            try check(layout)
            let known = around.disk.buriedBuckets
            let news = closed.filter { !known.contains($0.bucket) }
            try await around.disk.closeBuckets(news.filter { !$0.isGone }.map(\.bucket))
            try await around.disk.buryBuckets(news.filter(\.isGone).map(\.bucket))
            plan.pulled(from: source, partitions)
        }
        return true
    }

    private func closedBuckets(at source: NodeID) async throws -> [ClosedBucket] {
        do {
            // Few bytes, which neither the budget nor a pause keeps waiting: they are old soon.
            return try await around.unpaced.peers.closedBuckets(at: source)
        } catch RepairFailure.unserved {
            // Who takes this node for an outsider serves nothing to it, and this throws, too. Else its build is older: it
            // tells members what is closed when it buries it.
            _ = try await around.peers.instances(source, [])
        }
        do {
            return try await around.unpaced.peers.closedBuckets(at: source)
        } catch RepairFailure.unserved {
            return []
        }
    }

    /// Of buckets that are gone nothing is taken over.
    private func plan(_ layout: Layout) -> SyncPlan {
        let living = layout.without(around.wishes.goneBuckets)
        return SyncPlan(living, own: around.own, copiesInUse: around.wishes.copiesInUse)
    }

    private func finish(_ layout: Layout) {
        around.movement.end(layout.epoch, now: MonotonicClock.micros)
        waitingFor.withLock { $0 = [:] }
        synced.withLock { $0 = layout.epoch }
    }

    private func check(_ layout: Layout) throws {
        try Task.checkCancellation()
        guard around.book.current.epoch == layout.epoch else { throw RepairFailure.superseded }
    }

    /// Instances first, rows second: an instance that the source gave up meanwhile left its row behind, which the walk
    /// finds. Merged in the other order: an instance behind a row is void unless the row is here.
    private func take(_ partitions: [Partition], from source: NodeID) async throws {
        let epoch = around.peers.epoch()
        let instances = try await around.peers.instances(source, partitions)
        var explained = ExplainedLeaves()
        _ = try await Reconciliation(around: around, peer: source).run(partitions, .pull, explained: &explained)
        if instances.isEmpty { return }
        guard try await around.disk.merge(instances, epoch: epoch) else { throw RepairFailure.superseded }
    }

    /// What is to come, from what the first sources have: for people, so a source that is silent is no harm.
    private func expect(_ plan: SyncPlan, _ layout: Layout) async {
        // Sorted, so that of equally long ones it is always the same.
        let spans = around.spans(layout).sorted { ($0.now, $0.next) < ($1.now, $1.next) }
        func sets(_ partition: Partition) -> [[NodeID]] {
            let all = spans.map { layout.holders(of: partition, copies: $0) }
            let mine = all.filter { $0.next?.contains(around.own) == true }
            return (mine.isEmpty ? all : mine).map(\.current)
        }
        var held: [NodeID: Int] = [:]
        var taken: [NodeID: Int] = [:]
        for number in 0..<Partition.count {
            let partition = Partition(number: UInt16(number))
            let current = sets(partition).max { $0.count < $1.count }
            for node in current ?? [] { held[node, default: 0] += 1 }
            if plan.new.contains(partition), let first = current?.first { taken[first, default: 0] += 1 }
        }
        for (node, count) in taken {
            guard let status = try? await around.peers.status(node), let all = held[node] else { continue }
            around.movement.expect(
                objects: status.objects * UInt64(count) / UInt64(all),
                bytes: status.bytes * UInt64(count) / UInt64(all)
            )
        }
    }
}
