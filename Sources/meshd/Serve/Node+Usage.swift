import Mesh
import Store
import Swim
import Synchronization

/// What all nodes have of each bucket, put together.
extension Node {
    private static let watchedMillis: UInt64 = 5_000
    /// For pages of metrics.
    private static let unwatchedMillis: UInt64 = 60_000
    /// For a person: asking everybody for each of a few clicks would tell nothing new.
    private static let freshMillis: UInt64 = 2_000
    /// For a write that may be beyond a quota.
    private static let nearMillis: UInt64 = 250
    /// Pages of one node: who has more does not answer.
    private static let pagesMax = 64

    /// Asks all nodes what they have, unless that was done so lately. Who comes while somebody asks waits for him.
    func lookAtUsage() async { await lookAtUsage(noOlderThan: Self.freshMillis) }

    /// What both faces ask before they take in an object.
    var quotaGate: QuotaGate {
        QuotaGate(quotas: quotas, coordinator: coordinator) { [weak self] in
            await self?.lookAtUsage(noOlderThan: Self.nearMillis)
        }
    }

    func lookAtUsage(noOlderThan millis: UInt64) async {
        let now = JSON.nowMillis()
        if let looked = usage.lookedMillis, looked <= now, now < looked + millis { return }
        let look = usageLook.withLock { running in
            let look =
                running
                ?? Task {
                    await self.askForUsage()
                    self.usageLook.withLock { $0 = nil }
                }
            running = look
            return look
        }
        await look.value
    }

    private func askForUsage() async {
        guard let layout = currentLayout else { return }
        usage.begin()
        let known = (try? await mesh().report()).map { Set(ClusterBoard.present(in: $0)) }
        var counts: [NodeID: [BucketID: Usage]?] = [identity.id: store.usage()]
        await withTaskGroup(of: (NodeID, [BucketID: Usage]?).self) { tasks in
            for node in layout.keepers where node != identity.id {
                // Who is known to be away would only be waited for.
                counts[node] = .some(nil)
                if known?.contains(node) != false { tasks.addTask { (node, await self.usage(of: node)) } }
            }
            // Who keeps nothing may have old copies, and need not answer.
            let others = Set(layout.members.map(\.node)).subtracting(counts.keys)
            for node in others where known?.contains(node) == true {
                tasks.addTask { (node, await self.usage(of: node)) }
            }
            for await (node, usage) in tasks where usage != nil || !others.contains(node) {
                counts[node] = .some(usage)
            }
        }
        let buckets = coordinator.buckets()
        let totals = UsageEstimate.totals(counts.compactMapValues(\.self), layout, of: buckets.map(\.id)) {
            coordinator.span(of: $0).now
        }
        usage.end(
            totals,
            buckets,
            nodes: counts.count,
            isComplete: counts.values.allSatisfy { $0 != nil },
            nowMillis: JSON.nowMillis()
        )
    }

    /// Nil: it does not answer, or is of a build that knows no such question.
    private func usage(of node: NodeID) async -> [BucketID: Usage]? {
        var all: [BucketID: Usage] = [:]
        var after: UInt64?
        for _ in 0..<Self.pagesMax {
            guard case .usage(let page) = await ask(.usage(after: after), of: [node])[node] else { return nil }
            all.merge(page.usage) { $1 }
            guard let next = page.next else { return all }
            after = next
        }
        return nil
    }

    /// Keeps the numbers fresh, most of all where something is judged by them.
    func followUsage() async {
        while !Task.isCancelled {
            await lookAtUsage(noOlderThan: quotas.isWatching ? Self.watchedMillis / 2 : Self.unwatchedMillis)
            try? await Task.sleep(for: .milliseconds(Self.watchedMillis))
        }
    }
}
