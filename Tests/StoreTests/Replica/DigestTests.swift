import Foundation
import NIOCore
import Testing

@testable import Store

/// The sums that follow the rows, and the walks over them.
@Suite struct DigestTests {
    /// The sums of a table, counted in the plainest way.
    private static func counted(_ store: ObjectStore) async throws -> [[DigestSum]] {
        var sums = [[DigestSum]](
            repeating: Array(repeating: .zero, count: Digest.leavesPerPartition),
            count: Partition.all
        )
        for row in try await walked(store) {
            let record = Record(
                bucket: row.address.bucket,
                key: row.address.key,
                stamp: row.ref.stamp,
                kind: row.ref.kind,
                isNull: row.ref.isNull,
                size: row.size,
                etag: ETag(high: 0, low: 0),
                body: .empty,
                attributes: [],
                tags: [],
                op: row.ref.op
            )
            sums[Int(row.address.partition.number)][row.address.leaf] += Digest.sum(record, row.ref.stamp.sortable)
        }
        return sums
    }

    private static func walked(_ store: ObjectStore) async throws -> [WalkedRow] {
        var cursor: WalkCursor?
        var rows: [WalkedRow] = []
        let all = Set((0..<Partition.all).map { Partition(number: UInt16($0)) })
        repeat {
            let page = try await store.walk(partitions: all, leaves: nil, after: cursor, limit: 700)
            rows += page.rows
            cursor = page.next
        } while cursor != nil
        return rows
    }

    /// Asks the committer until the rows are counted: the count goes on between its transactions.
    private static func roots(_ store: ObjectStore) async throws -> [DigestSum] {
        while true {
            if let roots = store.digestRoots() { return roots }
            try await store.run { _ in }
        }
    }

    private static func check(_ store: ObjectStore, _ place: String) async throws {
        let roots = try await roots(store)
        let sums = try await counted(store)
        for number in 0..<Partition.all {
            let total = sums[number].reduce(into: DigestSum.zero) { $0 += $1 }
            #expect(roots[number] == total, "\(place), partition \(number)")
            guard total != .zero else { continue }
            let leaves = store.digestLeaves(Partition(number: UInt16(number)))
            #expect(leaves == sums[number], "\(place), partition \(number)")
        }
    }

    @Test("the digest is that of the rows after any work, a clean stop and a power cut", arguments: Depth.seeds(2))
    func equal(seed: UInt64) async throws {
        var random = Seeded(seed &+ 60)
        let run = try ModelRun(seed: seed &+ 1000)
        for _ in 0..<150 { try await run.step() }
        try await Self.check(run.store, "seed \(seed), the only holder")
        try await run.reopen()
        #expect(run.store.digestRoots() != nil, "a clean stop keeps the sums")
        try await Self.check(run.store, "seed \(seed), after a clean stop")
        try await HolderSample.adopt(run.store)
        let bucket = BucketID.fresh(99)
        for number in 0..<200 {
            for row in HolderSample.history(bucket, Key("h\(number)"), &random).shuffled(using: &random) {
                _ = await run.store.commit(row)
            }
        }
        try await Self.check(run.store, "seed \(seed), one of several")
        let image = run.scratch.path + "/image"
        try Image.take(of: run.scratch.directory, at: image, &random)
        try await Self.check(run.store, "seed \(seed), before the cut")
        await run.store.close()
        let copy = try ObjectStore.open(image, settings: .tight)
        try await Self.check(copy, "seed \(seed), after the cut")
        await copy.close()
    }

