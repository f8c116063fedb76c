import NIOCore
import Store
import Swim
import Testing

@testable import Mesh

/// Tombstones go from real stores, in rounds that all members take part in.
@Suite struct CollectionTests {
    private func merge(_ row: Row, _ stores: [ObjectStore]) async {
        for store in stores { #expect(await StoreDisk(store).merge([row], epoch: .max) != nil) }
    }

    private func tombstone(_ row: Row, _ writer: inout Writer) -> Row {
        var gone = writer.row(row.record.key.text, size: 0).row
        gone.record.kind = .tombstone
        gone.body = .empty
        return gone
    }

    private func standing(_ row: Row, _ store: ObjectStore) async throws -> RowStanding? {
        let sight = RowSight(row.address, row.ref, size: row.record.size, hasBytes: true)
        return try await StoreDisk(store).standing(of: [sight]).first
    }

    private func compare(_ bed: RepairBed) async throws {
        for (a, b) in [(1, 2), (1, 3), (2, 3)] as [(UInt64, UInt64)] {
            await bed.station(a).repair.antiEntropy.compare(with: RepairBed.id(b))
        }
    }

    /// Rounds until no store has a tombstone; how many it took, nil: too many.
    private func collect(_ bed: RepairBed, _ stores: [ObjectStore], rounds: Int = 30) async throws -> Int? {
        for count in 1...rounds {
            try await bed.round()
            if stores.allSatisfy({ $0.marksCount == 0 }) { return count }
            // Who lists a share has to have the tombstones: comparisons bring what it missed.
            if count % 5 == 0 { try await compare(bed) }
        }
        return nil
    }

    /// Three nodes on real stores, with a settled layout.
    private func begun(_ seed: UInt64) async throws -> (RepairShelf, RepairBed) {
        let shelf = RepairShelf()
        let bed = RepairBed(collects: true)
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number, store: try shelf.open()) }
        try #require(try await bed.settle(members: 3), "seed \(seed)")
        return (shelf, bed)
    }

    @Test("a thousand deleted keys leave no row on any store, and none comes back after restarts and comparisons")
    func wholeRound() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let (shelf, bed) = try await begun(seed)
        var kept: [Row] = []
        var gone: [Row] = []
        for index in 0..<1_200 {
            let row = writer.row("key-\(index)", size: 40).row
            await merge(row, shelf.stores)
            if index % 6 == 0 { kept.append(row) } else { gone.append(row) }
        }
        let before = bed.station(1).layout.book.current
        for (index, row) in gone.enumerated() {
            // Each has missed some of the deletes.
            await merge(
                tombstone(row, &writer),
                shelf.stores.enumerated().filter { index % 10 != $0.offset }.map(\.element)
            )
        }
        let rounds = try await collect(bed, shelf.stores)
        let last = bed.station(1).layout.book.current
        try #require(rounds != nil, "seed \(seed), epoch \(last.epoch), \(shelf.stores.map(\.marksCount)) are left")
        #expect(last.epoch > before.epoch && last.settled > before.settled && !last.isJoint)
        #expect(last.members == before.members && last.current == before.current)
        for station in bed.up { #expect(station.repair.counters.tombstonesCollected.value == UInt64(gone.count)) }

        func check(_ when: String) async throws {
            let roots = shelf.stores.map { $0.digestRoots().map { Array($0.dropLast()) } }
            #expect(roots[0] != nil && roots[0] == roots[1] && roots[1] == roots[2], "\(when), seed \(seed)")
            for store in shelf.stores {
                #expect(store.marksCount == 0 && store.statistics().versions == UInt64(kept.count), "\(when)")
                for row in kept { #expect(try await standing(row, store) == .settled, "\(when), seed \(seed)") }
                for row in gone { #expect(try await standing(row, store) == .missing, "\(when), seed \(seed)") }
            }
        }
        try await check("after the round")

        // What was read before the round is not taken behind it.
        let peers = bed.station(1).repair.around.peers
        await #expect(throws: RepairFailure.self) {
            try await peers.merge(RepairBed.id(2), [gone[0]], epoch: before.epoch)
        }
        #expect(await StoreDisk(shelf.stores[1]).merge([gone[1]], epoch: before.epoch) == nil)
        bed.station(1).repair.readRepair.offer(gone[2], lagging: [RepairBed.id(2)], epoch: before.epoch)
        try await bed.station(1).repair.readRepair.drain()

        for number in 1...3 as ClosedRange<UInt64> {
            await shelf.stores[Int(number) - 1].close()
            try await bed.start(number, store: try shelf.reopen(Int(number) - 1))
        }
        for _ in 0..<3 { try await bed.round() }
        try await compare(bed)
        try await check("after restarts")
        await shelf.close()
    }

    @Test(
        "a member that is away stops collection and nothing else; what one store has forgotten of a round costs a round"
    )
    func awayMember() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let (shelf, bed) = try await begun(seed)
        let stores = shelf.stores
        let rows = (0..<40).map { writer.row("key-\($0)", size: 30).row }
        for row in rows { await merge(row, stores) }
        bed.setDown(3, true)
        for row in rows { await merge(tombstone(row, &writer), Array(stores.prefix(2))) }
        let epoch = bed.station(1).layout.epoch
        for _ in 0..<6 { try await bed.round() }
        #expect(bed.station(1).layout.epoch == epoch && stores[0].marksCount == rows.count)
        let report = try #require(bed.station(1).repair.report.collection)
        #expect(report.waitsFor == ["node3"] && report.rows == rows.count)
        #expect(report.sentence == "40 tombstones wait to be collected, until all members answer: node3")

        bed.setDown(3, false)
        #expect(try await collect(bed, stores) != nil, "seed \(seed), \(stores.map(\.marksCount)) are left")
        for store in stores {
            for row in rows { #expect(try await standing(row, store) == .missing, "seed \(seed)") }
        }
        #expect(bed.station(1).repair.report.collection == nil)
        await shelf.close()
    }

    @Test("a tombstone stays while it is young, while its key is being decided, and while an upload may still finish")
    func reasonsToStay() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let shelf = RepairShelf()
        let store = try shelf.open()
        let disk = StoreDisk(store)
        let all = Set((0..<Partition.count).map { Partition(number: UInt16($0)) })
        try await store.adopt(
            epoch: 3,
            settled: 1 << 50,
            fences: Array(repeating: 1, count: Partition.all),
            holds: Array(repeating: true, count: Partition.all),
            isSole: false
        )
        let plain = tombstone(writer.row("plain", size: 1).row, &writer)
        let decided = tombstone(writer.row("decided", size: 1).row, &writer)
        let uploading = tombstone(writer.row("uploading", size: 1).row, &writer)
        var covered = tombstone(writer.row("covered", size: 1).row, &writer)
        covered.record.isNull = true
        for row in [plain, decided, uploading, covered] { await merge(row, [store]) }
        var version = writer.row("covered", size: 1).row
        version.record.isNull = false
        await merge(version, [store])
        _ = await withUnsafeContinuation { done in
            store.answer(
                ReplicaCall(
                    epoch: 3,
                    .prepare(decided.address, predecessor: decided.stamp, Ballot(round: 1, proposer: 1))
                )
            ) { done.resume(returning: $0) }
        }
        let completion = UploadRow.Completion(
            stamp: uploading.stamp,
            isConditional: false,
            op: OpID(high: 1, low: 1),
            parts: [],
            size: 0,
            etag: ETag(high: 0, low: 0),
            attributes: [],
            isNull: true,
            modifiedMillis: 1
        )
        var upload = writer.row("upload", size: 0).row
        upload.body = .empty
        upload.record.bucket = writer.bucket.within(.upload)
        upload.record.key = UploadKey.upload(uploading.record.key, initiatedMillis: 1, UploadID(high: 1, low: 2))
        upload.record.attributes = UploadRow(attributes: [], completion: completion).encoded
        await merge(upload, [store])

        let old = CollectionCut(rows: .max, uploads: .max)
        func found(_ cut: CollectionCut) async throws -> [SpentRow] {
            try await disk.spentRows(all, cut, after: nil, limit: 100).rows
        }
        #expect(try await found(old) == [SpentRow(plain.address, plain.ref)], "seed \(seed)")
        #expect(try await found(CollectionCut(rows: plain.stamp.t - 1, uploads: .max)) == [])
        #expect(try await disk.spentRows([], old, after: nil, limit: 100).rows == [])
        let asked = [plain, decided, uploading, covered].map { SpentRow($0.address, $0.ref) }
        #expect(try await disk.standing(ofSpent: asked) == [.spent, .needed, .needed, .needed])
        #expect(try await disk.collect(asked, epoch: 2) == 0, "of another epoch")
        #expect(try await disk.collect(asked, epoch: 3) == 1)
        #expect(try await standing(plain, store) == .missing)
        #expect(try await disk.standing(ofSpent: asked)[0] == .absent)
        await shelf.close()
    }
}
