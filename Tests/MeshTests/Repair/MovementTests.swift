import Store
import Swim
import Synchronization
import Testing

@testable import Mesh

@Suite struct MovementTests {
    @Test("nodes that join take their share while writes go on, and nobody keeps more than his own")
    func joins() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let bed = RepairBed()
        try await bed.start(1)
        var newest: [RowAddress: Row] = [:]
        func write(_ writer: inout Writer, _ count: Int, missing: Set<NodeID> = []) {
            for _ in 0..<count {
                let isSmall = writer.below(8) != 0
                let written = writer.row("key-\(writer.below(600))", size: isSmall ? 300 : 40_000, isSmall: isSmall)
                newest[written.row.address] = written.row
                bed.write(written, missing: missing)
            }
        }
        write(&writer, 1000)
        for (number, members) in [(2, 2), (3, 3), (4, 4), (5, 5)] as [(UInt64, Int)] {
            try await bed.start(number)
            let isSettled = try await bed.settle(members: members) {
                // One node misses some of what is written in between.
                write(&writer, 20, missing: number > 3 ? [RepairBed.id(UInt64(1 + writer.below(3)))] : [])
            }
            try #require(isSettled, "\(members) members; seed \(seed)")
            for _ in 0..<3 { try await bed.round() }
            #expect(bed.check(newest, exactly: true) == [], "\(members) members; seed \(seed)")
        }
        let moved = bed.station(5).repair.report.movement
        #expect(moved?.isDone == true)
    }

    @Test("a fourth node costs no more than its share: retained holders compare sums only")
    func idealBytes() async throws {
        var writer = Writer(seed: 3)
        let bed = RepairBed()
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 3))
        let size = 32_000
        var newest: [RowAddress: Row] = [:]
        for index in 0..<2000 {
            let written = writer.row("key-\(index)", size: size, isSmall: false)
            newest[written.row.address] = written.row
            bed.write(written)
        }
        let before = bed.bytes
        try await bed.start(4)
        try #require(try await bed.settle(members: 4))
        let layout = bed.station(1).layout.book.current
        let ideal = newest.keys.count { layout.holders(of: $0.partition, copies: 3).contains(RepairBed.id(4)) } * size
        let moved = bed.net.withLock { $0.bodyBytes }
        #expect(moved == UInt64(ideal))
        #expect(Double(bed.bytes - before) < 1.05 * Double(ideal), "\(bed.bytes - before) bytes for \(ideal)")
        #expect(bed.check(newest, exactly: true) == [])
    }

    @Test("a node that is removed gives everything away before it goes, and keeps nothing")
    func leaves() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let bed = RepairBed()
        for number in 1...4 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 4))
        var newest: [RowAddress: Row] = [:]
        for index in 0..<500 {
            let written = writer.row("key-\(index)", size: 400)
            newest[written.row.address] = written.row
            bed.write(written)
        }
        async let answer = bed.station(1).conduct.wish(.remove([RepairBed.id(4)]))
        while bed.station(1).layout.book.current.members.count == 4, !bed.station(1).layout.book.current.isJoint {
            try await bed.round()
        }
        try #require(try await bed.settle(members: 3))
        #expect(await answer == .decided(notes: []))
        #expect(bed.check(newest, exactly: true) == [], "seed \(seed)")
        #expect(bed.station(4).disk.load.objects <= 1, "only small state is left")
        #expect(await bed.station(1).conduct.wish(.remove([RepairBed.id(9)])) != .alreadySo)
    }

    @Test("a bucket moves between choices of nodes while writes go on, and costs no more than its own bytes")
    func moves() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writers = [Writer(seed: seed), Writer(seed: seed &+ 1)]
        writers[1].bucket = BucketID(rawValue: 12)
        let bed = RepairBed()
        for number in 1...5 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 5))
        var newest: [RowAddress: Row] = [:]
        var meanwhile = 0
        func write(_ count: Int, missing: Set<NodeID> = []) {
            for index in 0..<count {
                let at = index % 2
                let isSmall = writers[at].below(4) != 0
                let key = "key-\(writers[at].below(300))"
                let written = writers[at].row(key, size: isSmall ? 300 : 40_000, isSmall: isSmall)
                newest[written.row.address] = written.row
                // What is acknowledged is with majorities.
                let set = bed.station(1).layout.book.current.holders(of: written.row.address, base: 3)
                let away = set.canReachQuorum(without: Array(missing)) ? missing : []
                // Who misses it fetches it, whoever holds it by then.
                if !isSmall, !away.isEmpty { meanwhile += 2 * 40_000 }
                bed.write(written, missing: away)
            }
        }
        write(800)
        let bucket = writers[0].bucket
        func scope(_ numbers: [UInt64]) -> Pool.Scope { .nodes(Set(numbers.map(RepairBed.id))) }
        for place in [scope([3, 4, 5]), scope([1]), scope([1, 2]), nil, scope([2, 3, 4, 5])] {
            let before = bed.net.withLock { $0.bodyBytes }
            let there = newest.values.filter { $0.record.bucket == bucket && $0.record.size > 1_000 }
            meanwhile = 0
            let former = bed.station(1).layout.book.current
            async let answer = bed.station(1).conduct.wish(.move(bucket, base: 3, to: place))
            for _ in 0..<40 where bed.station(1).layout.book.current.epoch == former.epoch { try await bed.round() }
            try #require(bed.station(1).layout.book.current.epoch > former.epoch)
            let isSettled = try await bed.settle(members: 5) {
                write(10, missing: [RepairBed.id(UInt64(1 + writers[0].below(5)))])
            }
            try #require(isSettled, "\(String(describing: place)); seed \(seed)")
            guard case .decided = await answer else {
                Issue.record("\(await answer)")
                return
            }
            for _ in 0..<3 { try await bed.round() }
            #expect(bed.check(newest, exactly: true) == [], "\(String(describing: place)); seed \(seed)")
            // What came to nodes that had none of it, and what was written meanwhile.
            let layout = bed.station(1).layout.book.current
            var gained = 0
            for row in there {
                let old = former.holders(of: row.address, base: 3).current
                gained += layout.holders(of: row.address, base: 3).current.count { !old.contains($0) } * 40_000
            }
            let moved = bed.net.withLock { $0.bodyBytes } - before
            #expect(moved <= UInt64(gained + meanwhile), "\(moved) bytes, \(gained) have to, \(meanwhile) were missed")
        }
        // Nodes without a place for the bucket differ from the others for a reason, and do not look again.
        func compareAll() async throws -> Int {
            var leaves = 0
            for (a, b) in (1...5).flatMap({ a in (1...5).filter { $0 > a }.map { (a, $0) } }) as [(UInt64, UInt64)] {
                let result = await bed.station(a).repair.antiEntropy.compare(with: RepairBed.id(b))
                leaves += try #require(result).leavesDifferent
            }
            return leaves
        }
        let (first, second) = (try await compareAll(), try await compareAll())
        #expect(first > 0 && second == 0, "\(first) leaves, then \(second)")
        #expect(bed.check(newest, exactly: true) == [])
    }

    @Test("a node that comes learns which buckets others have closed or buried")
    func closedBuckets() async throws {
        let bed = RepairBed()
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 3))
        let (closing, gone) = (BucketID.fresh(1), BucketID.fresh(2))
        // A majority of every partition's holders, which is all that a deletion waits for; the first that is asked is not
        // among them.
        for number in 2...3 as ClosedRange<UInt64> {
            try await bed.station(number).disk.closeBuckets([closing])
            try await bed.station(number).disk.buryBuckets([gone])
        }
        for number in 4...5 as ClosedRange<UInt64> {
            try await bed.start(number)
            try #require(try await bed.settle(members: Int(number)))
            #expect(try await bed.station(number).disk.closedBuckets() == [closing])
            #expect(bed.station(number).disk.buriedBuckets == [gone])
        }
    }

    @Test("nothing waits for a node that was drained and has gone")
    func drainedNeedsNothing() async throws {
        var writer = Writer(seed: 4)
        let bed = RepairBed()
        for number in 1...4 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 4))
        // All but one of the holders of each row have it; the one is down, and will not be asked while it is.
        bed.setDown(4, true)
        for index in 0..<50 { bed.write(writer.row("key-\(index)", size: 300), missing: [RepairBed.id(4)]) }
        try await bed.round()
        let waiting = bed.up.reduce(0) { $0 + ($1.disk.hintCounts()[RepairBed.id(4)] ?? 0) }
        #expect(waiting > 0, "a node with a place is waited for")
        bed.setDown(4, false)
        try #require(try await bed.settle(members: 4))
        async let answer = bed.station(1).conduct.wish(.drain(RepairBed.id(4)))
        for _ in 0..<40 where bed.station(1).layout.book.current.hasPlace(RepairBed.id(4)) { try await bed.round() }
        try #require(try await bed.settle(members: 4))
        #expect(await answer == .decided(notes: []))
        #expect(!bed.station(1).layout.book.current.hasPlace(RepairBed.id(4)))
        // A write that had begun before found it gone.
        let late = writer.row("late", size: 300).row
        bed.station(1).disk.state.withLock { $0.hints[RepairBed.id(4)] = [RowName(late.address, late.stamp)] }
        bed.setDown(4, true)
        try await bed.round()
        #expect(bed.station(1).disk.hintCounts() == [:])
    }

    @Test("surplus is dropped only when all holders have it with its bytes")
    func surplusIsSafe() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var writer = Writer(seed: seed)
        let bed = RepairBed()
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 3))
        var newest: [RowAddress: Row] = [:]
        for index in 0..<300 {
            let written = writer.row("key-\(index)", size: index % 3 == 0 ? 30_000 : 200, isSmall: index % 3 != 0)
            newest[written.row.address] = written.row
            bed.write(written)
        }
        for station in bed.up {
            station.disk.onDrop.withLock { [unowned bed] onDrop in
                onDrop = { name in
                    let layout = station.layout.book.current
                    #expect(!layout.isJoint)
                    for node in layout.holders(of: name.address.partition, copies: 3).everyone {
                        let disk = bed.net.withLock { $0.stations[node] }?.disk
                        let isSafe = disk?.state.withLock { state in
                            let rows = state.rows[name.address] ?? []
                            return rows.contains { $0.stamp >= name.stamp && state.hasBytes($0) }
                        }
                        #expect(isSafe == true, "\(name.address.key.text) is dropped too early; seed \(seed)")
                    }
                }
            }
        }
        try await bed.start(4)
        try #require(try await bed.settle(members: 4, surplus: false))
        // A holder that lost some of its rows, and one that is away.
        let lost = bed.station(4).disk.state.withLock { state -> Int in
            let some = state.order().filter { $0.address.bucket == writer.bucket }.prefix(20)
            for name in some { state.remove(name) }
            return some.count
        }
        bed.setDown(2, true)
        for _ in 0..<2 { try await bed.round() }
        #expect(bed.station(1).repair.counters.surplusDropped.value < 300)
        bed.setDown(2, false)
        for _ in 0..<4 { try await bed.round() }
        #expect(lost > 0 && bed.check(newest, exactly: true) == [], "seed \(seed)")
    }

    @Test("a plan is done with a majority of the former holders of every share, never with one of three")
    func majoritiesOnly() throws {
        let nodes = (1...4).map { RepairBed.id(UInt64($0)) }
        func member(_ node: NodeID) -> LayoutMember {
            LayoutMember(node: node, storeID: node.low, memberSince: 0, zone: "", weight: 10)
        }
        var layout = Layout.first(node: nodes[0], storeID: 1, zone: "", weight: 10, lineage: 1)
        layout = try #require(layout.adding(nodes[1...2].map(member))?.settledSuccessor)
        let joint = try #require(layout.adding([member(nodes[3])]))
        var plan = SyncPlan(joint, own: nodes[3], copiesInUse: [3])
        #expect(!plan.partitions.isEmpty && !plan.isDone)
        let first = try #require(plan.next(reachable: Set(nodes)))
        plan.pulled(from: first.source, first.partitions)
        #expect(!plan.isDone, "one source is not enough")
        #expect(plan.next(reachable: [first.source]) == nil)
        #expect(plan.waiting(reachable: [first.source]).count == 2)
        let second = try #require(plan.next(reachable: Set(nodes)))
        #expect(second.source != first.source)
        plan.pulled(from: second.source, second.partitions)
        #expect(plan.isDone)
        // Who held it before is one source by itself.
        var kept = SyncPlan(joint, own: nodes[0], copiesInUse: [3])
        #expect(!kept.isDone && kept.new.isEmpty)
        let other = try #require(kept.next(reachable: Set(nodes)))
        kept.pulled(from: other.source, other.partitions)
        #expect(kept.isDone)
    }

    @Test("an instance that a former holder accepted goes along with its key")
    func instancesMove() async throws {
        var writer = Writer(seed: 11)
        let bed = RepairBed()
        for number in 1...3 as ClosedRange<UInt64> { try await bed.start(number) }
        try #require(try await bed.settle(members: 3))
        var keys: [RowAddress] = []
        for index in 0..<100 {
            let written = writer.row("key-\(index)", size: 10)
            keys.append(written.row.address)
            bed.write(written)
            var next = written.row
            next.record.stamp = written.row.stamp.successor
            let ballot = Ballot(round: 3, proposer: 5)
            let instance = OpenInstance(
                written.row.address,
                predecessor: written.row.stamp,
                promised: ballot,
                accepted: Proposal(ballot: ballot, row: next)
            )
            // Accepted by two of three.
            for number in 1...2 as ClosedRange<UInt64> {
                _ = try await bed.station(number).disk.merge([instance], epoch: .max)
            }
        }
        try await bed.start(4)
        try #require(try await bed.settle(members: 4))
        let layout = bed.station(1).layout.book.current
        let mine = keys.filter { layout.holders(of: $0.partition, copies: 3).contains(RepairBed.id(4)) }
        let known = bed.station(4).disk.state.withLock { state in mine.filter { state.instances[$0]?.accepted != nil } }
        #expect(!mine.isEmpty && known.count == mine.count)
    }
}
