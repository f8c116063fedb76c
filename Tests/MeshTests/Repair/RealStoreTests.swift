import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// The same on real stores, smaller: what the stores in memory promise has to be true of those on a disk.
@Suite struct RealStoreTests {
    private func put(_ written: (row: Row, body: [UInt8]), _ store: ObjectStore, bytes: Bool = true) async throws {
        var row = written.row
        if case .absent = row.body, bytes {
            let writer = try store.stage(row.record.op)
            var start = 0
            while start < written.body.count {
                let end = min(start + BlobWriter.chunkBytes, written.body.count)
                try await writer.append(ByteBuffer(bytes: written.body[start..<end]), observe: nil)
                start = end
            }
            _ = try await writer.finish()
            row.body = .staged
        }
        let stored = await StoreDisk(store).merge([row], epoch: .max)
        #expect(stored == [bytes ? .complete : .withoutBytes])
    }

    /// What is wrong with the copies of these rows.
    private func faults(_ bed: RepairBed, _ newest: [RowAddress: Row], exactly: Bool) async throws -> [String] {
        var faults: [String] = []
        for (address, row) in newest {
            let holders = bed.station(1).layout.book.current.holders(of: address.partition, copies: 3)
            for station in bed.up {
                guard let store = station.store else { continue }
                let disk = StoreDisk(store)
                let sight = RowSight(address, row.ref, size: row.record.size, hasBytes: true)
                let standing = try await disk.standing(of: [sight])
                if holders.contains(station.id) {
                    if standing != [.settled] { faults.append("\(address.key.text) on \(station.id.low): \(standing)") }
                } else if exactly, standing != [.missing] {
                    faults.append("\(address.key.text) is still on \(station.id.low)")
                }
            }
        }
        return faults
    }

