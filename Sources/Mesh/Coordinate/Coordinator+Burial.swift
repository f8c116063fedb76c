package import Store
package import Swim

/// What repair asks of the coordinator before it gives up what is left of deleted buckets.
extension Coordinator: BucketRegister {
    package func liveBuckets() async throws -> Set<BucketID> {
        guard let mesh, mesh.isReady() else { throw CoordinatorError.nobody }
        if mesh.book.current.isSole == mesh.holders.own { return Set(store.buckets().map(\.id)) }
        var live: Set<BucketID> = []
        var query = ScanQuery(bucket: .system, limit: 1000)
        query.prefix = Array(BucketRow.prefix.utf8)
        let address = RowAddress(.system, Key(BucketRow.prefix))
        while true {
            let merged = try await scan(query, .key(address), mesh)
            for entry in merged.entries {
                guard let current = entry.current, current.record.kind == .object else { continue }
                guard let known = BucketRow(encoded: current.record.attributes) else {
                    throw StoreError.corrupt(what: "the row of a bucket has an unknown form")
                }
                live.insert(known.bucket.id)
            }
            guard let next = merged.horizon else { return live }
            query.after = next
        }
    }

    /// Whether a majority of the voters has the bucket as one that takes writes.
    package func isOpen(_ id: BucketID) async -> Bool {
        guard let mesh, mesh.book.current.isSole != mesh.holders.own else { return true }
        do {
            return try await registered(id, mesh)?.value.state == .active
        } catch {
            // Nobody knows just now: it stays as it is.
            return false
        }
    }

    package func openIfActive(_ bucket: BucketID) async {
        guard let mesh else { return }
        // The holder itself asks the register.
        _ = await gather([mesh.holders.own]) { node, done in mesh.holders.setClosed(node, bucket, false, done) }
    }

    package func tellClosed(_ bucket: BucketID, _ node: NodeID) async -> Bool {
        guard let mesh else { return false }
        let answers = await gather([node]) { node, done in mesh.holders.setClosed(node, bucket, true, done) }
        return answers[0]
    }
}
