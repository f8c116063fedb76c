internal import Store
internal import Swim
internal import Synchronization

/// Rows in the order of keys, from as few nodes as have a quorum of every partition among them.
extension Coordinator {
    /// What a scan goes through.
    enum Range: Sendable {
        /// All partitions of a bucket.
        case bucket
        /// The one of this key: an upload's parts.
        case key(RowAddress)
    }

    /// One round: pages of a quorum of each partition, merged. Rows that a quorum does not have are written to it first,
    /// unless it is only asked whether there are any.
    func scan(
        _ query: ScanQuery,
        _ range: Range,
        _ mesh: MeshSide,
        settles: Bool = true
    ) async throws -> MergedScan {
        var failed: [NodeID] = []
        var rests = 0
        for _ in 0..<Self.scansMax {
            let layout = mesh.book.current
            let cover = coverage(layout, query.bucket, range)
            let ranked = mesh.holders.ranked(layout.members.map(\.node))
            guard let nodes = cover.nodes(ranked.filter { !failed.contains($0) }) else {
                // A link that broke is there again in a moment.
                guard rests < Self.restsMax else { throw cover.lost(answered: Set(ranked).subtracting(failed)) }
                try await Task.sleep(for: .milliseconds(Self.restMillis << rests))
                rests += 1
                failed = []
                continue
            }
            if let page = await agreed(query, nodes, cover, layout.epoch, mesh) { return MergedScan(agreed: page) }
            let found = await pages(query, nodes, cover, ranked.filter { !nodes.contains($0) }, layout.epoch, mesh)
            for (node, refusal) in found.refusals {
                let aligned = await gather([node]) { mesh.holders.align($0, refusal, $1) }
                if !aligned[0] { failed.append(node) }
            }
            failed += found.failed
            guard let used = cover.nodes(ranked.filter { node in found.pages.contains { $0.node == node } }) else {
                continue
            }
            var pages: [(node: NodeID, page: ScanPage)] = []
            for (node, page) in found.pages where used.contains(node) {
                if let whole = await complete(page, query, node, layout.epoch, mesh) { pages.append((node, whole)) }
            }
            guard pages.count == used.count else {
                failed += used.filter { node in !pages.contains { $0.node == node } }
                continue
            }
            let areEqual = cover.isHeldByAll(used)
            var merged = MergedScan(pages, wholeKeys: query.allVersions) {
                areEqual ? used : cover.holders(of: $0, among: used)
            }
            if !settles { return merged }
            if try await settle(&merged, query, layout.epoch, mesh) { return merged }
        }
        throw CoordinatorError.contended(.none)
    }

    /// The page of the first node, if the digests of the others' pages say that they have the same: nearly always, and
    /// for a fraction of the bytes. Nil: nothing is known.
    private func agreed(
        _ query: ScanQuery,
        _ nodes: [NodeID],
        _ cover: Coverage,
        _ epoch: UInt64,
        _ mesh: MeshSide
    ) async -> ScanPage? {
        guard nodes.count > 1, cover.isHeldByAll(nodes), nodes.allSatisfy(mesh.holders.isExpected), accord.isLikely
        else { return nil }
        let seed = UInt64.random(in: .min ... .max)
        var short = query
        short.digestSeed = seed
        let calls = [ReplicaCall(epoch: epoch, .scan(query)), ReplicaCall(epoch: epoch, .scan(short))]
        let replies: [(node: NodeID, answer: ReplicaReply)] = await gather(
            nodes,
            orElse: [],
            patienceMicros: Self.scanPatienceMicros,
            givesUp: true,
            isEnough: { $0.count == nodes.count }
        ) { node, done in
            mesh.holders.call(node, calls[node == nodes[0] ? 0 : 1], timeoutMicros: Self.scanPatienceMicros, done)
        }
        guard replies.count == nodes.count, let first = replies.first(where: { $0.node == nodes[0] })?.answer,
            case .scanned(let page) = first, !page.isCut
        else { return nil }
        let digest = PageDigest(page, seed: seed)
        let isAgreed = replies.allSatisfy { node, reply in
            if case .digested(let other) = reply { other == digest } else { node == nodes[0] }
        }
        accord.note(isAgreed)
        return isAgreed ? page : nil
    }

    /// A page that ended in the middle of its key, with the rest of the key; nil: the holder did not go on.
    private func complete(
        _ page: ScanPage,
        _ query: ScanQuery,
        _ node: NodeID,
        _ epoch: UInt64,
        _ mesh: MeshSide
    ) async -> ScanPage? {
        var whole = page
        var query = query
        query.limit = 1
        while whole.isCut {
            guard whole.rows.count < Self.rowsOfKeyMax, let last = whole.rows.last else { return nil }
            query.after = last.record.key.bytes
            query.inside = last.stamp
            let call = ReplicaCall(epoch: epoch, .scan(query))
            let replies: [ReplicaReply?] = await gather([node]) { node, done in
                mesh.holders.call(node, call, timeoutMicros: Self.scanMicros, done)
            }
            guard case .scanned(let rest) = replies[0] else { return nil }
            // Of the key nothing is left when it goes on with another one.
            whole.rows += rest.rows.prefix { $0.record.key == last.record.key }
            whole.isCut = rest.isCut
            whole.isTruncated = rest.isTruncated || rest.rows.last.map { $0.record.key != last.record.key } ?? false
        }
        return whole
    }

