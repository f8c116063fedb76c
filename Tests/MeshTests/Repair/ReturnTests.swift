import NIOCore
import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// A store that comes back after others held its share without it.
@Suite struct ReturnTests {
    private func merge(_ row: Row, _ stores: [ObjectStore]) async {
        for store in stores { _ = await StoreDisk(store).merge([row], epoch: .max) }
    }

    private func standing(_ row: Row, _ store: ObjectStore) async throws -> RowStanding? {
        let sight = RowSight(row.address, row.ref, size: row.record.size, hasBytes: true)
        return try await StoreDisk(store).standing(of: [sight]).first
    }

    @Test("what was forgotten while a store was away does not come back with it")
    func oldRowsStayAway() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let shelf = RepairShelf()
        let bed = try await RepairBed.three(shelf, seed: seed)
        let stores = bed.up.compactMap(\.store)
        var kept: [Row] = []
        var forgotten: [Row] = []
        for index in 0..<60 {
            let row = writer.row("key-\(index)", size: 200).row
            await merge(row, stores)
            if index % 2 == 0 { kept.append(row) } else { forgotten.append(row) }
        }
        bed.setDown(3, true)
        async let removal = bed.station(1).conduct.wish(.remove([RepairBed.id(3)]), isForced: true)
        for _ in 0..<12 where bed.station(1).layout.book.current.members.count > 2 { try await bed.round() }
        _ = await removal
        #expect(bed.station(1).layout.book.current.members.count == 2)
        // As a store that is alone removes things, or a bucket goes: without a trace.
        for store in stores.prefix(2) { try await store.drop(forgotten.map { ($0.address, $0.stamp) }) }
        let late = writer.row("late", size: 90).row
        await merge(late, Array(stores.prefix(2)))

        bed.setDown(3, false)
        // The others see it, and it hears of the layout.
        for _ in 0..<2 { try await bed.round() }
        async let joining = bed.station(1).conduct.wish(.join(RepairBed.id(3)))
        let isBack = try await bed.settle(members: 3) { await bed.station(3).repair.pollSmallState() }
        try #require(isBack, "\(bed.station(1).layout.book.current), \(bed.station(3).layout.epoch)")
        #expect(await joining == .decided(notes: []))
        for (a, b) in [(1, 2), (1, 3), (2, 3)] as [(UInt64, UInt64)] {
            await bed.station(a).repair.antiEntropy.compare(with: RepairBed.id(b))
        }
        for row in kept + [late] {
            for store in stores { #expect(try await standing(row, store) == .settled, "seed \(seed)") }
        }
        for row in forgotten {
            for store in stores { #expect(try await standing(row, store) == .missing, "seed \(seed)") }
        }
        await shelf.close()
    }

    @Test("a founder whose store was lost founds nothing, and is filled by the others")
    func lostFounder() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let shelf = RepairShelf()
        let bed = try await RepairBed.three(shelf, seed: seed)
        let lineage = bed.station(2).layout.book.current.lineage
        let rows = (0..<40).map { writer.row("key-\($0)", size: 200).row }
        for row in rows { await merge(row, bed.up.compactMap(\.store)) }
        let station = try await bed.start(1, store: try shelf.open(), isLostFounder: true)
        #expect(!station.layout.isReady, "it serves before it has heard anything")
        for _ in 0..<40 where !station.repair.isSynced(in: station.layout.epoch) || !station.layout.isReady {
            try await bed.round()
            await station.repair.pollSmallState()
        }
        try #require(try await bed.settle(members: 3), "seed \(seed)")
        #expect(station.layout.book.current.lineage == lineage)
        let store = try #require(station.store)
        for row in rows { #expect(try await standing(row, store) == .settled, "seed \(seed)") }
        await shelf.close()
    }

    @Test("a store forgets what it has of a share only when it comes into it anew")
    func breaks() {
        func holds(_ mine: Set<Int>) -> [Bool] { (0..<Partition.all).map { mine.contains($0) } }
        let fences = (0..<Partition.all).map { $0 == 2 ? 7 : UInt64(1) }
        let known = Tenure(membership: 5, epoch: 4, holds: holds([0, 1, 2]))
        func stale(_ next: Tenure, current: Set<Int> = []) -> [Int] {
            Tenure.stale(known, next: next, fences: fences, isCurrent: holds(current)).map { Int($0.number) }
        }
        let all = holds([0, 1, 2, 3])
        #expect(stale(Tenure(membership: 5, epoch: 5, holds: all)) == [3], "without a gap")
        #expect(stale(Tenure(membership: 5, epoch: 8, holds: all)) == [2, 3], "the holders of 2 changed meanwhile")
        #expect(stale(Tenure(membership: 5, epoch: 8, holds: all), current: [2, 3]) == [], "it holds them already")
        let other = Tenure(membership: 6, epoch: 5, holds: all)
        #expect(stale(other, current: [1]).count == Partition.count - 1, "another life")
        #expect(stale(Tenure(membership: 5, epoch: 4, holds: holds([0, 1, 2]))) == [], "a restart")
    }
}
