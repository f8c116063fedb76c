import Mesh
import Store
import Swim

/// What all nodes have of each bucket, put together.
extension Node {
    /// Quotas are judged by numbers that are no older.
    private static let watchedSeconds = 5
    /// For pages of metrics.
    private static let seconds = 60
    /// For a person, or a page of metrics: asking everybody for each of a few clicks would tell nothing new.
    private static let freshMillis: UInt64 = 2_000
    /// Pages of one node: buckets beyond that are not counted.
    private static let pagesMax = 64

    /// Asks all nodes what they have, unless they were asked a moment ago.
    func lookAtUsage() async {
        let ledger = quotas.ledger
        if let looked = ledger.lookedMillis, JSON.nowMillis() < looked + Self.freshMillis { return }
        guard let layout = currentLayout else { return }
        ledger.begin()
        var counts = [identity.id: store.usage()]
        let keepers = layout.keptPartitions(copies: SlotTable.widthMax).keys.filter { $0 != identity.id }
        await withTaskGroup(of: (NodeID, [BucketID: Usage]?).self) { tasks in
            for node in keepers { tasks.addTask { (node, await self.usage(of: node)) } }
            for await (node, usage) in tasks { counts[node] = usage }
        }
        let totals = UsageEstimate.totals(counts, layout) { coordinator.span(of: $0).now }
        ledger.end(totals, coordinator.buckets(), nowMillis: JSON.nowMillis())
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
        return all
    }

    /// Keeps the numbers fresh, most of all where something is judged by them.
    func followUsage() async {
        while !Task.isCancelled {
            for turn in 0..<Self.seconds / Self.watchedSeconds where turn == 0 || quotas.isWatching {
                await lookAtUsage()
                try? await Task.sleep(for: .seconds(Self.watchedSeconds))
            }
            if !quotas.isWatching { try? await Task.sleep(for: .seconds(Self.seconds)) }
        }
    }
}
