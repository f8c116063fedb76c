import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// Some nodes in one process, with stores in memory and a network that counts.
final class RepairBed: Sendable {
    final class Station: Sendable {
        let id: NodeID
        let disk: MemoryDisk
        /// A store on a disk, in place of the one in memory.
        let store: ObjectStore?
        let layout: LayoutDriver
        let repair: Repair
        let conduct: LayoutConduct

        init(
            _ id: NodeID,
            _ disk: MemoryDisk,
            _ store: ObjectStore?,
            _ layout: LayoutDriver,
            _ repair: Repair,
            _ conduct: LayoutConduct
        ) {
            self.id = id
            self.disk = disk
            self.store = store
            self.layout = layout
            self.repair = repair
            self.conduct = conduct
        }
    }

    struct Net {
        var stations: [NodeID: Station] = [:]
        var down: Set<NodeID> = []
        var bytes: UInt64 = 0
        var bodyBytes: UInt64 = 0
        /// Nodes that give wrong bytes.
        var liars: Set<NodeID> = []
    }

    struct Line: RepairLine {
        let own: NodeID
        let bed: RepairBed

        func ask(_ node: NodeID, _ method: RepairMethod, _ payload: ByteBuffer) async throws(RepairFailure)
            -> ByteBuffer
        {
            guard let station = bed.reach(own, node) else { throw .unreachable }
            let answer =
                switch method {
                case .layoutGet, .layoutOffer: await station.layout.answer(method, payload)
                default: await station.repair.service.answer(method, payload, from: own)
                }
            bed.net.withLock { $0.bytes += UInt64(payload.readableBytes + answer.readableBytes) }
            return answer
        }

        func bytes(
            _ node: NodeID,
            _ name: RowName,
            from offset: UInt64,
            count: Int
        ) async throws(RepairFailure) -> ByteBuffer {
            guard let station = bed.reach(own, node) else { throw .unreachable }
            if let store = station.store {
                bed.net.withLock { $0.bytes += UInt64(count) }
                let reader = try? await store.openBody(name.address, name.stamp)
                guard let bytes = try? await reader?.read(at: offset, limit: offset + UInt64(count)) else {
                    throw .unreachable
                }
                return bytes
            }
            guard let body = station.disk.body(name), Int(offset) + count <= body.count else { throw .unreachable }
            var piece = ByteBuffer(bytes: body[Int(offset)..<Int(offset) + count])
            bed.net.withLock { net in
                net.bytes += UInt64(count)
                net.bodyBytes += UInt64(count)
                if net.liars.contains(node) { piece.setInteger(~body[Int(offset)], at: 0) }
            }
            return piece
        }
    }

    /// Decides as voters would: one successor of what was decided, if a quorum of the voters is there.
    struct Register: LayoutRegister {
        let bed: RepairBed

        func propose(_ layout: Layout) async -> Row? {
            let decided = bed.decided.withLock { decided -> Row? in
                guard let (known, stamp) = decided, layout.follows(known) else { return nil }
                let up = bed.net.withLock { net in net.stations.keys.filter { !net.down.contains($0) } }
                guard known.voters.isQuorum(up) else { return nil }
                var row = layout.row(OpID(high: layout.epoch, low: 7), nowMillis: 1)
                row.record.stamp = stamp.successor
                decided = (layout, row.stamp)
                return row
            }
            return decided
        }
    }

    let net = Mutex(Net())
    let decided = Mutex<(Layout, Stamp)?>(nil)
    let wishes = EqualCopies()
    let settings: RepairSettings

    /// - Parameter collects: tombstones go as soon as all members say so, whatever their age.
    init(collects: Bool = false) {
        var settings = RepairSettings()
        settings.recheckMicros = 0
        if collects {
            settings.collectMicros = 1
            settings.collectAgeMillis = 0
            settings.collectUploadAgeMillis = 0
        }
        self.settings = settings
    }

    static func id(_ number: UInt64) -> NodeID { NodeID(high: number, low: number) }

    func reach(_ own: NodeID, _ node: NodeID) -> Station? {
        net.withLock { $0.down.contains(own) || $0.down.contains(node) ? nil : $0.stations[node] }
    }

    func station(_ number: UInt64) -> Station {
        guard let station = net.withLock({ $0.stations[Self.id(number)] }) else { fatalError("no station \(number)") }
        return station
    }

    func setDown(_ number: UInt64, _ isDown: Bool) {
        net.withLock { net in
            if isDown { net.down.insert(Self.id(number)) } else { net.down.remove(Self.id(number)) }
        }
    }

    var bytes: UInt64 { net.withLock { $0.bytes } }

    /// Starts a node: the first founds the mesh, others come in by the steward. `isLostFounder`: it has met them in an
    /// earlier life, and its store is new.
    @discardableResult
    func start(
        _ number: UInt64,
        weight: UInt32 = 100,
        store: ObjectStore? = nil,
        isLostFounder: Bool = false
    ) async throws -> Station {
        let id = Self.id(number)
        let isFounder = decided.withLock { $0 == nil } || isLostFounder
        let memory = MemoryDisk(storeID: number)
        let disk: any RepairDisk & LayoutDisk = if let store { StoreDisk(store) } else { memory }
        let line = Line(own: id, bed: self)
        let layout = try await LayoutDriver.open(
            own: id,
            disk: disk,
            line: line,
            isFounder: isFounder,
            hasMet: isLostFounder,
            zone: "",
            weight: weight
        )
        if isFounder, !isLostFounder, let row = try await disk.layoutRow() {
            decided.withLock { $0 = (layout.book.current, row.stamp) }
        }
        let repair = Repair(
            own: id,
            place: OwnPlace(storeID: disk.storeID, zone: "", weight: { weight }),
            disk: disk,
            line: line,
            book: layout.book,
            gate: layout.gate,
            wishes: wishes,
            settings: settings,
            epoch: { layout.epoch },
            align: { await layout.align($0, $1) },
            alive: { [unowned self] in
                self.net.withLock { net in Set(net.stations.keys).subtracting(net.down).subtracting([id]) }
            },
            name: { "node\($0.low)" }
        )
        var pace = LayoutSteward.Settings()
        pace.joinDelayMicros = 0
        pace.rankDelayMicros = 0
        pace.retryMicrosMax = 4
        let conduct = LayoutConduct(
            layout,
            register: Register(bed: self),
            around: repair,
            wishes: wishes,
            settings: pace
        )
        let station = Station(id, memory, store, layout, repair, conduct)
        net.withLock { $0.stations[id] = station }
        return station
    }

