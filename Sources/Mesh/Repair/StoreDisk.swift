internal import NIOCore
package import Store
package import Swim

/// The store of this node, as repair and the layout's driver want it.
package struct StoreDisk: RepairDisk, LayoutDisk {
    private let store: ObjectStore

    package init(_ store: ObjectStore) { self.store = store }

    // MARK: Rows

    package func roots() -> [DigestSum]? { store.digestRoots() }

    package func leaves(of partition: Partition) -> [DigestSum]? { store.digestLeaves(partition) }

    package func walk(_ leaves: LeafSet, after: WalkPlace?, limit: Int) async throws -> WalkPage {
        var filter: (@Sendable (Partition, Int) -> Bool)?
        if !leaves.isWhole { filter = { partition, leaf in leaves.contains(partition, leaf) } }
        let (rows, next) = try await store.walk(
            partitions: Set(leaves.partitions.keys),
            leaves: filter,
            after: after.map { WalkCursor(bytes: $0.bytes) },
            limit: limit
        )
        return WalkPage(
            rows: rows.map { RowSight($0.address, $0.ref, size: $0.size, hasBytes: $0.hasBytes) },
            next: next.map { WalkPlace(bytes: $0.bytes) }
        )
    }

    package func standing(of rows: [RowSight]) async throws -> [RowStanding] {
        try await store.standing(of: rows.map { (address: $0.address, ref: $0.ref) })
    }

    package func row(_ name: RowName) async throws -> Row? { try await store.row(name.address, name.stamp) }

    package func merge(_ rows: [Row], epoch: UInt64) async -> [Stored]? {
        // Resumed exactly once: the store answers each merge once.
        await withUnsafeContinuation { continuation in
            store.merge(rows, epoch: epoch) { continuation.resume(returning: $0) }
        }
    }

    package func drop(_ rows: [RowName]) async throws { try await store.drop(rows.map { ($0.address, $0.stamp) }) }

    package func instances(of partitions: Set<Partition>) async throws -> [OpenInstance] {
        try await store.openInstances(partitions: partitions)
    }

    package func merge(_ instances: [OpenInstance], epoch: UInt64) async throws -> Bool {
        try await store.merge(instances: instances, epoch: epoch)
    }

    package func spentRows(
        _ partitions: Set<Partition>,
        _ cut: CollectionCut,
        after: WalkPlace?,
        limit: Int
    ) async throws -> (rows: [SpentRow], next: WalkPlace?) {
        let (rows, next) = try await store.spentRows(
            partitions: partitions,
            cut: cut,
            after: after.map { WalkCursor(bytes: $0.bytes) },
            limit: limit
        )
        return (rows, next.map { WalkPlace(bytes: $0.bytes) })
    }

    package func standing(ofSpent rows: [SpentRow]) async throws -> [SpentStanding] {
        try await store.standing(ofSpent: rows)
    }

    package func collect(_ rows: [SpentRow], epoch: UInt64) async throws -> Int {
        try await store.collect(rows, epoch: epoch)
    }

    package var marksCount: Int { store.marksCount }

    package func closedBuckets() async throws -> [BucketID] { try await store.closedBuckets() }

    package var buriedBuckets: Set<BucketID> { store.buried }

    package func closeBuckets(_ buckets: [BucketID]) async throws {
        if !buckets.isEmpty { try await store.setClosed(buckets, true) }
    }

    package func buryBuckets(_ buckets: [BucketID]) async throws {
        if !buckets.isEmpty { try await store.bury(buckets) }
    }

    // MARK: Bytes

    package func wanted(after: RowName?, limit: Int) async throws -> [RowName] {
        try await store.wanted(after: after?.address, limit: limit).map { RowName($0.0, $0.1) }
    }

    package var wantedCount: Int { store.wantedCount }

    private struct Stream: RepairStream {
        let writer: BlobWriter

        func append(_ chunk: ByteBuffer) async throws { try await writer.append(chunk, observe: nil) }
        func finish() async throws { _ = try await writer.finish() }
    }

    package func stage(_ op: OpID) throws -> any RepairStream { Stream(writer: try store.stage(op, isRepair: true)) }

    package func unstage(_ op: OpID) { store.unstage(op) }

    package func waiveBytes(of name: RowName) async throws -> Bool {
        try await store.waiveBytes(name.address, name.stamp)
    }

    package func supply(_ name: RowName, _ ops: [OpID]) async throws {
        try await store.supply(name.address, name.stamp, ops: ops)
    }

    // MARK: Hints

    package func hints(for peer: NodeID, limit: Int) async throws -> [RowName] {
        try await store.hints(HintPeer(peer), limit: limit).map { RowName($0.address, $0.stamp) }
    }

    package func removeHints(for peer: NodeID, _ rows: [RowName]) async throws {
        try await store.removeHints(HintPeer(peer), rows.map { HintRow($0.address, $0.stamp) })
    }

    package func addHint(_ missed: MissedRow) {
        store.addHint(HintPeer(missed.node), missed.address, missed.stamp)
    }

    package func hintCounts() -> [NodeID: Int] {
        Dictionary(store.hintCounts().map { (NodeID(high: $0.key.high, low: $0.key.low), $0.value) }) { $0 + $1 }
    }

    package var load: (objects: UInt64, bytes: UInt64) {
        let statistics = store.statistics()
        return (statistics.versions, statistics.logicalBytes)
    }

    // MARK: The layout

    package var storeID: UInt64 { store.storeID }

    package var lastTime: UInt64 { get async { await store.lastTime } }

    package func layoutRow() async throws -> Row? {
        let found = try await store.find(Layout.address.bucket, Layout.address.key, .current, body: false)
        return found.flatMap { $0.record.kind == .object ? Row(record: $0.record, body: .empty) : nil }
    }

    package func found(_ layout: Layout) async throws {
        let value = Array(layout.encoded.readableBytesView)
        _ = try await store.commit(
            .setRegister(name: Layout.address.key.text, value: value, expected: nil, always: true)
        )
    }

    package func forgetOwnMesh() async throws -> Bool {
        guard store.buckets().isEmpty else { return false }
        var place: WalkPlace?
        repeat {
            let page = try await walk(LeafSet([.system]), after: place, limit: RepairMessage.rowsMax)
            try await drop(page.rows.map(\.name))
            place = page.next
        } while place != nil
        return true
    }

    package func keep(_ row: Row) async throws {
        // The row of the layout comes before the epoch that it brings.
        guard await merge([row], epoch: .max) != nil else { throw StoreError.io(what: "the layout cannot be written") }
    }

    package func adopt(_ layout: Layout, own: NodeID) async throws {
        let holds = layout.holds(own, storeID: store.storeID)
        let isSole = layout.isSole == own && layout.admits(own, storeID: store.storeID)
        let bases: @Sendable (BucketID) -> Int = { [store] bucket in
            store.bucket(bucket.within(.object)).flatMap { BucketSettings(encoded: $0.settings).copies }
                ?? Layout.copiesDefault
        }
        guard let place = layout.tenure(of: own, storeID: store.storeID, bases: bases) else {
            return try await store.adopt(
                epoch: layout.epoch,
                settled: layout.settled,
                fences: layout.fences,
                holds: holds,
                isSole: isSole
            )
        }
        try await store.adopt(
            epoch: layout.epoch,
            settled: layout.settled,
            fences: layout.fences,
            holds: holds,
            isSole: isSole,
            place: place,
            keepsBytes: !layout.isWitness(own, storeID: store.storeID)
        )
    }
}

extension Layout {
    /// How this very store stands in the layout; nil: it is no member.
    /// - Parameter bases: what buckets were made with.
    fileprivate func tenure(
        of node: NodeID,
        storeID: UInt64,
        bases: @escaping @Sendable (BucketID) -> Int
    ) -> TenurePlace? {
        guard let index = members.lastIndex(where: { $0.node == node }), members[index].storeID == storeID else {
            return nil
        }
        let entry = UInt8(index)
        return TenurePlace(
            membership: Rendezvous.mix(lineage ^ Rendezvous.mix(members[index].memberSince)),
            isCurrent: (0..<Partition.all).map { number in
                tablesNow.contains { $0.list(Partition(number: UInt16(number))).contains(entry) }
            },
            isEntering: { address in
                let holders = self.holders(of: address, base: bases(address.bucket))
                return holders.next?.contains(node) == true && !holders.current.contains(node)
            }
        )
    }
}

extension HintPeer {
    fileprivate init(_ node: NodeID) { self.init(high: node.high, low: node.low) }
}
