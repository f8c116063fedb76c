import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

/// A majority of the voters is gone for good, and an operator goes on without them.
@Suite struct RecoveryTests {
    private func bed(_ count: UInt64) async throws -> RepairBed {
        let bed = RepairBed()
        for number in 1...count {
            try await bed.start(number)
            try await settle(bed)
        }
        return bed
    }

    private func settle(_ bed: RepairBed) async throws {
        for _ in 0..<20 {
            try await bed.round()
            let layouts = bed.up.map(\.layout.book.current)
            let isCalm = layouts.allSatisfy { !$0.isJoint && $0.epoch == layouts[0].epoch }
            if isCalm, Set(layouts[0].members.map(\.node)).isSuperset(of: bed.up.map(\.id)) { return }
        }
        Issue.record("the layout does not come to rest: \(bed.up.map(\.layout.book.current.epoch))")
    }

    /// What the register of the voters is about, once an operator has written another history.
    private func follow(_ station: RepairBed.Station, _ bed: RepairBed) async throws {
        let row = try #require(try await station.disk.layoutRow())
        bed.decided.withLock { $0 = (station.layout.book.current, row.stamp) }
    }

    @Test("it is refused while most voters answer")
    func majority() async throws {
        let bed = try await bed(3)
        bed.setDown(3, true)
        guard case .refused(let reason) = await bed.station(1).conduct.recover(isForced: true) else {
            Issue.record("a majority was overruled")
            return
        }
        #expect(reason.contains("remove"))
    }

    @Test("without force it says who is given up and what may be lost, and changes nothing")
    func told() async throws {
        let bed = try await bed(3)
        for number in [2, 3] as [UInt64] { bed.setDown(number, true) }
        let before = bed.station(1).layout.book.current
        guard case .needsForce(let without, let loss) = await bed.station(1).conduct.recover(isForced: false) else {
            Issue.record("no force was needed")
            return
        }
        #expect(without == [RepairBed.id(2), RepairBed.id(3)])
        #expect(loss.doubtful == [3: Partition.count] && loss.lost.isEmpty)
        #expect(bed.station(1).layout.book.current == before)
    }

    @Test("by force the one that is left goes on alone, and who comes back with the old history is not followed")
    func alone() async throws {
        let bed = try await bed(3)
        for number in [2, 3] as [UInt64] { bed.setDown(number, true) }
        let survivor = bed.station(1)
        let old = survivor.layout.book.current
        guard case .begun(_, _, let untold) = await survivor.conduct.recover(isForced: true) else {
            Issue.record("nothing began")
            return
        }
        #expect(untold.isEmpty && survivor.layout.book.current.lineage != old.lineage)
        try await follow(survivor, bed)
        try await settle(bed)
        #expect(survivor.layout.book.current.isSole == survivor.id)

        // The others decided something among themselves, and know of higher epochs.
        let others = [bed.station(2), bed.station(3)]
        var theirs = old
        for _ in 0..<100 { theirs = try #require(theirs.setting(RepairBed.id(2), weight: 50)?.settledSuccessor) }
        var row = theirs.row(OpID(high: 5, low: 5), nowMillis: 1)
        row.record.stamp = try #require(try await others[0].disk.layoutRow()).stamp.successor
        for other in others { #expect(await other.layout.take(row)) }
        for number in [2, 3] as [UInt64] { bed.setDown(number, false) }
        #expect(await others[0].layout.offer(to: survivor.id) == false)
        #expect(survivor.layout.book.current.isSole == survivor.id)
        #expect(await survivor.layout.offer(to: others[0].id) == false)
    }

    @Test("all who are left take the new history up, also those who were not told")
    func several() async throws {
        let bed = try await bed(5)
        for number in [3, 4, 5] as [UInt64] { bed.setDown(number, true) }
        let (first, second) = (bed.station(1), bed.station(2))
        guard case .begun(let without, let loss, _) = await first.conduct.recover(isForced: true) else {
            Issue.record("nothing began")
            return
        }
        #expect(without.count == 3 && !loss.isEmpty)
        #expect(second.layout.book.current == first.layout.book.current)
        try await follow(first, bed)
        try await settle(bed)
        #expect(Set(first.layout.book.current.members.map(\.node)) == [first.id, second.id])
        // What an operator began reaches whoever has it on the disk by any road.
        let late = try #require(try await first.disk.layoutRow())
        try await second.disk.keep(late)
        await second.layout.refresh()
        #expect(second.layout.book.current.lineage == first.layout.book.current.lineage)
    }
}
