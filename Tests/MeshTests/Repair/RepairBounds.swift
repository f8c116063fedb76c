import Foundation
import NIOCore
import Store
import Swim
import Testing

@testable import Mesh

/// What repair may cost, counted in bytes on the wire, never in seconds. Small by default; the numbers of the design:
///
///     MESHD_REPAIR_OBJECTS=100000 MESHD_REPAIR_RECORDS=1000000 \
///         swift test -c release -Xswiftc -enable-testing --filter RepairBounds
@Suite(.serialized) struct RepairBounds {
    private static func number(_ name: String, or small: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? small
    }

    private static let rowsAtOnce = 500

    /// Three nodes on real stores.
    private func mesh(_ shelf: RepairShelf) async throws -> RepairBed {
        let bed = RepairBed()
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number, store: try shelf.open()) }
        try #require(try await bed.settle(members: 3))
        return bed
    }

    private func merge(_ rows: [Row], _ store: ObjectStore) async {
        let stored = await StoreDisk(store).merge(rows, epoch: .max)
        #expect(stored?.allSatisfy { $0 == .complete } == true)
    }

    /// The digests are counted anew after a start; until then nodes compare row by row.
    private func counted(_ stores: [ObjectStore]) async throws {
        for _ in 0..<4000 where stores.contains(where: { $0.digestRoots() == nil }) {
            try await Task.sleep(for: .milliseconds(25))
        }
        try #require(stores.allSatisfy { $0.digestRoots() != nil })
    }

    @Test("objects that differ in one percent heal with less than three times the ideal bytes")
    func differences() async throws {
        let count = Self.number("MESHD_REPAIR_OBJECTS", or: 3000)
        let size = 4096
        var writer = Writer(seed: 20)
        let shelf = RepairShelf()
        let bed = try await mesh(shelf)
        var rows: [Row] = []
        for index in 0..<count {
            rows.append(writer.row("key-\(index)", size: size).row)
            guard rows.count == Self.rowsAtOnce || index == count - 1 else { continue }
            for store in shelf.stores { await merge(rows, store) }
            rows = []
        }
        try await counted(shelf.stores)
        // One in a hundred was written while one of the three was away.
        var newest: [Row] = []
        for index in 0..<count / 100 {
            let row = writer.row("key-\(index * 100)", size: size).row
            newest.append(row)
            for (number, store) in shelf.stores.enumerated() where number != index % 3 { await merge([row], store) }
        }
        let before = bed.bytes
        for (a, b) in [(1, 2), (1, 3), (2, 3)] as [(UInt64, UInt64)] {
            await bed.station(a).repair.antiEntropy.compare(with: RepairBed.id(b))
        }
        let bytes = bed.bytes - before
        let ideal = newest.count * size
        for row in newest {
            let sight = RowSight(row.address, row.ref, size: row.record.size, hasBytes: true)
            for store in shelf.stores { #expect(try await StoreDisk(store).standing(of: [sight]) == [.settled]) }
        }
        let roots = shelf.stores.map { $0.digestRoots() }
        #expect(roots[0] == roots[1] && roots[1] == roots[2])
        #expect(bytes < 3 * UInt64(ideal))
        print("repair: \(newest.count) of \(count) objects of \(size) bytes healed with \(bytes) bytes, ideal \(ideal)")
        await shelf.close()
    }

    @Test("two equal nodes compare in less than 64 KiB, however much they have")
    func equal() async throws {
        let count = Self.number("MESHD_REPAIR_RECORDS", or: 10_000)
        var writer = Writer(seed: 21)
        let shelf = RepairShelf()
        let bed = try await mesh(shelf)
        var rows: [Row] = []
        for index in 0..<count {
            rows.append(writer.row("key-\(index)", size: 0).row)
            guard rows.count == Self.rowsAtOnce || index == count - 1 else { continue }
            for store in shelf.stores.prefix(2) { await merge(rows, store) }
            rows = []
        }
        try await counted(shelf.stores)
        let before = bed.bytes
        let result = await bed.station(1).repair.antiEntropy.compare(with: RepairBed.id(2))
        #expect(result?.leavesDifferent == 0)
        let bytes = bed.bytes - before
        #expect(bytes < 64 << 10)
        print("repair: two equal nodes of \(count) records compared with \(bytes) bytes")
        await shelf.close()
    }
}