    private func coverage(_ layout: Layout, _ bucket: BucketID, _ range: Range) -> Coverage {
        switch range {
        case .key(let address): Coverage([holders(of: address, layout)])
        case .bucket: cover(of: bucket, layout)
        }
    }

    func cover(of bucket: BucketID, _ layout: Layout) -> Coverage {
        coverages.whole(layout, copies: layout.span(of: bucket, base: copies(of: bucket)))
    }

    /// Rows of one key that a list takes in: some hundred megabytes.
    private static let rowsOfKeyMax = 500_000
    private struct Found {
        var pages: [(node: NodeID, page: ScanPage)] = []
        var refusals: [(node: NodeID, refusal: Store.Refusal)] = []
        var failed: [NodeID] = []
    }

    /// Pages of these nodes, or of others where one of them does not answer soon.
    private func pages(
        _ query: ScanQuery,
        _ nodes: [NodeID],
        _ cover: Coverage,
        _ spare: [NodeID],
        _ epoch: UInt64,
        _ mesh: MeshSide
    ) async -> Found {
        let call = ReplicaCall(epoch: epoch, .scan(query))
        let rest = Mutex(Found())
        let answers: [(node: NodeID, answer: ScanPage)] = await gather(
            nodes,
            orElse: spare,
            patienceMicros: Self.scanPatienceMicros,
            isEnough: { cover.isCovered(by: $0) }
        ) { node, done in
            mesh.holders.call(node, call, timeoutMicros: Self.scanMicros) { reply in
                switch reply {
                case .scanned(let page): return done(page)
                case .refused(let refusal) where refusal.isAboutEpoch:
                    rest.withLock { $0.refusals.append((node, refusal)) }
                default: rest.withLock { $0.failed.append(node) }
                }
                done(nil)
            }
        }
        var found = rest.withLock { $0 }
        found.pages = answers.map { ($0.node, $0.answer) }
        return found
    }

    /// The link's own deadline comes sooner; a disk that is busy gets this long.
    private static let scanMicros: UInt64 = 5_000_000
    /// Then the others are asked for what a node owes.
    private static let scanPatienceMicros: UInt64 = 250_000
    /// Rests of 50, 100, 200, 400 ms while too few can be reached.
    static let restsMax = 4
    static let restMillis = 50
    private static let scansMax = 16
    /// Differing keys that are settled at once.
    private static let settledAtOnce = 32

    /// What one list showed no later read may miss: rows that are not on a quorum are brought there first. False: a
    /// holder could not take them, so the pages have to be read again.
    private func settle(
        _ merged: inout MergedScan,
        _ query: ScanQuery,
        _ epoch: UInt64,
        _ mesh: MeshSide
    ) async throws -> Bool {
        let differing = merged.entries.indices.filter { !merged.entries[$0].isAgreed }
        if differing.isEmpty { return true }
        metrics.writeBacks.add(UInt64(differing.count))
        let entries = merged.entries
        let settled = try await withThrowingTaskGroup(of: (Int, Bool, Row?).self) { group in
            var settled: [(index: Int, isDone: Bool, current: Row?)] = []
            for (begun, index) in differing.enumerated() {
                if begun >= Self.settledAtOnce, let one = try await group.next() { settled.append(one) }
                let entry = entries[index]
                group.addTask { [self] in
                    if query.allVersions { return (index, await supply(entry, epoch, mesh), nil) }
                    // A chain may end too early (see `Looking`): the register's read goes to the bottom of it.
                    let address = RowAddress(query.bucket, Key(entry.key))
                    return (index, true, try await sight(address, .current, .record, mesh).found)
                }
            }
            for try await one in group { settled.append(one) }
            return settled
        }
        if !query.allVersions { for one in settled { merged.settle(one.index, one.current) } }
        return settled.allSatisfy(\.isDone)
    }

    /// - Parameter epoch: of the pages: rows that were seen under one layout are not brought to holders under a later one.
    private func supply(_ entry: MergedScan.Entry, _ epoch: UInt64, _ mesh: MeshSide) async -> Bool {
        for (node, row) in entry.missing {
            let replies: [ReplicaReply?] = await gather([node]) { node, done in
                let call = ReplicaCall(epoch: epoch, .commit(row))
                mesh.holders.call(node, call, timeoutMicros: Self.scanMicros, done)
            }
            guard case .stored = replies[0] else { return false }
        }
        return true
    }
}
