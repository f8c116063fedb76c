import NIOCore
import Store
import Swim
import Synchronization

@testable import Mesh

/// A store in memory, with the rules of the real one: rows in normal form, digests, bodies apart from rows.
final class MemoryDisk: RepairDisk, LayoutDisk {
    struct State {
        var rows: [RowAddress: [Row]] = [:]
        var bodies: [RowName: [UInt8]] = [:]
        var leaves = [[DigestSum]](repeating: [DigestSum](repeating: .zero, count: 256), count: Partition.all)
        var roots = [DigestSum](repeating: .zero, count: Partition.all)
        var sorted: [RowName]?
        var instances: [RowAddress: OpenInstance] = [:]
        var hints: [NodeID: [RowName]] = [:]
        var staged: [OpID: [UInt8]] = [:]
        var wanted: Set<RowName> = []
        var layout: Layout?
        var isScanning = false
        var closed: Set<BucketID> = []
        var buried: Set<BucketID> = []
    }

    let storeID: UInt64
    let state = Mutex(State())
    /// Looks at every row before it is dropped.
    let onDrop = Mutex<(@Sendable (RowName) -> Void)?>(nil)

    init(storeID: UInt64) { self.storeID = storeID }

    static func sum(_ address: RowAddress, _ ref: RowRef) -> DigestSum {
        var hash = address.hash
        for word in [ref.stamp.t, ref.stamp.w, UInt64(ref.stamp.q), ref.op.high, ref.op.low] {
            hash = Rendezvous.mix(hash ^ word)
        }
        return DigestSum(high: hash, low: Rendezvous.mix(hash))
    }

    // MARK: Rows

    func put(_ rows: [Row]) -> [Stored] { state.withLock { state in rows.map { state.put($0) } } }

    func merge(_ rows: [Row], epoch: UInt64) async -> [Stored]? { put(rows) }

    func row(_ name: RowName) async throws -> Row? {
        state.withLock { $0.rows[name.address]?.first { $0.stamp == name.stamp } }
    }

    func drop(_ rows: [RowName]) async throws {
        if let onDrop = onDrop.withLock({ $0 }) { for row in rows { onDrop(row) } }
        state.withLock { state in for row in rows { state.remove(row) } }
    }

    func closedBuckets() async throws -> [BucketID] { state.withLock { Array($0.closed) } }

    var buriedBuckets: Set<BucketID> { state.withLock { $0.buried } }

    func closeBuckets(_ buckets: [BucketID]) async throws { state.withLock { $0.closed.formUnion(buckets) } }

    func buryBuckets(_ buckets: [BucketID]) async throws {
        state.withLock { state in
            state.buried.formUnion(buckets)
            state.closed.subtract(buckets)
            for name in state.order() where buckets.contains(name.address.bucket.within(.object)) { state.remove(name) }
        }
    }

    func roots() -> [DigestSum]? {
        state.withLock { $0.isScanning ? nil : $0.roots }
    }

    func leaves(of partition: Partition) -> [DigestSum]? {
        state.withLock { $0.isScanning ? nil : $0.leaves[Int(partition.number)] }
    }

    func walk(_ leaves: LeafSet, after: WalkPlace?, limit: Int) async throws -> WalkPage {
        state.withLock { state in
            let sorted = state.order()
            var at = after.map { Int($0.bytes.reduce(0) { $0 << 8 | UInt64($1) }) } ?? 0
            var page: [RowSight] = []
            while at < sorted.count, page.count < limit {
                let name = sorted[at]
                at += 1
                guard leaves.contains(name.address),
                    let row = state.rows[name.address]?.first(where: { $0.stamp == name.stamp })
                else { continue }
                page.append(
                    RowSight(name.address, row.ref, size: row.record.size, hasBytes: state.hasBytes(row))
                )
            }
            let place = WalkPlace(bytes: (0..<8).reversed().map { UInt8(truncatingIfNeeded: at >> ($0 * 8)) })
            return WalkPage(rows: page, next: at < sorted.count ? place : nil)
        }
    }

    func standing(of rows: [RowSight]) async throws -> [RowStanding] {
        state.withLock { state in
            rows.map { sight in
                let own = state.rows[sight.address] ?? []
                if let row = own.first(where: { $0.stamp == sight.ref.stamp }) {
                    return state.hasBytes(row) ? .settled : .withoutBytes
                }
                return KeyRows(own.map(\.ref)).isVoid(sight.ref) ? .settled : .missing
            }
        }
    }

    // MARK: Instances, bodies, hints

    func instances(of partitions: Set<Partition>) async throws -> [OpenInstance] {
        state.withLock { state in state.instances.values.filter { partitions.contains($0.address.partition) } }
    }

    func merge(_ instances: [OpenInstance], epoch: UInt64) async throws -> Bool {
        state.withLock { state in
            for instance in instances {
                let rows = KeyRows((state.rows[instance.address] ?? []).map(\.ref))
                state.instances[instance.address] = KeyRules.merge(
                    state.instances[instance.address],
                    instance,
                    on: KeyBase(rows, settled: 0)
                )
            }
        }
        return true
    }

    /// What is in memory keeps its tombstones: those of real stores are collected.
    func spentRows(
        _ partitions: Set<Partition>,
        _ cut: CollectionCut,
        after: WalkPlace?,
        limit: Int
    ) async throws -> (rows: [SpentRow], next: WalkPlace?) { ([], nil) }

