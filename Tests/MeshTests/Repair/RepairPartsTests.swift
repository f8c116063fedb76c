import NIOCore
import Store
import Swim
import Testing

@testable import Mesh

@Suite struct RepairPartsTests {
    @Test("a comparison narrows one leaf among many down in three questions")
    func narrows() {
        let partitions = (0..<10).map { Partition(number: $0) }
        var comparison = Comparison(partitions, rechecks: false)
        #expect(comparison.begin() == .roots(partitions))
        #expect(comparison.roots(different: [Partition(number: 4)]) == .groups([Partition(number: 4)]))
        var theirs = [UInt64](repeating: 1, count: 16)
        theirs[3] = 2
        let directive = comparison.groups(mine: [UInt64](repeating: 1, count: 16), theirs: theirs)
        #expect(directive == .leaves([LeafGroup(Partition(number: 4), 3)]))
        theirs = [UInt64](repeating: 1, count: 16)
        theirs[5] = 9
        var leaves = LeafSet()
        leaves.insert(Partition(number: 4), 3 * 16 + 5)
        #expect(comparison.leaves(mine: [UInt64](repeating: 1, count: 16), theirs: theirs) == .finish(leaves))
    }

    @Test("what has become equal by the recheck is not walked")
    func rechecks() {
        let partition = Partition(number: 1)
        var comparison = Comparison([partition], rechecks: true)
        _ = comparison.begin()
        #expect(comparison.roots(different: [partition]) == .groups([partition]))
        let (mine, theirs) = ([UInt64](repeating: 1, count: 16), [UInt64](repeating: 2, count: 16))
        #expect(comparison.groups(mine: mine, theirs: theirs) == .pause)
        #expect(comparison.resume() == .roots([partition]))
        #expect(comparison.roots(different: []) == .finish(LeafSet()))
    }

    @Test("leaves that differ for a known reason are left alone until they differ otherwise")
    func explained() {
        let partition = Partition(number: 1)
        var known = ExplainedLeaves()
        known.note(LeafName(partition, 2), 5 &- 6)
        for (mine, theirs, isKnown) in [(5, 6, true), (7, 6, false), (7, 8, true)] as [(UInt64, UInt64, Bool)] {
            var comparison = Comparison([partition], rechecks: false, explained: known)
            _ = comparison.begin()
            _ = comparison.roots(different: [partition])
            _ = comparison.groups(
                mine: [1] + [UInt64](repeating: 0, count: 15),
                theirs: [UInt64](repeating: 0, count: 16)
            )
            var (a, b) = ([UInt64](repeating: 0, count: 16), [UInt64](repeating: 0, count: 16))
            (a[2], b[2]) = (mine, theirs)
            var leaves = LeafSet()
            if !isKnown { leaves.insert(partition, 2) }
            #expect(comparison.leaves(mine: a, theirs: b) == .finish(leaves))
        }
    }

    @Test("a partition that differs for a known reason is left alone, an empty one too, until it differs otherwise")
    func explainedPartition() {
        let partition = Partition(number: 1)
        let (mine, theirs) = ([UInt64](repeating: 0, count: 16), (1...16).map { UInt64($0) })
        func found(_ known: ExplainedLeaves, _ theirs: [UInt64]) -> (Comparison, Comparison.Directive) {
            var comparison = Comparison([partition], rechecks: false, explained: known)
            _ = comparison.begin()
            #expect(comparison.roots(different: [partition]) == .groups([partition]))
            let end = comparison.groups(mine: mine, theirs: theirs)
            return (comparison, end)
        }
        var known = ExplainedLeaves()
        let (comparison, first) = found(known, theirs)
        #expect(first == .finish(LeafSet([partition])))
        for (partition, difference) in comparison.partitionDifferences { known.note(partition, difference) }
        #expect(found(known, theirs).1 == .finish(LeafSet()))
        #expect(found(known, Array(theirs.reversed())).1 == .finish(LeafSet([partition])))
    }

    @Test("what came to differ between two looks is not taken as explained by what was looked at")
    func explainedByRecheck() {
        let partition = Partition(number: 1)
        var comparison = Comparison([partition], rechecks: true)
        let zeros = [UInt64](repeating: 0, count: 16)
        func look(_ different: [Int]) -> Comparison.Directive {
            _ = comparison.roots(different: [partition])
            var (groups, leaves) = (zeros, zeros)
            for leaf in different { (groups[0], leaves[leaf]) = (9, UInt64(leaf + 1)) }
            _ = comparison.groups(mine: groups, theirs: zeros)
            return comparison.leaves(mine: leaves, theirs: zeros)
        }
        _ = comparison.begin()
        #expect(look([3]) == .pause)
        #expect(comparison.resume() == .roots([partition]))
        var leaves = LeafSet()
        leaves.insert(partition, 3)
        #expect(look([3, 5]) == .finish(leaves))
        #expect(comparison.differences == [LeafName(partition, 3): 4])
        #expect(comparison.partitionDifferences.isEmpty)
    }

    @Test("a bucket of tokens lets its rate through and no more")
    func tokens() {
        var bucket = TokenBucket(rate: 1_000_000, now: 0)
        var now: Micros = 0
        for _ in 0..<100 { now += bucket.take(100_000, now: now) }
        // Ten megabytes, less the last piece, which is paid for after it went.
        #expect((9_800_000...10_000_000).contains(now))
        bucket.setRate(nil, now: now)
        #expect(bucket.take(1 << 40, now: now) == 0)
    }