    @Test("a holder tells of each row that a coordinator gives it without bytes, and of no other")
    func bareRowsAreTold() async throws {
        var writer = Writer(seed: 4)
        let shelf = RepairShelf()
        let bed = try await RepairBed.three(shelf)
        let holder = Holder(store: try #require(bed.station(3).store))
        let told = Mutex<[RowName]>([])
        holder.onBareRow { name in told.withLock { $0.append(name) } }
        let epoch = bed.station(3).layout.epoch
        let rows = [writer.row("bare", size: 300_000, isSmall: false).row, writer.row("small", size: 90).row]
        for (row, isBare) in zip(rows, [true, false]) {
            let reply = await withCheckedContinuation { done in
                holder.answer(ReplicaCall(epoch: epoch, .commit(row))) { done.resume(returning: $0) }
            }
            guard case .stored(isBare ? .withoutBytes : .complete) = reply else {
                Issue.record("\(row.address.key.text): \(reply)")
                return
            }
        }
        #expect(told.withLock { $0 } == [RowName(rows[0].address, rows[0].stamp)])
        await shelf.close()
    }

    @Test("on real stores differences heal, hints drain, bodies arrive, and a fourth node takes exactly its share")
    func wholeLife() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let shelf = RepairShelf()
        let bed = RepairBed()
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number, store: try shelf.open()) }
        try #require(try await bed.settle(members: 3), "seed \(seed)")
        let stores = bed.up.compactMap(\.store)
        var newest: [RowAddress: Row] = [:]
        for index in 0..<300 {
            let isSmall = index % 10 != 0
            let written = writer.row("key-\(index)", size: isSmall ? 900 : 600_000, isSmall: isSmall)
            newest[written.row.address] = written.row
            // The third has missed one in ten, and of some of the others the bytes.
            for (number, store) in stores.enumerated() where number < 2 || index % 10 != 3 {
                try await put(written, store, bytes: isSmall || number < 2 || index % 20 != 0)
            }
        }
        #expect(StoreDisk(stores[2]).wantedCount == 15)
        await bed.station(1).repair.antiEntropy.compare(with: RepairBed.id(3))
        await bed.station(3).repair.fetchWanted()
        #expect(try await faults(bed, newest, exactly: true) == [], "seed \(seed)")
        #expect(StoreDisk(stores[2]).wantedCount == 0)

        bed.setDown(2, true)
        for index in 0..<40 {
            let written = writer.row("key-\(index)", size: index % 8 == 0 ? 300_000 : 700, isSmall: index % 8 != 0)
            newest[written.row.address] = written.row
            for store in [stores[0], stores[2]] { try await put(written, store) }
            StoreDisk(stores[0]).addHint(
                MissedRow(node: RepairBed.id(2), address: written.row.address, stamp: written.row.stamp)
            )
        }
        bed.setDown(2, false)
        // Hints wait for the next write.
        try await put(writer.row("last", size: 1), stores[0])
        for _ in 0..<3 { try await bed.round() }
        #expect(bed.station(1).repair.report.hints == [])
        #expect(try await faults(bed, newest, exactly: true) == [], "seed \(seed)")

        try await bed.start(4, store: try shelf.open())
        try #require(try await bed.settle(members: 4), "seed \(seed)")
        for _ in 0..<3 { try await bed.round() }
        #expect(try await faults(bed, newest, exactly: true) == [], "seed \(seed)")
        await shelf.close()
    }

    @Test("a witness has every row and no bytes, wants none, and gets them when it becomes a holder")
    func witness() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let shelf = RepairShelf()
        let bed = RepairBed()
        for number in 1...2 as ClosedRange<UInt64> { try await bed.start(number, store: try shelf.open()) }
        try #require(try await bed.settle(members: 2), "seed \(seed)")
        var newest: [RowAddress: Row] = [:]
        func write(_ names: Range<Int>, to stores: [ObjectStore]) async throws {
            for index in names {
                let isSmall = index % 5 != 0
                let written = writer.row("key-\(index)", size: isSmall ? 900 : 300_000, isSmall: isSmall)
                newest[written.row.address] = written.row
                for store in stores { try await put(written, store) }
            }
        }
        try await write(0..<50, to: bed.up.compactMap(\.store))
        try await bed.start(3, weight: 0, store: try shelf.open())
        try #require(try await bed.settle(members: 3), "seed \(seed)")
        let store = try #require(bed.station(3).store)
        let layout = bed.station(1).layout.book.current
        #expect(layout.isWitness(RepairBed.id(3), storeID: store.storeID))
        // Small ones that come to it with their bytes are kept without them, too.
        try await write(51..<55, to: bed.up.compactMap(\.store))
        await bed.station(1).repair.antiEntropy.compare(with: RepairBed.id(3))
        #expect(try await faults(bed, newest, exactly: false) == [], "seed \(seed)")
        #expect(StoreDisk(store).wantedCount == 0)
        for row in newest.values { #expect(try await store.openBody(row.address, row.stamp) == nil) }

        let target = try #require(layout.setting(RepairBed.id(3), weight: 100))
        #expect(target.follows(layout))
        guard case .decided = await wish(.weight(RepairBed.id(3), 100), bed) else {
            Issue.record("the witness was not made a holder")
            return
        }
        try #require(try await bed.settle(members: 3), "seed \(seed)")
        for _ in 0..<3 { try await bed.round() }
        #expect(StoreDisk(store).wantedCount == 0)
        for row in newest.values {
            #expect(try await store.openBody(row.address, row.stamp) != nil, "\(row.record.key.text), seed \(seed)")
        }
        await shelf.close()
    }

    private func wish(_ wish: LayoutWish, _ bed: RepairBed) async -> LayoutConduct.WishAnswer {
        let conduct = bed.station(1).conduct
        return await withTaskGroup(of: LayoutConduct.WishAnswer?.self) { tasks in
            tasks.addTask { await conduct.wish(wish) }
            tasks.addTask {
                while !Task.isCancelled {
                    try? await bed.round()
                    await Task.yield()
                }
                return nil
            }
            let answer = await tasks.next() ?? nil
            tasks.cancelAll()
            return answer ?? .undecided
        }
    }
}