    func standing(ofSpent rows: [SpentRow]) async throws -> [SpentStanding] { rows.map { _ in .needed } }
    func collect(_ rows: [SpentRow], epoch: UInt64) async throws -> Int { 0 }
    var marksCount: Int { 0 }

    func body(_ name: RowName) -> [UInt8]? { state.withLock { $0.bodies[name] } }

    func wanted(after: RowName?, limit: Int) async throws -> [RowName] {
        state.withLock { state in
            let all = state.wanted.sorted(by: Self.precedes)
            return Array((after.map { after in all.filter { Self.precedes(after, $0) } } ?? all).prefix(limit))
        }
    }

    var wantedCount: Int { state.withLock { $0.wanted.count } }

    struct Stream: RepairStream {
        let disk: MemoryDisk
        let op: OpID

        func append(_ chunk: ByteBuffer) async throws {
            disk.state.withLock { $0.staged[op, default: []] += Array(chunk.readableBytesView) }
        }

        func finish() async throws {}
    }

    func stage(_ op: OpID) throws -> any RepairStream {
        state.withLock { $0.staged[op] = [] }
        return Stream(disk: self, op: op)
    }

    func unstage(_ op: OpID) { state.withLock { $0.staged[op] = nil } }

    /// Nothing here is a part.
    func waiveBytes(of name: RowName) async throws -> Bool { false }

    func supply(_ name: RowName, _ ops: [OpID]) async throws {
        state.withLock { state in
            state.bodies[name] = ops.flatMap { state.staged.removeValue(forKey: $0) ?? [] }
            state.wanted.remove(name)
        }
    }

    func hints(for peer: NodeID, limit: Int) async throws -> [RowName] {
        state.withLock { Array(($0.hints[peer] ?? []).prefix(limit)) }
    }

    func removeHints(for peer: NodeID, _ rows: [RowName]) async throws {
        state.withLock { state in
            let gone = Set(rows)
            state.hints[peer]?.removeAll { gone.contains($0) }
        }
    }

    func hintCounts() -> [NodeID: Int] { state.withLock { $0.hints.mapValues(\.count).filter { $0.value > 0 } } }

    var load: (objects: UInt64, bytes: UInt64) {
        state.withLock { state in
            let rows = state.rows.values.joined()
            return (UInt64(rows.count), rows.reduce(0) { $0 + $1.record.size })
        }
    }

    // MARK: Layout

    var lastTime: UInt64 {
        get async { state.withLock { $0.rows.values.joined().map(\.stamp.t).max() ?? 0 } }
    }

    func layoutRow() async throws -> Row? {
        state.withLock { $0.rows[Layout.address]?.max { $0.stamp < $1.stamp } }
    }

    func found(_ layout: Layout) async throws {
        var row = layout.row(OpID(high: 1, low: 1), nowMillis: 1)
        row.record.stamp = Stamp(t: 1, w: 0, q: 1)
        _ = put([row])
    }

    func forgetOwnMesh() async throws -> Bool {
        state.withLock { $0.rows[Layout.address] = nil }
        return true
    }

    func keep(_ row: Row) async throws { _ = put([row]) }

    func adopt(_ layout: Layout, own: NodeID) async throws { state.withLock { $0.layout = layout } }

    static func precedes(_ a: RowName, _ b: RowName) -> Bool {
        if a.address.bucket != b.address.bucket { return a.address.bucket.rawValue < b.address.bucket.rawValue }
        if a.address.key != b.address.key { return a.address.key < b.address.key }
        return a.stamp > b.stamp
    }
}

extension MemoryDisk.State {
    func hasBytes(_ row: Row) -> Bool {
        switch row.body {
        case .empty, .inline: true
        case .staged, .parts, .absent, .handedOver: bodies[RowName(row.address, row.stamp)] != nil
        }
    }

    mutating func order() -> [RowName] {
        if let sorted { return sorted }
        let names = rows.flatMap { address, rows in rows.map { RowName(address, $0.stamp) } }
        let order = names.sorted(by: MemoryDisk.precedes)
        sorted = order
        return order
    }

    mutating func put(_ row: Row) -> Stored {
        let address = row.address
        let name = RowName(address, row.stamp)
        let own = rows[address] ?? []
        if let known = own.first(where: { $0.stamp == row.stamp }) {
            return hasBytes(known) ? .complete : .withoutBytes
        }
        var merged = KeyRows(own.map(\.ref))
        merged.merge([row.ref])
        let kept = Set(merged.rows.map(\.stamp))
        guard kept.contains(row.stamp) else { return .superseded }
        for old in own where !kept.contains(old.stamp) { remove(RowName(address, old.stamp)) }
        rows[address, default: []].append(row)
        let sum = MemoryDisk.sum(address, row.ref)
        leaves[Int(address.partition.number)][address.leaf] += sum
        roots[Int(address.partition.number)] += sum
        sorted = nil
        if hasBytes(row) { return .complete }
        wanted.insert(name)
        return .withoutBytes
    }

    mutating func remove(_ name: RowName) {
        guard let row = rows[name.address]?.first(where: { $0.stamp == name.stamp }) else { return }
        rows[name.address]?.removeAll { $0.stamp == name.stamp }
        if rows[name.address]?.isEmpty == true { rows[name.address] = nil }
        let sum = MemoryDisk.sum(name.address, row.ref)
        leaves[Int(name.address.partition.number)][name.address.leaf] -= sum
        roots[Int(name.address.partition.number)] -= sum
        bodies[name] = nil
        wanted.remove(name)
        sorted = nil
    }
}