    @Test("what is written while the rows are counted is counted once")
    func counting() async throws {
        var random = Seeded(5)
        let scratch = Scratch()
        var settings = StoreSettings.tight
        settings.queuedWritesMax = 1 << 20
        var store = try scratch.open(settings)
        let bucket = try await store.bucket("b", .off)
        func write(_ count: Int) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<count {
                    let key = Key("k/\(random.below(6000))")
                    let isDelete = random.chance(0.3)
                    group.addTask { [store] in
                        if isDelete {
                            _ = try await store.commit(.delete(bucket, key, .none))
                        } else {
                            try await store.put(bucket, key, [])
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        try await write(8000)
        await store.close()
        try SmallFile.remove(DigestFile.path(in: scratch.directory))
        store = try scratch.open(settings)
        #expect(store.digestRoots() == nil)
        var rounds = 0
        while store.digestRoots() == nil {
            try await write(50)
            rounds += 1
        }
        #expect(rounds > 0)
        try await Self.check(store, "after \(rounds) rounds")
        await store.close()
    }

    @Test("a walk of some partitions shows each of their rows once, and says whether its bytes are here")
    func walks() async throws {
        let scratch = Scratch()
        let store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        try await HolderSample.adopt(store)
        var expected: [RowAddress: Partition] = [:]
        for number in 0..<300 {
            let address = RowAddress(bucket, Key("k\(number)"))
            let isMissing = number % 3 == 0
            let row = HolderSample.row(
                bucket,
                address.key,
                Stamp(t: 50, w: 1, q: 0),
                op: OpID(high: 1, low: UInt64(number)),
                bytes: isMissing ? [1] : [],
                body: isMissing ? .absent : nil
            )
            _ = await store.commit(row)
            expected[address] = address.partition
        }
        let some = Set(expected.values.sorted().prefix(40))
        var cursor: WalkCursor?
        var seen: [RowAddress] = []
        repeat {
            let page = try await store.walk(
                partitions: some,
                leaves: { _, leaf in leaf < 128 },
                after: cursor,
                limit: 7
            )
            for row in page.rows {
                let number = try #require(Int(row.address.key.text.dropFirst()))
                #expect(row.hasBytes == (number % 3 != 0))
            }
            seen += page.rows.map(\.address)
            cursor = page.next.map { WalkCursor(bytes: $0.bytes) }
        } while cursor != nil
        #expect(Set(seen) == Set(expected.keys.filter { some.contains($0.partition) && $0.leaf < 128 }))
        #expect(Set(seen).count == seen.count)
        let rows = try await Self.walked(store)
        #expect(rows.count == 301)

        let standing = try await store.standing(
            of: rows.filter { $0.address.bucket == bucket }.map { ($0.address, $0.ref) }
        )
        #expect(standing.count { $0 == .withoutBytes } == 100 && standing.count { $0 == .settled } == 200)
        let first = try #require(rows.first { $0.address.bucket == bucket })
        func other(_ time: UInt64) -> RowRef {
            RowRef(stamp: Stamp(t: time, w: 2, q: 0), op: OpID(high: 9, low: time), kind: .object, isNull: true)
        }
        #expect(
            try await store.standing(of: [(first.address, other(49)), (first.address, other(51))])
                == [.settled, .missing]
        )
        try await store.drop(rows.filter { $0.address.bucket == bucket }.map { ($0.address, $0.ref.stamp) })
        #expect(try await Self.walked(store).count == 1 && store.wantedCount == 0)
        try await Self.check(store, "after all was dropped")
        await store.close()
    }

    @Test("hints are counted, kept over a restart and removed one by one")
    func hints() async throws {
        let scratch = Scratch()
        var store = try scratch.open(.tight)
        let bucket = try await store.bucket("b", .off)
        let (one, two) = (HintPeer(high: 1, low: 2), HintPeer(high: 1, low: 3))
        let stamp = Stamp(t: 1, w: 1, q: 0)
        for number in 0..<20 {
            let address = RowAddress(bucket, Key("k\(number)"))
            store.addHint(one, address, stamp)
            store.addHint(one, address, stamp)
            if number < 5 { store.addHint(two, address, stamp) }
        }
        // The next write takes them along.
        try await store.put(bucket, Key("w"), [1])
        #expect(store.hintCounts() == [one: 20, two: 5])
        await store.close()
        store = try scratch.open(.tight)
        #expect(store.hintCounts() == [one: 20, two: 5])
        let some = try await store.hints(one, limit: 7)
        #expect(some.count == 7)
        try await store.removeHints(one, some)
        try await store.removeHints(one, some)
        #expect(store.hintCounts()[one] == 13)
        try await store.removeHints(two, try await store.hints(two, limit: 100))
        #expect(store.hintCounts() == [one: 13])
        await store.close()
    }

    @Test("undecided changes go over to another holder, and end on both when the key moves on")
    func instances() async throws {
        let (left, right) = (Scratch(), Scratch())
        let (from, to) = (try left.open(.tight), try right.open(.tight))
        let bucket = BucketID.fresh(4)
        let ballot = Ballot(round: 3, proposer: 1)
        let create = Stamp(t: HolderSample.settled + 1, w: 0, q: 1)
        let address = RowAddress(bucket, Key("k"))
        let row = HolderSample.row(bucket, address.key, create, op: OpID(high: 1, low: 1), bytes: [1, 2, 3])
        for store in [from, to] { try await HolderSample.adopt(store) }
        #expect(await from.call(.accept(row, predecessor: nil, ballot)).name == "accepted")
        let open = try await from.openInstances(partitions: [address.partition])
        #expect(open.count == 1)
        #expect(try await from.openInstances(partitions: []).isEmpty)
        for _ in 0..<2 { #expect(try await to.merge(instances: open, epoch: HolderSample.epoch)) }
        #expect(try await !to.merge(instances: open, epoch: HolderSample.epoch - 1), "an epoch that is over")
        guard
            case .promised(let proposal?) = await to.call(
                .prepare(address, predecessor: nil, Ballot(round: 4, proposer: 1))
            )
        else { return #expect(Bool(false), "nothing was accepted") }
        #expect(proposal.ballot == ballot && proposal.row.body == row.body)
        for store in [from, to] {
            #expect(await store.commit(row) == .complete)
            #expect(try await store.openInstances(partitions: [address.partition]).isEmpty)
            await store.close()
        }
        for scratch in [left, right] {
            let report = try Doctor.examine(scratch.directory)
            #expect(report.warnings == 0 && report.bodies == 1, "\(report.findings)")
        }
    }
}