    /// Three nodes on real stores, a mesh already.
    static func three(_ shelf: RepairShelf, seed: UInt64? = nil) async throws -> RepairBed {
        let bed = RepairBed()
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number, store: try shelf.open()) }
        try #require(try await bed.settle(members: 3), "seed \(seed.map { "\($0)" } ?? "none")")
        return bed
    }

    /// All nodes that are up, by id.
    var up: [Station] {
        net.withLock { net in net.stations.values.filter { !net.down.contains($0.id) } }.sorted { $0.id < $1.id }
    }

    /// One round of everything on every node, without waiting for any clock.
    func round(surplus: Bool = true) async throws {
        for station in up {
            await station.conduct.step()
            _ = try? await station.repair.mover.step()
            await station.repair.drainHints()
            await station.repair.fetchWanted()
            if surplus { _ = try? await station.repair.dropSurplus() }
            try? await station.repair.collector.step()
        }
    }

    /// Rounds until the layout is stable with so many members and known to all; false when it takes too many.
    func settle(members: Int, surplus: Bool = true, between: () async throws -> Void = {}) async throws -> Bool {
        for _ in 0..<40 {
            try await round(surplus: surplus)
            try await between()
            let layouts = up.map(\.layout.book.current)
            guard let first = layouts.first, layouts.allSatisfy({ $0.epoch == first.epoch }) else { continue }
            if !first.isJoint, first.members.count == members {
                // Twice, so that what was pushed for the sake of surplus is dropped too.
                try await round(surplus: surplus)
                try await round(surplus: surplus)
                return true
            }
        }
        return false
    }
}

/// Rows as clients write them.
struct Writer {
    private var random: Swim.Random
    private var clock: UInt64 = 1 << 40
    var bucket = BucketID(rawValue: 9)

    init(seed: UInt64) { random = Swim.Random(seed: seed) }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }

    mutating func below(_ bound: Int) -> Int { random.below(bound) }

    /// A new version of a key; the body is in the row if it is small, else beside it.
    mutating func row(_ key: String, size: Int, isSmall: Bool = true) -> (row: Row, body: [UInt8]) {
        let body = bytes(size)
        clock += 1 + UInt64(random.below(1000))
        let digest = BodyDigest(checksum: nil, sha256: false)
        body.withUnsafeBytes { digest.update($0) }
        let md5 = digest.finish().md5
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        var record = Record(
            bucket: bucket,
            key: Key(key),
            stamp: Stamp(t: clock, w: random.next(), q: 0),
            kind: .object,
            isNull: true,
            size: UInt64(size),
            etag: ETag(high: word(md5[..<8]), low: word(md5[8...])),
            body: .empty,
            attributes: [],
            tags: []
        )
        record.op = OpID(high: random.next(), low: random.next())
        return (Row(record: record, body: isSmall ? .inline(ByteBuffer(bytes: body)) : .absent), body)
    }
}

extension RepairBed {
    /// Writes to all holders as a coordinator would, those of both sets while the layout changes. The nodes in `missing`
    /// do not hear of it; the others note hints for them if `hinted`.
    func write(_ written: (row: Row, body: [UInt8]), missing: Set<NodeID> = [], hinted: Bool = true) {
        let stations = net.withLock { $0.stations }
        guard let layout = stations.values.map(\.layout.book.current).max(by: { $0.epoch < $1.epoch }) else { return }
        let holders = layout.holders(of: written.row.address, base: 3).everyone
        let name = RowName(written.row.address, written.row.stamp)
        for node in holders where !missing.contains(node) {
            guard let disk = stations[node]?.disk else { continue }
            disk.state.withLock { state in
                if case .absent = written.row.body { state.bodies[name] = written.body }
                _ = state.put(written.row)
                if state.rows[name.address]?.contains(where: { $0.stamp == name.stamp }) != true {
                    state.bodies[name] = nil
                }
                guard hinted else { return }
                for other in holders where missing.contains(other) { state.hints[other, default: []].append(name) }
            }
        }
    }

    /// Every key's newest row is with its bytes on each of its holders, and in the end nowhere else.
    func check(_ newest: [RowAddress: Row], exactly: Bool) -> [String] {
        let stations = net.withLock { $0.stations }
        guard let layout = stations.values.map(\.layout.book.current).max(by: { $0.epoch < $1.epoch }) else {
            return []
        }
        var faults: [String] = []
        for (address, row) in newest {
            let holders = layout.holders(of: address, base: 3).everyone
            for (node, station) in stations {
                let (has, isWhole) = station.disk.state.withLock { state in
                    let own = state.rows[address]?.first { $0.stamp == row.stamp }
                    return (own != nil, own.map { state.hasBytes($0) } ?? false)
                }
                if holders.contains(node) {
                    if !has || !isWhole { faults.append("\(address.key.text) is not whole on \(node.low)") }
                } else if has, exactly {
                    faults.append("\(address.key.text) is on \(node.low), which is no holder")
                }
            }
        }
        return faults
    }
}