    @Test("a rate beyond all disks, or below all sense, is the nearest that can be counted with")
    func rates() {
        for rate in [Int64.max, 1 << 60, 0, -1, .min] {
            var bucket = TokenBucket(rate: rate, now: 0)
            bucket.setRate(rate, now: 1 << 50)
            #expect(TokenBucket.rates.contains(bucket.rate ?? 0))
            _ = bucket.take(1 << 20, now: 1 << 51)
            #expect(bucket.take(1 << 20, now: 1 << 51) >= 0)
        }
    }

    @Test("repair slows down when requests do, and is as fast as it goes when nobody asks")
    func throttle() {
        var throttle = Throttle(now: 0)
        var now: Micros = 0
        func requests(_ throttle: inout Throttle, _ micros: Micros, isBusy: Bool) -> Int64? {
            for _ in 0..<100 {
                now += 20_000
                throttle.note(micros: micros, isBusy: isBusy, now: now)
            }
            return throttle.step(now: now)
        }
        #expect(requests(&throttle, 1000, isBusy: false) == nil)
        let first = requests(&throttle, 9000, isBusy: true)
        let second = requests(&throttle, 9000, isBusy: true)
        #expect(first != nil && second != nil && (second ?? 0) < (first ?? 0))
        let third = requests(&throttle, 1200, isBusy: true)
        #expect((third ?? 0) > (second ?? 0))
        #expect(throttle.step(now: now + 10_000_000) == nil)
    }

    @Test("the queue of read repairs is bounded, and each repair is in it once")
    func readRepairs() {
        func task(_ key: String) -> ReadRepairQueue.Task {
            let address = RowAddress(BucketID(rawValue: 1), Key(key))
            return ReadRepairQueue.Task(name: RowName(address, .zero), node: RepairBed.id(1))
        }
        var queue = ReadRepairQueue(countMax: 2)
        #expect(queue.offer(task("a")) && !queue.offer(task("a")) && queue.offer(task("b")) && !queue.offer(task("c")))
        #expect(queue.next() == task("a") && !queue.offer(task("a")))
        queue.finish(task("a"))
        #expect(queue.offer(task("c")) && queue.next() == task("b") && queue.next() == task("c") && queue.next() == nil)
    }

    @Test("of two nodes one asks, soon at first, then about once an interval")
    func schedule() {
        let (low, high) = (RepairBed.id(1), RepairBed.id(2))
        var schedule = CompareSchedule(own: high, intervalMicros: 1000, jitter: 0.2, seed: 1)
        #expect(schedule.next(among: [low], now: 1 << 40) == nil)
        schedule = CompareSchedule(own: low, intervalMicros: 1000, jitter: 0.2, seed: 1)
        _ = schedule.next(among: [high], now: 0)
        #expect(schedule.next(among: [high], now: 50) == high)
        schedule.done(high, isWhole: true, now: 50)
        #expect(schedule.next(among: [high], now: 849) == nil && schedule.next(among: [high], now: 1251) == high)
        schedule.done(high, isWhole: false, now: 2000)
        #expect(schedule.next(among: [high], now: 2061) == high)
        // An operator asks while it is under way, perhaps for what it has passed already.
        schedule.hurry([high], now: 2070)
        schedule.done(high, isWhole: true, now: 2080)
        #expect(schedule.next(among: [high], now: 2080) == high)
        schedule.done(high, isWhole: true, now: 2090)
        #expect(schedule.next(among: [high], now: 2100) == nil)
    }

    @Test("messages survive the wire, and no cut of one is taken for one")
    func wire() throws {
        var leaves = LeafSet([Partition(number: 3)])
        leaves.insert(Partition(number: 900), 17)
        let address = RowAddress(BucketID(rawValue: 4), Key("a/b"))
        let ref = RowRef(stamp: Stamp(t: 1, w: 2, q: 3), op: OpID(high: 4, low: 5), kind: .object, isNull: true)
        let sight = RowSight(address, ref, size: 77, hasBytes: true)
        func check<Value: WireValue & Equatable>(_ value: Value) throws {
            let bytes = value.wireBytes
            #expect(try Value(wire: bytes) == value)
            for count in 0..<bytes.readableBytes {
                let cut = try #require(bytes.getSlice(at: bytes.readerIndex, length: count))
                #expect(throws: WireError.self) { try Value(wire: cut) }
            }
        }
        try check(leaves)
        try check(sight)
        try check(RowName(address, ref.stamp))
        try check(
            SyncStatus(
                epoch: 3,
                isSynced: true,
                objects: 5,
                bytes: 6,
                storeID: 7,
                zone: "cellar",
                weight: 8,
                collection: CollectionStatus(isClean: true, isListed: true, rows: 9, highest: 10)
            )
        )
        try check(SpentRow(address, ref))
        try check(ClosedBucketsQuestion(after: nil))
        try check(ClosedBucketsQuestion(after: BucketID(rawValue: 9)))
        try check(ClosedBucketsAnswer([ClosedBucket(BucketID(rawValue: 9), isGone: true)], isTruncated: true))
        let question = WalkQuestion(leaves, after: WalkPlace(bytes: [1, 2]), limit: 9)
        let again = try WalkQuestion(wire: question.wireBytes)
        #expect(again.leaves == leaves && again.after == question.after && again.limit == 9)
    }
}
